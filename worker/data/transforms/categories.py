"""One-hot vectors in place of ids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..rows import SampleArray
from ..transform import row_blocks
from .sample import Draw

_MOST = 100_000


@dataclass(frozen=True)
class OneHot:
    """Each value becomes a vector with a 1 at its place; zeros for what is none of 0 to `categories` - 1."""

    categories: int

    @classmethod
    def fit(cls, samples: SampleArray) -> OneHot:
        """As many categories as the training samples have; ValueError where they are not ids."""
        highest = 0
        for block in row_blocks(samples):
            wrong = (block < 0) | (block != np.floor(block)) | (block >= _MOST)
            if wrong.any():
                raise ValueError(f"expected whole numbers from 0 to {_MOST - 1}, got {block[wrong][0]}")
            highest = max(highest, int(block.max()))
        return cls(highest + 1)

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (*shape, self.categories)

    def apply(self, samples: np.ndarray, draw: Draw | None) -> np.ndarray:
        return (samples[..., np.newaxis] == np.arange(self.categories)).astype(np.float32)

    def to_json(self) -> dict[str, Any]:
        return {"one_hot": {"categories": self.categories}}
