"""Every element in fewer bits: float16, bfloat16, or a byte with a scale for each block."""

from __future__ import annotations

import numpy as np

from ....core import native
from ....core.array import FLOATS
from .method import Compression, Key

BLOCK = 256
"""Elements that share a scale in `Int8`: its scales are 1.6 % of a payload."""
_LARGEST_HALF = np.float32(65504)
_SMALLEST_BLOCK = np.float32(1e-30)


class Bfloat16(Compression):
    """The upper half of each float32, rounded to nearest."""

    @property
    def payload_bytes(self) -> int:
        return 2 * self._size

    def encode(self, gradient: np.ndarray, payload: np.ndarray, key: Key) -> None:
        if native.suits(gradient):
            native.launch("to_bfloat16", (payload,), (gradient,), (self._size, 0))
        else:
            payload.view(FLOATS["bfloat16"])[...] = gradient

    def _decode(self, payload: np.ndarray, out: np.ndarray, key: Key) -> None:
        if native.suits(out):
            native.launch("from_bfloat16", (out,), (payload,), (self._size, 0))
        else:
            out[...] = payload.view(FLOATS["bfloat16"])


class Float16(Compression):
    """Each element as a float16, rounded to nearest; what is beyond its range as its largest number."""

    @property
    def payload_bytes(self) -> int:
        return 2 * self._size

    def encode(self, gradient: np.ndarray, payload: np.ndarray, key: Key) -> None:
        if native.suits(gradient):
            native.launch("to_float16", (payload,), (gradient,), (self._size, 0))
        else:
            within = np.clip(gradient, -_LARGEST_HALF, _LARGEST_HALF)
            payload.view(np.float16)[...] = np.where(np.isinf(gradient), gradient, within)

    def _decode(self, payload: np.ndarray, out: np.ndarray, key: Key) -> None:
        if native.suits(out):
            native.launch("from_float16", (out,), (payload,), (self._size, 0))
        else:
            out[...] = payload.view(np.float16)


class Int8(Compression):
    """Each element as a whole number from -127 to 127, of which 127 is the block's largest magnitude.

    A block with anything in it that is not finite decodes to NaN.
    """

    @property
    def payload_bytes(self) -> int:
        return 4 * self._blocks + self._size

    @property
    def _blocks(self) -> int:
        return -(-self._size // BLOCK)

    def _parts(self, payload: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(blocks,) float32, (n,) int8."""
        split = 4 * self._blocks
        return payload[:split].view(np.float32), payload[split : split + self._size].view(np.int8)

    def encode(self, gradient: np.ndarray, payload: np.ndarray, key: Key) -> None:
        scales, levels = self._parts(payload)
        if native.suits(gradient):
            native.launch("to_int8", (levels, scales), (gradient,), (self._size, BLOCK))
            return
        largest = np.maximum.reduceat(np.abs(gradient), np.arange(0, self._size, BLOCK))
        finite = np.isfinite(largest)
        used = finite & (largest >= _SMALLEST_BLOCK)
        scales[...] = np.where(used, largest / np.float32(127), np.where(finite, 0, np.nan))
        factors = np.divide(np.float32(127), largest, out=np.zeros_like(largest), where=used)
        scaled = np.where(_spread(used, self._size), gradient, 0) * _spread(factors, self._size)
        levels[...] = np.rint(scaled)

    def _decode(self, payload: np.ndarray, out: np.ndarray, key: Key) -> None:
        scales, levels = self._parts(payload)
        if native.suits(out):
            native.launch("from_int8", (out,), (levels, scales), (self._size, BLOCK))
        else:
            np.multiply(levels, _spread(scales, self._size), out=out)


def _spread(of_blocks: np.ndarray, size: int) -> np.ndarray:
    """Each block's value for each of its elements: (size,)."""
    return np.repeat(of_blocks, BLOCK)[:size]
