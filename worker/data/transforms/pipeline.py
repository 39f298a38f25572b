"""All transforms of a dataset, fitted to its training samples, and saved with the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .categories import OneHot
from .images import RandomCrop, RandomFlip, Resize
from .sample import Draw, SampleTransform
from .series import Windows
from .text import TextToIds

_SAMPLE_TRANSFORMS: Mapping[str, type] = {
    "one_hot": OneHot,
    "resize": Resize,
    "random_crop": RandomCrop,
    "random_flip": RandomFlip,
}


@dataclass(frozen=True)
class Pipeline:
    """source: how samples are made out of what a file holds, where it does not hold them. steps: what is done
    to samples, in this order."""

    source: TextToIds | Windows | None = None
    steps: tuple[SampleTransform, ...] = ()

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of a sample after all steps; ValueError says what a step cannot take."""
        for step in self.steps:
            shape = step.output_shape(shape)
        return shape

    def apply(self, samples: np.ndarray, draw: Draw | None = None) -> np.ndarray:
        """Samples (n, *shape), float32, after all steps; contiguous. With `draw` as in training."""
        for step in self.steps:
            samples = step.apply(samples, draw)
        return np.ascontiguousarray(samples)

    def to_json(self) -> list[dict[str, Any]]:
        return [step.to_json() for step in (self.source, *self.steps) if step is not None]


NO_TRANSFORMS = Pipeline()


def pipeline_from_json(data: Sequence[Mapping[str, Any]]) -> Pipeline:
    """The transforms that `to_json` wrote; ValueError, KeyError or TypeError for anything else."""
    source: TextToIds | Windows | None = None
    steps = []
    for each in data:
        [(kind, settings)] = each.items()
        if kind == "tokenize":
            source = TextToIds.from_json(settings)
        elif kind == "window":
            source = Windows(**settings)
        else:
            steps.append(_SAMPLE_TRANSFORMS[kind](**settings))
    return Pipeline(source, tuple(steps))
