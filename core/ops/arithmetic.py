"""Elementwise arithmetic, with broadcasting: any shapes that broadcast -> the broadcast shape.

The rules give derivatives of the broadcast shape; the engine sums them down to each argument's own. None says
`g * f(x)`: NumPy would choose the order of the result in memory by its size, see `times`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..array import Array, array_module, is_floating
from ..errors import DTypeError
from ..graph import Vjp, moves, primitive, vjp
from .constant import above, equal, sign, times, value


@primitive
def add(a: Array, b: Array) -> Array:
    """a + b."""
    return a + b


vjp(add, lambda g, y, a, b: g, lambda g, y, a, b: g)


@primitive
def subtract(a: Array, b: Array) -> Array:
    """a - b."""
    return a - b


vjp(subtract, lambda g, y, a, b: g, lambda g, y, a, b: -g)


@primitive
def multiply(a: Array, b: Array) -> Array:
    """a * b."""
    return a * b


vjp(multiply, lambda g, y, a, b: g * b, lambda g, y, a, b: g * a)


@primitive
def divide(a: Array, b: Array) -> Array:
    """a / b."""
    return a / b


vjp(divide, lambda g, y, a, b: g / b, lambda g, y, a, b: -(g * y) / b)


@primitive
def negative(x: Array) -> Array:
    """-x."""
    return -x


vjp(negative, lambda g, y, x: -g)


@primitive
def power(a: Array, b: Array) -> Array:
    """a ** b. The derivative with respect to b needs a > 0."""
    return a**b


def _power_vjp(g: Any, y: Any, a: Any, b: Any) -> Any:
    """b * a ** (b - 1), and 0 rather than 0 * inf where b is 0."""
    return multiply(g * b, power(a, b - (value(b) != 0)))


vjp(power, _power_vjp, lambda g, y, a, b: multiply(g * y, log(a)))


def _elementwise(name: str, meaning: str, rule: Vjp) -> Callable[[Any], Any]:
    """The operation that NumPy and CuPy have under this name, and its derivative."""

    def formula(x: Array) -> Array:
        return getattr(array_module(x), name)(x)

    formula.__name__, formula.__doc__ = name, meaning
    call = primitive(formula)
    vjp(call, rule)
    return call


exp = _elementwise("exp", "e ** x.", lambda g, y, x: g * y)
expm1 = _elementwise("expm1", "e ** x - 1, exact also where x is tiny.", lambda g, y, x: times(g, exp(x)))
log = _elementwise("log", "The natural logarithm.", lambda g, y, x: g / x)
sin = _elementwise("sin", "The sine.", lambda g, y, x: times(g, cos(x)))
cos = _elementwise("cos", "The cosine.", lambda g, y, x: times(-g, sin(x)))
tanh = _elementwise("tanh", "The hyperbolic tangent.", lambda g, y, x: times(g, 1 - y * y))
sqrt = _elementwise("sqrt", "The square root; its derivative at 0 is infinite.", lambda g, y, x: g / y * 0.5)
absolute = _elementwise("absolute", "|x|, with derivative 0 at 0.", lambda g, y, x: times(g, sign(x)))


@primitive
def maximum(a: Array, b: Array) -> Array:
    """The larger of a and b; where they are equal each gets half of the derivative."""
    return array_module(a).maximum(a, b)


vjp(
    maximum,
    lambda g, y, a, b: multiply(g, above(a, b) + 0.5 * equal(a, b)),
    lambda g, y, a, b: multiply(g, above(b, a) + 0.5 * equal(b, a)),
)


@primitive
def cast(x: Array, dtype: np.dtype) -> Array:
    """x as another floating dtype."""
    y = x.astype(dtype)
    if not is_floating(y.dtype):
        raise DTypeError(f"cast, argument dtype: expected a floating dtype, got {y.dtype}")
    return y


vjp(cast, lambda g, y, x, dtype: cast(g, x.dtype))
moves(cast)
