"""The fixed scaling of features: worked out on the training samples, saved with the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .rows import SampleArray

_BLOCK_VALUES = 1 << 20
# Wider kinds are shifted in float64 first: float32 would round a large value before its offset is taken off.
_EXACT_IN_FLOAT32 = ("b1", "i1", "u1", "i2", "u2", "f2", "f4")


@dataclass(frozen=True, eq=False)
class FeatureTransform:
    """features = (raw - offset) * scale in float32; both arrays broadcast to the shape of one sample."""

    offset: np.ndarray
    scale: np.ndarray

    @classmethod
    def scaling(cls, offset: float | np.ndarray, scale: float | np.ndarray) -> FeatureTransform:
        return cls(np.asarray(offset, dtype=np.float32), np.asarray(scale, dtype=np.float32))

    @classmethod
    def identity(cls) -> FeatureTransform:
        return cls.scaling(0.0, 1.0)

    @classmethod
    def to_unit_range(cls, features: SampleArray) -> FeatureTransform:
        """Smallest value of all features -> 0, largest -> 1."""
        lowest = min(float(block.min()) for block in row_blocks(features))
        highest = max(float(block.max()) for block in row_blocks(features))
        return cls.scaling(lowest, _inverse(np.asarray(highest - lowest)))

    @classmethod
    def to_standard(cls, features: SampleArray) -> FeatureTransform:
        """Each feature to mean 0 and standard deviation 1; a constant feature keeps its scale."""
        shape = features.shape[1:]
        total, squares = np.zeros(shape), np.zeros(shape)
        lowest, highest = np.full(shape, np.inf), np.full(shape, -np.inf)
        for block in row_blocks(features):
            total += block.sum(axis=0, dtype=np.float64)
            lowest, highest = np.minimum(lowest, block.min(axis=0)), np.maximum(highest, block.max(axis=0))
        mean = total / len(features)
        for block in row_blocks(features):
            squares += np.square(block - mean).sum(axis=0)
        deviation = np.sqrt(squares / len(features))
        return cls.scaling(mean, _inverse(np.where(highest > lowest, deviation, 0.0)))

    @cached_property
    def is_identity(self) -> bool:
        return not self.offset.any() and bool((self.scale == 1).all())

    def apply(self, raw: np.ndarray) -> np.ndarray:
        """Raw features (n, *feature_shape) of any real dtype -> new float32 features of that shape."""
        if self.is_identity:
            return raw.astype(np.float32)
        if raw.dtype.str[1:] in _EXACT_IN_FLOAT32:
            features = np.subtract(raw, self.offset, dtype=np.float32)
        else:
            features = np.subtract(raw, self.offset, dtype=np.float64).astype(np.float32)
        return np.multiply(features, self.scale, out=features)

    def to_json(self) -> dict[str, Any]:
        offset, scale = np.broadcast_arrays(self.offset, self.scale)
        return {
            "shape": list(offset.shape),
            "offset": offset.ravel().tolist(),
            "scale": scale.ravel().tolist(),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> FeatureTransform:
        """The transform that `to_json` wrote, bit for bit; ValueError, KeyError or TypeError for anything
        else."""
        shape = tuple(data["shape"])
        offset, scale = (
            np.asarray(data[name], dtype=np.float32).reshape(shape) for name in ("offset", "scale")
        )
        return cls(offset, scale)


def _inverse(spread: np.ndarray) -> np.ndarray:
    """1 / spread, or 1 where a feature is constant as far as float32 can tell."""
    varies = spread > np.finfo(np.float32).tiny
    return np.where(varies, 1.0 / np.where(varies, spread, 1.0), 1.0)


def row_blocks(array: SampleArray) -> Iterator[np.ndarray]:
    """The array's rows in order, a bounded number of values at a time (so that memory-mapped files fit)."""
    rows = max(1, _BLOCK_VALUES // max(1, array[:1].size))
    for start in range(0, len(array), rows):
        yield array[start : start + rows]
