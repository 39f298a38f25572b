"""What layers refuse: sizes when they are made, lengths of sequences when they are used."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..array import Array
from ..errors import DTypeError, ShapeError


def require_positive(kind: str, **sizes: int) -> None:
    """Raise ShapeError, in the name of a `kind` of layer, for the first size below 1."""
    for name, size in sizes.items():
        if not isinstance(size, int | np.integer):
            raise ShapeError(kind, f"a whole number of {name}", repr(size))
        if size < 1:
            raise ShapeError(kind, f"{name} of at least 1", str(size))


def require_lengths(kind: str, lengths: Any, count: int, most: int) -> Array:
    """The lengths of `count` sequences, integers from 0 to `most`: (n,). Lists become arrays."""
    lengths = np.asarray(lengths) if isinstance(lengths, list | tuple) else lengths
    if lengths.dtype.kind not in "iu":
        raise DTypeError(f"{kind}, argument lengths: expected integers, got {lengths.dtype}")
    if lengths.shape != (count,) or (count and not 0 <= lengths.min() <= lengths.max() <= most):
        bounds = f", from {lengths.min()} to {lengths.max()}" if lengths.size else ""
        expected, actual = f"shape ({count},), from 0 to {most}", f"shape {lengths.shape}{bounds}"
        raise ShapeError(f"{kind}, argument lengths", expected, actual)
    return lengths
