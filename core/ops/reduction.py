"""Operations that reduce `axis` (an int, several, or None for all), which keepdims leaves as size 1."""

from __future__ import annotations

from typing import Any

from ..array import Array
from ..errors import ShapeError
from ..graph import explain, primitive, vjp
from ..precision import rounded_once
from .arithmetic import sqrt
from .constant import equal, require_axis, size_along, value, with_kept_axes
from .selection import where
from .shape import broadcast_to, getitem, reshape

Axis = int | tuple[int, ...] | None


@primitive
def sum(x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    """The sum over `axis`."""
    return x.sum(axis=axis, keepdims=keepdims)


def _sum_vjp(g: Any, y: Any, x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    return broadcast_to(reshape(g, with_kept_axes(x.shape, axis)), shape=x.shape)


vjp(sum, _sum_vjp)


@rounded_once
def mean(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The mean over `axis`."""
    total = sum(x, axis=axis, keepdims=keepdims)
    count = size_along(x.shape, axis)
    if not count:
        raise ShapeError("mean, argument x", "at least one element to average", f"shape {x.shape}")
    return total * (1.0 / count)


@rounded_once
def var(x: Any, axis: Axis = None, keepdims: bool = False, correction: float = 0) -> Any:
    """The mean squared distance from the mean over `axis`, in two passes.

    correction: what is taken off the number of elements before dividing by it; 1 estimates a population's.
    """
    centered = x - mean(x, axis=axis, keepdims=True)
    count = size_along(x.shape, axis) - correction
    if count <= 0:
        raise ShapeError("var, argument x", f"more than {correction} elements to average", f"shape {x.shape}")
    return sum(centered * centered, axis=axis, keepdims=keepdims) * (1.0 / count)


@rounded_once
def std(x: Any, axis: Axis = None, keepdims: bool = False, correction: float = 0) -> Any:
    """The square root of `var`; where that is 0 it has a kink, and the derivative 0."""
    variance = var(x, axis, keepdims, correction)
    flat = value(variance) == 0
    return where(flat, 0, sqrt(where(flat, 1, variance)))


@primitive
def max(x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    """The largest over `axis`; equal ones share the derivative."""
    return x.max(axis=axis, keepdims=keepdims)


def _max_vjp(g: Any, y: Any, x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    kept = with_kept_axes(x.shape, axis)
    largest = equal(x, reshape(y, kept))
    return reshape(g, kept) * (largest / largest.sum(axis=axis, keepdims=True))


vjp(max, _max_vjp)


@rounded_once
def min(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The smallest over `axis`; equal ones share the derivative."""
    return -max(-x, axis=axis, keepdims=keepdims)


@primitive
def cumsum(x: Array, axis: int = -1) -> Array:
    """The sums of the first 1, 2, ... elements along `axis`. Any shape -> same shape."""
    require_axis("cumsum", x, axis)
    return x.cumsum(axis=axis, dtype=x.dtype)


def _cumsum_vjp(g: Any, y: Any, x: Any, axis: int = -1) -> Any:
    """The sums of the last ones: of g, back to front."""
    reverse = [slice(None)] * x.ndim
    reverse[axis] = slice(None, None, -1)
    index = tuple(reverse)
    return getitem(cumsum(getitem(g, index=index), axis=axis), index=index)


vjp(cumsum, _cumsum_vjp)


def _explain_axis(x: Array, axis: Axis = None, keepdims: bool = False) -> tuple[str, str, str]:
    if x.size == 0:
        return "x", "at least one element", f"shape {x.shape}"
    return "axis", f"different axes of {x.shape}", f"{axis}"


explain(sum, _explain_axis)
explain(max, _explain_axis)
