"""Elementwise nonlinearities: any shape -> same shape."""

from __future__ import annotations

from collections.abc import Callable
from math import pi, sqrt
from typing import Any

import numpy as np

from .. import native
from ..array import Array, array_module
from ..graph import grad, primitive, vjp
from ..precision import rounded_once
from ..tensor import Tensor
from .arithmetic import absolute, expm1, tanh
from .comparison import greater
from .constant import positive, times, value, zeros
from .gaussian import normal_cdf
from .joining import split
from .selection import clip, where


@primitive
def relu(x: Array) -> Array:
    """max(x, 0), with derivative 0 at 0."""
    return array_module(x).maximum(x, zeros(x))


vjp(relu, lambda g, y, x: times(g, positive(y)))


@primitive
def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), also where exp(-x) is infinite."""
    if native.suits(x):
        y = native.empty(x, x.shape)
        native.launch("sigmoid_f32", (y,), (x,), (x.size,))
        return y
    with np.errstate(over="ignore"):
        return 1 / (1 + array_module(x).exp(-x))


vjp(sigmoid, lambda g, y, x: times(g, y * (1 - y)))


@primitive
def softplus(x: Array) -> Array:
    """log(1 + exp(x)), without overflow."""
    xp = array_module(x)
    return xp.maximum(x, 0) + xp.log1p(xp.exp(-xp.abs(x)))


vjp(softplus, lambda g, y, x: times(g, sigmoid(x)))


def leaky_relu(x: Any, slope: float = 0.01) -> Any:
    """x above 0, slope * x below."""
    return where(greater(x, 0), x, x * slope)


@rounded_once
def elu(x: Any, alpha: float = 1.0) -> Any:
    """x above 0, alpha * (exp(x) - 1) below. Clevert et al., ICLR 2016."""
    return where(greater(x, 0), x, expm1(clip(x, high=0)) * alpha)


@rounded_once
def selu(x: Any) -> Any:
    """The ELU that keeps mean 0 and variance 1. Klambauer et al., NeurIPS 2017."""
    return elu(x, 1.6732632423543772) * 1.0507009873554805


def _in_one_pass(symbol: str, composed: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """`composed`, and where kernels suit x one kernel forward and one back in its place."""

    def formula(x: Array) -> Array:
        y = native.empty(x, x.shape)
        native.launch(f"{symbol}_f32", (y,), (x,), (x.size,))
        return y

    def rule(g: Any, y: Any, x: Any) -> Any:
        if g.__class__ is Tensor:
            return grad(composed(x), [x], seed=g, create_graph=True)[0]
        if not native.suits(g):
            g = array_module(x).ascontiguousarray(g, x.dtype)
        out = native.empty(x, x.shape)
        native.launch(f"{symbol}_backward_f32", (out,), (g, x), (x.size,))
        return out

    formula.__name__ = symbol
    fast = primitive(formula)
    vjp(fast, rule)
    return lambda x: fast(x) if native.suits(value(x)) else composed(x)


@rounded_once
def _gelu_by_tanh(x: Any) -> Any:
    return x * sigmoid((x + x * x * x * 0.044715) * (2 * sqrt(2 / pi)))


_silu = _in_one_pass("silu", lambda x: x * sigmoid(x))
_gelu = _in_one_pass("gelu", lambda x: x * normal_cdf(x))
_gelu_tanh = _in_one_pass("gelu_tanh", _gelu_by_tanh)


def silu(x: Any) -> Any:
    """x * sigmoid(x), also called swish."""
    return _silu(x)


def gelu(x: Any, approximate: bool = False) -> Any:
    """x times the normal distribution function of x; approximate: by a tanh. Hendrycks and Gimpel, 2016."""
    return _gelu_tanh(x) if approximate else _gelu(x)


def mish(x: Any) -> Any:
    """x * tanh(softplus(x)). Misra, BMVC 2020."""
    return x * tanh(softplus(x))


@primitive
def softsign(x: Array) -> Array:
    """x / (1 + |x|)."""
    return x / (1 + array_module(x).abs(x))


vjp(softsign, lambda g, y, x: g / (1 + absolute(x)) / (1 + absolute(x)))


def log_sigmoid(x: Any) -> Any:
    """log(sigmoid(x)), without overflow."""
    return -softplus(-x)


def relu6(x: Any) -> Any:
    """x between 0 and 6."""
    return clip(x, low=0, high=6)


def hard_sigmoid(x: Any) -> Any:
    """x / 6 + 1/2 between 0 and 1."""
    return (clip(x, low=-3, high=3) + 3) * (1 / 6)


def hard_swish(x: Any) -> Any:
    """x * hard_sigmoid(x). Howard et al., ICCV 2019."""
    return x * hard_sigmoid(x)


@rounded_once
def glu(x: Any, axis: int = -1) -> Any:
    """a * sigmoid(b) for the halves a, b of x along `axis`. Dauphin et al., ICML 2017."""
    values, gates = split(x, 2, axis)
    return values * sigmoid(gates)
