"""The normal distribution function, which NumPy lacks and GELU needs."""

from __future__ import annotations

from functools import lru_cache
from math import pi, sqrt

import numpy as np

from ..array import Array, array_module, on_host
from ..graph import primitive, vjp
from .arithmetic import exp
from .constant import select, times

# Chebyshev coefficients of log(erfc(z) / t) + z ** 2 for z >= 0, with t = 2 / (2 + z): Press et al.,
# "Numerical Recipes", 3rd edition, section 6.2.2. Cut anywhere, its error is about the first term left out.
_SERIES = np.array([
    -1.3026537197817094, 6.4196979235649026e-1, 1.9476473204185836e-2, -9.561514786808631e-3,
    -9.46595344482036e-4, 3.66839497852761e-4, 4.2523324806907e-5, -2.0278578112534e-5,
    -1.624290004647e-6, 1.303655835580e-6, 1.5626441722e-8, -8.5238095915e-8,
    6.529054439e-9, 5.059343495e-9, -9.91364156e-10, -2.27365122e-10,
    9.6467911e-11, 2.394038e-12, -6.886027e-12, 8.94487e-13,
    3.13092e-13, -1.12708e-13, 3.81e-16, 7.106e-15,
    -1.523e-15, -9.4e-17, 1.21e-16, -2.8e-17,
])  # fmt: skip

_BLOCK = 1 << 14
"""Elements whose dozen arrays stay in a cache."""


@lru_cache(maxsize=2)
def _polynomial(dtype: np.dtype) -> list[float]:
    """The series as an ordinary polynomial in 2 t - 1, as many terms as the dtype can tell, lowest first."""
    enough = 28 if dtype == np.float64 else 14
    half_first = np.concatenate([_SERIES[:1] / 2, _SERIES[1:enough]])
    return np.polynomial.chebyshev.cheb2poly(half_first).tolist()


@primitive
def normal_cdf(x: Array) -> Array:
    """The probability that a standard normal number is below x, exact to rounding also far in the tail."""
    if not on_host(x) or x.size <= _BLOCK:
        return _normal_cdf(x)
    y = array_module(x).empty_like(x)
    flat, results = x.ravel(order="K"), y.ravel(order="K")
    for start in range(0, x.size, _BLOCK):
        part = slice(start, start + _BLOCK)
        results[part] = _normal_cdf(flat[part])
    return y


def _normal_cdf(x: Array) -> Array:
    xp = array_module(x)
    z = xp.minimum(xp.abs(x) * sqrt(0.5), 30)
    t = 2 / (2 + z)
    s = 2 * t - 1
    coefficients = _polynomial(np.dtype(x.dtype))
    y = xp.full_like(s, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        y *= s
        y += coefficient
    tail = 0.5 * t * xp.exp(y - z * z)
    return select(x < 0, tail, 1 - tail)


vjp(normal_cdf, lambda g, y, x: times(g, exp(x * x * -0.5)) * (1 / sqrt(2 * pi)))
