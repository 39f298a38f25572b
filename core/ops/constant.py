"""Arrays that derivatives treat as constants: zeros and ones kept between calls, masks, signs."""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from ..array import Array, array_module, as_array, is_floating, on_host
from ..errors import ShapeError
from ..tensor import Tensor

_CACHED_BYTES = 1 << 20
_MANY = 1 << 12
"""Elements from which a mask of bits is faster than branches."""


@lru_cache(maxsize=32)
def _filled(shape: tuple[int, ...], dtype: np.dtype, value: int) -> np.ndarray:
    array = np.full(shape, value, dtype)
    array.flags.writeable = False
    return array


def zeros(x: Array) -> Array:
    """Zeros of x's shape, not to be written to; for CuPy and large arrays a 0-d zero.

    NumPy takes the larger of two arrays three times as fast as of an array and a number. Not if they lie in
    different orders, and then what it gives is not in x's: such x get a 0-d zero too.
    """
    xp = array_module(x)
    if on_host(x) and x.nbytes <= _CACHED_BYTES and x.flags.c_contiguous:
        return _filled(x.shape, x.dtype, 0)
    return xp.zeros((), x.dtype)


def ones(x: Array, count: int) -> Array:
    """`count` ones of x's dtype, not to be written to."""
    xp = array_module(x)
    return _filled((count,), x.dtype, 1) if on_host(x) else xp.ones(count, x.dtype)


def value(x: Any) -> Array:
    """The array of a tensor; an array as it is."""
    return x.data if x.__class__ is Tensor else x


def select(condition: Array, a: Any, b: Any) -> Array:
    """a where `condition` holds, else b: on arrays, with broadcasting, the very bits of either.

    NumPy's own goes from branch to branch, which takes eight times as long as masks where no branch can be
    foreseen and what it learned of a small array does not help.
    """
    xp = array_module(condition)
    if not on_host(condition) or np.size(condition) < _MANY or not is_floating(dtype := np.result_type(a, b)):
        return xp.where(condition, a, b)
    bits = np.dtype(f"u{dtype.itemsize}")
    one, other = (as_array(x, dtype).view(bits) for x in (a, b))
    mask = np.negative(condition.astype(bool).astype(bits))
    chosen = np.bitwise_and(one ^ other, mask)  # not `&`, see `times`
    chosen ^= other
    return chosen.view(dtype)


def sign(x: Any) -> Array:
    """-1, 0 or 1 in x's dtype, elementwise."""
    x = value(x)
    return array_module(x).sign(x)


def above(x: Any, bound: Any) -> Array:
    """1 where x > bound, else 0, in x's dtype, elementwise with broadcasting."""
    x = value(x)
    return (x > value(bound)).astype(x.dtype)


def positive(x: Any) -> Array:
    """1 where x > 0, else 0, in x's dtype, elementwise; without booleans between, a quarter more memory."""
    x = value(x)
    xp = array_module(x)
    return xp.greater(x, 0, out=xp.empty_like(x))


def times(g: Any, factor: Any) -> Any:
    """g * factor, of one shape and dtype, written over a `factor` that is an array nobody else has.

    So it lies in memory as `factor` does. Of `g * factor` NumPy decides that by their size: from 256 KiB on
    it writes over operands that nobody else has.
    """
    if g.__class__ is Tensor:
        return g * factor
    xp = array_module(g)
    if xp is np:
        factor *= g
        return factor
    return xp.multiply(g, factor, out=xp.empty_like(factor))  # in a plan `factor` then takes no memory


def equal(x: Any, y: Any) -> Array:
    """1 where x == y, else 0, in x's dtype, elementwise with broadcasting."""
    x = value(x)
    return (x == value(y)).astype(x.dtype)


def require_axis(where: str, x: Any, axis: Any) -> None:
    """Raise ShapeError, in the name of `where`, unless `axis` is one of x."""
    if not isinstance(axis, int | np.integer) or not -len(x.shape) <= axis < len(x.shape):
        raise ShapeError(f"{where}, argument axis", f"an axis of {x.shape}", f"{axis}")


def size_along(shape: tuple[int, ...], axis: int | tuple[int, ...] | None) -> int:
    """How many elements a reduction over `axis` makes into one."""
    if axis is None:
        return prod(shape)
    return prod(shape[index] for index in (axis if isinstance(axis, tuple) else (axis,)))


def with_kept_axes(shape: tuple[int, ...], axis: int | tuple[int, ...] | None) -> tuple[int, ...]:
    """The shape that a reduction over `axis` with keepdims=True has."""
    if axis is None:
        return (1,) * len(shape)
    reduced = {index % len(shape) for index in (axis if isinstance(axis, tuple) else (axis,))}
    return tuple(1 if index in reduced else size for index, size in enumerate(shape))
