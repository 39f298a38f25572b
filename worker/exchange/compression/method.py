"""What every compression method is, and error feedback around it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import prod

import numpy as np

from ....core.flat import FlatLayout


@dataclass(frozen=True)
class Key:
    """What a method's random numbers depend on, and nothing else does."""

    seed: int
    step: int
    micro_batch: int


class Compression(ABC):
    """A method for gradients of one layout. What it gives depends on its arguments alone.

    A gradient that is not finite decodes to one that is not, so that divergence is noticed. What lies between
    two parameters of the layout decodes to 0.
    """

    def __init__(self, layout: FlatLayout) -> None:
        ends = (*layout.offsets[1:], layout.size)
        self._size = layout.size
        self._gaps = [
            slice(offset + prod(shape), end)
            for offset, shape, end in zip(layout.offsets, layout.shapes, ends, strict=True)
            if offset + prod(shape) < end
        ]

    @property
    @abstractmethod
    def payload_bytes(self) -> int:
        """The size of every payload: a multiple of 4."""

    @property
    def ratio(self) -> float:
        """The size of a payload by that of the gradient."""
        return self.payload_bytes / (4 * self._size)

    @abstractmethod
    def encode(self, gradient: np.ndarray, payload: np.ndarray, key: Key) -> None:
        """Write `gradient` (n,) float32 to `payload` (payload_bytes,) uint8."""

    def decode(self, payload: np.ndarray, out: np.ndarray, key: Key) -> None:
        """Write the gradient that `payload` stands for to `out` (n,) float32; `key` is that of `encode`."""
        self._decode(payload, out, key)
        for gap in self._gaps:
            out[gap] = 0

    @abstractmethod
    def _decode(self, payload: np.ndarray, out: np.ndarray, key: Key) -> None:
        """`decode`, but for what lies between two parameters."""


def compress(
    compression: Compression,
    gradient: np.ndarray,
    residual: np.ndarray,
    key: Key,
    payload: np.ndarray,
    following: np.ndarray,
    scale: float = 1.0,
) -> None:
    """Error feedback (Seide et al., Interspeech 2014; Karimireddy et al., ICML 2019) around one encoding.

    gradient: (n,), times `scale`, a loss scale; becomes what its receiver decodes. residual: (n,), what was
    left out so far, not scaled; `following` (n,) becomes what is left out now. So the sum of all that was
    decoded and the last residual is the sum of all gradients. payload: (payload_bytes,) uint8, is written.

    None of the written arrays may be `residual`: who is interrupted must find it as it was.
    """
    if scale == 1:
        np.add(gradient, residual, out=following)
    else:
        np.multiply(residual, np.float32(scale), out=following)
        np.add(gradient, following, out=following)
    compression.encode(following, payload, key)
    compression.decode(payload, gradient, key)
    np.subtract(following, gradient, out=following)
    if scale != 1:
        np.multiply(following, np.float32(1 / scale), out=following)
