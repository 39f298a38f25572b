"""Operations that reduce `axis` (an int, several, or None for all), which keepdims leaves as size 1."""

from __future__ import annotations

from typing import Any

from ..array import Array
from ..graph import explain, primitive, vjp
from .constant import equal, size_along, with_kept_axes
from .shape import broadcast_to, reshape

Axis = int | tuple[int, ...] | None


@primitive
def sum(x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    """The sum over `axis`."""
    return x.sum(axis=axis, keepdims=keepdims)


def _sum_vjp(g: Any, y: Any, x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    return broadcast_to(reshape(g, with_kept_axes(x.shape, axis)), shape=x.shape)


vjp(sum, _sum_vjp)


def mean(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The mean over `axis`."""
    return sum(x, axis=axis, keepdims=keepdims) * (1.0 / size_along(x.shape, axis))


@primitive
def max(x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    """The largest over `axis`; equal ones share the derivative."""
    return x.max(axis=axis, keepdims=keepdims)


def _max_vjp(g: Any, y: Any, x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    kept = with_kept_axes(x.shape, axis)
    largest = equal(x, reshape(y, kept))
    return reshape(g, kept) * (largest / largest.sum(axis=axis, keepdims=True))


vjp(max, _max_vjp)


def _explain_axis(x: Array, axis: Axis = None, keepdims: bool = False) -> tuple[str, str, str]:
    if x.size == 0:
        return "x", "at least one element", f"shape {x.shape}"
    return "axis", f"different axes of {x.shape}", f"{axis}"


explain(sum, _explain_axis)
explain(max, _explain_axis)
