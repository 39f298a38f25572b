"""Elementwise nonlinearities: any shape -> same shape."""

from __future__ import annotations

from ..array import Array, array_module
from ..graph import primitive, vjp
from .constant import above, zeros

_LOWEST = -80.0
"""exp(80) is still a float32, and the sigmoid of -80 is zero for all that is added to it."""


@primitive
def relu(x: Array) -> Array:
    """max(x, 0), with derivative 0 at 0."""
    return array_module(x).maximum(x, zeros(x))


vjp(relu, lambda g, y, x: g * above(y, 0))


@primitive
def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), without overflow."""
    xp = array_module(x)
    return 1 / (1 + xp.exp(-xp.maximum(x, _LOWEST)))


vjp(sigmoid, lambda g, y, x: g * (y * (1 - y)))


@primitive
def tanh(x: Array) -> Array:
    """The hyperbolic tangent."""
    return array_module(x).tanh(x)


vjp(tanh, lambda g, y, x: g * (1 - y * y))


@primitive
def softplus(x: Array) -> Array:
    """log(1 + exp(x)), without overflow."""
    xp = array_module(x)
    return xp.maximum(x, 0) + xp.log1p(xp.exp(-xp.abs(x)))


vjp(softplus, lambda g, y, x: g * sigmoid(x))
