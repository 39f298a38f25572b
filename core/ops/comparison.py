"""Answers that have no derivative: comparisons give booleans, argmax and argmin positions.

A tensor goes in, a tensor that requires no gradient comes out; arrays give arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from ..array import Array
from ..errors import ShapeError
from ..tensor import Tensor
from .constant import value


def _undifferentiated(formula: Callable[..., Array]) -> Callable[..., Any]:
    """Let a formula on arrays take tensors, and record nothing."""

    @wraps(formula)
    def call(*arguments: Any, **options: Any) -> Any:
        try:
            y = formula(*map(value, arguments), **options)
        except ValueError as error:
            shapes = [getattr(argument, "shape", ()) for argument in arguments]
            if len(shapes) == 2:
                where, expected, actual = "b", f"a shape that broadcasts with {shapes[0]}", f"{shapes[1]}"
            else:
                where, expected, actual = "axis", f"a nonempty axis of {shapes[0]}", f"{options.get('axis')}"
            raise ShapeError(f"{formula.__name__}, argument {where}", expected, actual) from error
        return Tensor(y) if any(isinstance(argument, Tensor) for argument in arguments) else y

    return call


@_undifferentiated
def greater(a: Array, b: Array) -> Array:
    """a > b, elementwise with broadcasting."""
    return a > b


@_undifferentiated
def greater_equal(a: Array, b: Array) -> Array:
    """a >= b, elementwise with broadcasting."""
    return a >= b


@_undifferentiated
def less(a: Array, b: Array) -> Array:
    """a < b, elementwise with broadcasting."""
    return a < b


@_undifferentiated
def less_equal(a: Array, b: Array) -> Array:
    """a <= b, elementwise with broadcasting."""
    return a <= b


@_undifferentiated
def equal(a: Array, b: Array) -> Array:
    """a == b, elementwise with broadcasting."""
    return a == b


@_undifferentiated
def not_equal(a: Array, b: Array) -> Array:
    """a != b, elementwise with broadcasting."""
    return a != b


@_undifferentiated
def argmax(x: Array, axis: int | None = None, keepdims: bool = False) -> Array:
    """Where the largest along `axis` is, the first of equal ones; None counts in row-major order."""
    return x.argmax(axis=axis, keepdims=keepdims)


@_undifferentiated
def argmin(x: Array, axis: int | None = None, keepdims: bool = False) -> Array:
    """Where the smallest along `axis` is, the first of equal ones; None counts in row-major order."""
    return x.argmin(axis=axis, keepdims=keepdims)
