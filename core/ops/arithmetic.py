"""Elementwise arithmetic, with broadcasting: any shapes that broadcast -> the broadcast shape.

The rules give derivatives of the broadcast shape; the engine sums them down to each argument's own.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..array import Array, array_module
from ..graph import primitive, vjp
from .constant import above, equal, sign, value


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


vjp(divide, lambda g, y, a, b: g / b, lambda g, y, a, b: -g * y / b)


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
    return g * b * power(a, b - (value(b) != 0))


vjp(power, _power_vjp, lambda g, y, a, b: g * y * log(a))


@primitive
def exp(x: Array) -> Array:
    """e ** x."""
    return array_module(x).exp(x)


vjp(exp, lambda g, y, x: g * y)


@primitive
def expm1(x: Array) -> Array:
    """e ** x - 1, exact also where x is tiny."""
    return array_module(x).expm1(x)


vjp(expm1, lambda g, y, x: g * (y + 1))


@primitive
def log(x: Array) -> Array:
    """The natural logarithm."""
    return array_module(x).log(x)


vjp(log, lambda g, y, x: g / x)


@primitive
def sin(x: Array) -> Array:
    """The sine."""
    return array_module(x).sin(x)


vjp(sin, lambda g, y, x: g * cos(x))


@primitive
def cos(x: Array) -> Array:
    """The cosine."""
    return array_module(x).cos(x)


vjp(cos, lambda g, y, x: -g * sin(x))


@primitive
def sqrt(x: Array) -> Array:
    """The square root; its derivative at 0 is infinite."""
    return array_module(x).sqrt(x)


vjp(sqrt, lambda g, y, x: g * 0.5 / y)


@primitive
def absolute(x: Array) -> Array:
    """|x|, with derivative 0 at 0."""
    return array_module(x).absolute(x)


vjp(absolute, lambda g, y, x: g * sign(x))


@primitive
def maximum(a: Array, b: Array) -> Array:
    """The larger of a and b; where they are equal each gets half of the derivative."""
    return array_module(a).maximum(a, b)


vjp(
    maximum,
    lambda g, y, a, b: g * (above(y, b) + 0.5 * equal(a, b)),
    lambda g, y, a, b: g * (above(y, a) + 0.5 * equal(a, b)),
)


@primitive
def cast(x: Array, dtype: np.dtype) -> Array:
    """x as another floating dtype."""
    return x.astype(dtype)


vjp(cast, lambda g, y, x, dtype: cast(g, x.dtype))
