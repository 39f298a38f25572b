"""Features and targets as a source reads them, before they are checked and split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .rows import SampleArray


@dataclass(frozen=True, eq=False)
class Samples:
    """Raw arrays with one row a sample, and the fields of the job description that errors about them name.

    class_names: where it is given, the targets are known to be ids of these.
    categories: by name of a feature that was text, the texts that its ids stand for.
    """

    features: SampleArray
    targets: SampleArray
    features_field: str
    targets_field: str
    feature_names: tuple[str, ...] | None = None
    label_name: str | None = None
    class_names: tuple[str, ...] | None = None
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
