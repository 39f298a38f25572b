"""Features and targets as a source reads them, before they are checked and split."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Samples:
    """Raw arrays with one row a sample, and the fields of the job description that errors about them name."""

    features: np.ndarray
    targets: np.ndarray
    features_field: str
    targets_field: str
    feature_names: tuple[str, ...] | None = None
    label_name: str | None = None
