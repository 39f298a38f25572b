"""Operations that reduce `axis` (an int, several, or None for all), which keepdims leaves as size 1."""

from __future__ import annotations

from typing import Any

from ..array import Array
from ..errors import ShapeError
from ..graph import explain, primitive, vjp
from ..precision import rounded_once
from .arithmetic import sqrt
from .constant import equal, size_along, with_kept_axes
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
    return sum(x, axis=axis, keepdims=keepdims) * (1.0 / size_along(x.shape, axis))


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


def std(x: Any, axis: Axis = None, keepdims: bool = False, correction: float = 0) -> Any:
    """The square root of `var`, whose derivative at a variance of 0 is infinite."""
    return sqrt(var(x, axis, keepdims, correction))


@primitive
def max(x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    """The largest over `axis`; equal ones share the derivative."""
    return x.max(axis=axis, keepdims=keepdims)


def _max_vjp(g: Any, y: Any, x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    kept = with_kept_axes(x.shape, axis)
    largest = equal(x, reshape(y, kept))
    return reshape(g, kept) * (largest / largest.sum(axis=axis, keepdims=True))


vjp(max, _max_vjp)


def min(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The smallest over `axis`; equal ones share the derivative."""
    return -max(-x, axis=axis, keepdims=keepdims)


@primitive
def cumsum(x: Array, axis: int = -1) -> Array:
    """The sums of the first 1, 2, ... elements along `axis`. Any shape -> same shape."""
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
explain(cumsum, lambda x, axis=-1: ("axis", f"an axis of {x.shape}", f"{axis}"))
