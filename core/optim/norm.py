"""Sums of squares that come out the same on every machine: float64, in fixed blocks, in a fixed order."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ..array import Array, array_module, on_host, to_numpy

NORM_BLOCK = 4096
"""Elements that are summed as one."""


def squared_sums(x: Array) -> np.ndarray:
    """The sum of x² in each block of NORM_BLOCK elements. x: (n,) -> (ceil(n / NORM_BLOCK),) float64.

    The sums of two parts, one after the other, are those of the whole if the cut is between blocks.
    """
    xp = array_module(x)
    whole = len(x) - len(x) % NORM_BLOCK
    rows = x[:whole].reshape(-1, NORM_BLOCK)
    sums = xp.empty(-(-len(x) // NORM_BLOCK), xp.float64)
    at_once = max(1, 64 if on_host(x) else 1 << 14)
    for start in range(0, len(rows), at_once):
        squares = xp.square(rows[start : start + at_once], dtype=xp.float64)
        sums[start : start + len(squares)] = squares.sum(axis=1)
    if whole < len(x):
        sums[-1] = xp.square(x[whole:], dtype=xp.float64).sum()
    return to_numpy(sums)


def norm_of(sums: Iterable[float]) -> float:
    """The Euclidean norm from sums of squares, added up one after the other."""
    total = 0.0
    for value in sums:
        total += float(value)
    return total**0.5


def norm(x: Array) -> float:
    """The Euclidean norm of all elements of x, of any shape."""
    return norm_of(squared_sums(x.reshape(-1)))
