"""A loaded dataset: the training and the held-out samples, and what is known about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from .rows import SampleArray
from .transform import FeatureTransform
from .transforms import NO_TRANSFORMS, Pipeline


@dataclass(frozen=True, eq=False)
class Dataset:
    """Samples in the file's own dtype; `features.model_inputs` makes of them what a model reads.

    features: (n, *raw_shape), large ones in their file. targets: int64 class ids (n,) where `classes` is
    a number, float32 (n, outputs) where it is None. The test arrays have no rows when nothing is held out.
    categories: by name of a feature that was text, the texts that its ids stand for.
    """

    train_features: SampleArray
    train_targets: SampleArray
    test_features: SampleArray
    test_targets: SampleArray
    classes: int | None
    transform: FeatureTransform
    class_names: tuple[str, ...] | None = None
    feature_names: tuple[str, ...] | None = None
    label_name: str | None = None
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    pipeline: Pipeline = NO_TRANSFORMS

    @property
    def raw_shape(self) -> tuple[int, ...]:
        """Shape of one sample as it is stored."""
        return tuple(self.train_features.shape[1:])

    @cached_property
    def feature_shape(self) -> tuple[int, ...]:
        """Shape of one sample as a model reads it."""
        return self.pipeline.output_shape(self.raw_shape)

    @property
    def train_samples(self) -> int:
        return len(self.train_features)

    @property
    def test_samples(self) -> int:
        return len(self.test_features)
