"""Answers that have no derivative: comparisons give booleans, argmax and argmin positions.

A tensor goes in, a tensor that requires no gradient comes out; arrays give arrays.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import wraps
from typing import Any

from ..array import Array
from ..errors import ShapeError
from ..graph import unfit
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
        except TypeError as error:
            raise unfit(formula.__name__, list(map(value, arguments)), options) from error
        return Tensor(y) if any(isinstance(argument, Tensor) for argument in arguments) else y

    return call


def _comparison(name: str, symbol: str, compare: Callable[[Array, Array], Array]) -> Callable[..., Any]:
    def formula(a: Array, b: Array) -> Array:
        return compare(a, b)

    formula.__name__, formula.__doc__ = name, f"a {symbol} b, elementwise with broadcasting."
    return _undifferentiated(formula)


greater = _comparison("greater", ">", operator.gt)
greater_equal = _comparison("greater_equal", ">=", operator.ge)
less = _comparison("less", "<", operator.lt)
less_equal = _comparison("less_equal", "<=", operator.le)
equal = _comparison("equal", "==", operator.eq)
not_equal = _comparison("not_equal", "!=", operator.ne)


@_undifferentiated
def argmax(x: Array, axis: int | None = None, keepdims: bool = False) -> Array:
    """Where the largest along `axis` is, the first of equal ones; None counts in row-major order."""
    return x.argmax(axis=axis, keepdims=keepdims)


@_undifferentiated
def argmin(x: Array, axis: int | None = None, keepdims: bool = False) -> Array:
    """Where the smallest along `axis` is, the first of equal ones; None counts in row-major order."""
    return x.argmin(axis=axis, keepdims=keepdims)
