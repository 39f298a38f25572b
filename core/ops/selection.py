"""Elementwise choices between values: where, clip, minimum."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..array import Array, array_module
from ..errors import ShapeError
from ..graph import explain, primitive, vjp
from .arithmetic import maximum
from .constant import select, value


@primitive
def where(condition: Array, a: Array, b: Array) -> Array:
    """a where `condition` holds, else b, with broadcasting. `condition` is boolean and has no derivative."""
    return select(condition, a, b)


# A choice, not a product with a mask: an infinite derivative of what was not chosen must not become nan.
vjp(
    where,
    None,
    lambda g, y, condition, a, b: where(condition, g, 0),
    lambda g, y, condition, a, b: where(condition, 0, g),
)
explain(
    where,
    lambda condition, a, b: (
        "condition",
        f"a shape that broadcasts with {np.shape(a)} and {np.shape(b)}",
        f"{np.shape(condition)}",
    ),
)


@primitive
def clip(x: Array, low: float | None = None, high: float | None = None) -> Array:
    """x, but at least `low` and at most `high`; on a bound the derivative is still 1."""
    if low is not None and high is not None and not low <= high:
        raise ShapeError("clip, argument high", f"a bound of at least low, {low}", f"{high}")
    return array_module(x).clip(x, low, high)


def _clip_vjp(g: Any, y: Any, x: Any, low: float | None = None, high: float | None = None) -> Any:
    return where(value(x) == value(y), g, 0)


vjp(clip, _clip_vjp)


def minimum(a: Any, b: Any) -> Any:
    """The smaller of a and b; where they are equal each gets half of the derivative."""
    return -maximum(-a, -b)
