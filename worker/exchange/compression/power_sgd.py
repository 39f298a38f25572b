"""Matrices as products of two narrow ones: PowerSGD."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import numpy as np

from ....core import random
from ....core.flat import FlatLayout
from .method import Compression, Key

ITERATIONS = 2
"""How often a matrix is multiplied with: two take the place of the warm start, see `PowerSGD`."""


@dataclass(frozen=True)
class _Matrix:
    """A parameter that travels as left (rows, rank) and right (columns, rank), float32 at `start`."""

    part: slice
    rows: int
    columns: int
    rank: int
    start: int

    def factors(self, payload: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        split = self.start + self.rows * self.rank
        left, right = payload[self.start : split], payload[split : split + self.columns * self.rank]
        return left.reshape(self.rows, self.rank), right.reshape(self.columns, self.rank)


class PowerSGD(Compression):
    """Each parameter of two or more axes as a product of rank `rank`, as (first axis, all others); the rest,
    and what would not become smaller, as it is.

    Vogels, Karimireddy & Jaggi, "PowerSGD", NeurIPS 2019. There the factors of all workers are summed, which
    allows one iteration a step, and it starts from the last step's. Here each gradient is decoded by itself:
    it may take more iterations, and so starts from keyed random numbers and keeps no state.
    """

    def __init__(self, layout: FlatLayout, rank: int) -> None:
        super().__init__(layout)
        self._matrices: list[_Matrix] = []
        self._dense: list[tuple[slice, slice]] = []  # of the flat buffer, of the payload
        self._words = 0
        for shape, offset in zip(layout.shapes, layout.offsets, strict=True):
            size, rows = prod(shape), shape[0] if shape else 1
            columns = size // max(rows, 1)
            fits = min(rank, rows, columns)
            part = slice(offset, offset + size)
            words = fits * (rows + columns)
            if len(shape) > 1 and 0 < words < size:
                self._matrices.append(_Matrix(part, rows, columns, fits, self._words))
            else:
                words = size
                self._dense.append((part, slice(self._words, self._words + size)))
            self._words += words

    @property
    def payload_bytes(self) -> int:
        return 4 * self._words

    def encode(self, gradient: np.ndarray, payload: np.ndarray, key: Key) -> None:
        words = payload.view(np.float32)
        for part, place in self._dense:
            words[place] = gradient[part]
        for matrix, start in zip(self._matrices, self._starts(key), strict=True):
            values = gradient[matrix.part].reshape(matrix.rows, matrix.columns)
            left, right = matrix.factors(words)
            right[...] = start
            for _ in range(ITERATIONS):
                left[...] = _orthonormal(values @ right)
                np.matmul(values.T, left, out=right)

    def _decode(self, payload: np.ndarray, out: np.ndarray, key: Key) -> None:
        words = payload.view(np.float32)
        for part, place in self._dense:
            out[part] = words[place]
        for matrix in self._matrices:
            left, right = matrix.factors(words)
            np.matmul(left, right.T, out=out[matrix.part].reshape(matrix.rows, matrix.columns))

    def _starts(self, key: Key) -> Iterator[np.ndarray]:
        """A random (columns, rank) for each matrix."""
        stream, first = random.substream(random.COMPRESSION, key.micro_batch), 0
        for matrix in self._matrices:
            count = matrix.columns * matrix.rank
            yield random.normal(key.seed, stream, key.step, first, count).reshape(-1, matrix.rank)
            first += count


def _orthonormal(x: np.ndarray) -> np.ndarray:
    """An orthonormal basis of the columns of x (rows, rank), with NaN in all of it if x is not finite.

    The columns are scaled first, so that no square overflows or vanishes.
    """
    largest = np.abs(x).max(axis=0)
    if not np.isfinite(largest).all():
        return np.full_like(x, np.nan)
    return np.linalg.qr(x / np.where(largest > 0, largest, np.float32(1)))[0]
