"""One bit an element: its sign, with two means for each block."""

from __future__ import annotations

import numpy as np

from ....core import native
from .method import Compression, Key

BLOCK = 512
"""Elements that share two means: these are a ninth of a payload."""
_LANES = 16


class OneBit(Compression):
    """The sign of each element; it decodes to the mean of those of its sign in its block.

    After Seide et al., "1-bit stochastic gradient descent", Interspeech 2014, whose blocks are columns.
    """

    @property
    def payload_bytes(self) -> int:
        return 8 * self._blocks + -(-self._size // 32) * 4

    @property
    def _blocks(self) -> int:
        return -(-self._size // BLOCK)

    def _parts(self, payload: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Means of the positive and of the negative elements (blocks, 2), and bits (n / 8,) uint8."""
        split = 8 * self._blocks
        return payload[:split].view(np.float32).reshape(-1, 2), payload[split : split + self._size // 8]

    def encode(self, gradient: np.ndarray, payload: np.ndarray, key: Key) -> None:
        means, bits = self._parts(payload)
        if native.suits(gradient):
            native.launch("to_signs", (bits, means), (gradient,), (self._size, BLOCK))
            return
        negative = np.signbit(gradient)
        bits[...] = np.packbits(negative, bitorder="little")
        counts = np.add.reduceat(negative, np.arange(0, self._size, BLOCK), dtype=np.int64)
        sizes = np.minimum(BLOCK, self._size - BLOCK * np.arange(self._blocks))
        signed = np.where(negative, np.float32(0), gradient), np.where(negative, gradient, np.float32(0))
        for column, part, count in zip((0, 1), signed, (sizes - counts, counts), strict=True):
            means[:, column] = _block_sums(part, self._blocks) / np.maximum(count, 1).astype(np.float32)

    def _decode(self, payload: np.ndarray, out: np.ndarray, key: Key) -> None:
        means, bits = self._parts(payload)
        if native.suits(out):
            native.launch("from_signs", (out,), (bits, means), (self._size, BLOCK))
            return
        negative = np.unpackbits(bits, bitorder="little").view(bool)
        positive_means, negative_means = (np.repeat(column, BLOCK)[: self._size] for column in means.T)
        out[...] = np.where(negative, negative_means, positive_means)


def _block_sums(x: np.ndarray, blocks: int) -> np.ndarray:
    """The sum of each block, added up in the order of the kernel: sixteen columns, then in halves."""
    padded = np.zeros(blocks * BLOCK, np.float32)
    padded[: len(x)] = x
    lanes = np.add.reduce(padded.reshape(blocks, -1, _LANES), axis=1)
    while lanes.shape[1] > 1:
        half = lanes.shape[1] // 2
        lanes = lanes[:, :half] + lanes[:, half:]
    return lanes[:, 0]
