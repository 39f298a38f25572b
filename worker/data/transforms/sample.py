"""What every transform of single samples keeps to, and the random numbers that some of them draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ....core import random

_WORDS = 4


@dataclass(frozen=True)
class Draw:
    """The key of what is drawn for the samples of a micro-batch.

    Each sample has its place in the mini-batch of `step`, so the cut into micro-batches and the number of
    workers change nothing.
    """

    seed: int
    step: int
    first_sample: int

    def words(self, place: int, samples: int) -> np.ndarray:
        """(samples, 4) random words, uint64, for the transform at this place of the list."""
        stream = random.substream(random.AUGMENTATION, place)
        start = _WORDS * self.first_sample
        return random.random_words(self.seed, stream, self.step, start, _WORDS * samples).reshape(-1, _WORDS)


def choices(words: np.ndarray, count: int) -> np.ndarray:
    """Whole numbers from 0 to `count` - 1, one a word, int64."""
    return ((words >> np.uint64(32)) * np.uint64(count) >> np.uint64(32)).astype(np.int64)


class SampleTransform(Protocol):
    """From samples (n, *shape) to samples (n, *output_shape(shape)), each by itself."""

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Of one sample; ValueError says what it cannot take."""
        ...

    def apply(self, samples: np.ndarray, draw: Draw | None) -> np.ndarray:
        """float32 samples; `draw` in training only."""
        ...

    def to_json(self) -> dict[str, Any]:
        """{kind: settings}, what was taken from the training samples among them."""
        ...
