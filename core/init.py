"""Initialization by name: where weights start, keyed, so that one seed gives one model on every machine.

Each initializer: (shape, seed, index) -> float32. `index` tells the parameters of one model apart. A weight
(inputs, units) is a matrix as this library keeps it; a kernel (outputs, inputs, ...) is a convolution's.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from math import erf, prod, sqrt
from typing import Any

import numpy as np

from .errors import ChainruleError, ShapeError
from .random import INIT, normal, random_words, substream, uniform

Initializer = Callable[..., np.ndarray]

_LARGEST = 2**60
"""Elements; far more than any memory holds, and few enough for NumPy to count their bytes."""


class _Allocation(threading.local):
    wanted = True


_allocation = _Allocation()


@contextmanager
def unallocated() -> Iterator[None]:
    """Inside, parameters that this thread makes have shapes but no memory: for a look at a model's sizes, or
    where values come from elsewhere. `nn.initialize` allocates them."""
    before, _allocation.wanted = _allocation.wanted, False
    try:
        yield
    finally:
        _allocation.wanted = before


def is_unallocated(array: Any) -> bool:
    """Whether this is what stands for a parameter made inside `unallocated`."""
    return isinstance(array, np.ndarray) and not array.flags.writeable and not any(array.strides)


def _initializer(start: Initializer) -> Initializer:
    @wraps(start)
    def initializer(shape: tuple[int, ...], *arguments: Any, **options: Any) -> np.ndarray:
        if _allocation.wanted:
            return start(shape, *arguments, **options)
        if prod(shape) > _LARGEST:
            expected = "a parameter that some memory holds"
            raise ShapeError("init", expected, f"one of shape {shape}", "Use fewer units")
        return np.broadcast_to(np.float32(0), shape)

    return initializer


@_initializer
def zeros(shape: tuple[int, ...], seed: int = 0, index: int = 0) -> np.ndarray:
    """Zeros."""
    return np.zeros(shape, np.float32)


@_initializer
def ones(shape: tuple[int, ...], seed: int = 0, index: int = 0) -> np.ndarray:
    """Ones: the scale of a normalization."""
    return np.ones(shape, np.float32)


@_initializer
def uniform_between(
    shape: tuple[int, ...], seed: int = 0, index: int = 0, low: float = -0.05, high: float = 0.05
) -> np.ndarray:
    """Uniform in low .. high."""
    draws = uniform(seed, substream(INIT, index), 0, 0, prod(shape)).reshape(shape)
    return np.float32(low) + np.float32(high - low) * draws


@_initializer
def normal_around_0(
    shape: tuple[int, ...], seed: int = 0, index: int = 0, deviation: float = 0.02
) -> np.ndarray:
    """Normal with mean 0 and this standard deviation."""
    draws = normal(seed, substream(INIT, index), 0, 0, prod(shape)).reshape(shape)
    return np.float32(deviation) * draws


@_initializer
def truncated_normal(
    shape: tuple[int, ...], seed: int = 0, index: int = 0, deviation: float = 0.02, bound: float = 2.0
) -> np.ndarray:
    """Normal with mean 0, none farther than `bound` deviations from it; `deviation` is before the cut.

    By inverting the distribution function, so that each value comes from one draw.
    """
    words = random_words(seed, substream(INIT, index), 0, 0, prod(shape))
    draws = ((words >> np.uint64(11)) + np.float64(0.5)) * 2.0**-53
    inside = erf(bound / sqrt(2))
    values = _inverse_normal(0.5 + inside * (draws - 0.5))
    return (deviation * values).astype(np.float32).reshape(shape)


@_initializer
def xavier_uniform(shape: tuple[int, ...], seed: int = 0, index: int = 0) -> np.ndarray:
    """Uniform with variance 2 / (inputs + outputs): Glorot & Bengio, AISTATS 2010, equation 16."""
    bound = sqrt(6 / sum(fans(shape)))
    return _within(bound, shape, seed, index)


def xavier_normal(shape: tuple[int, ...], seed: int = 0, index: int = 0) -> np.ndarray:
    """Normal with variance 2 / (inputs + outputs): Glorot & Bengio, AISTATS 2010."""
    return normal_around_0(shape, seed, index, sqrt(2 / sum(fans(shape))))


@_initializer
def he_uniform(shape: tuple[int, ...], seed: int = 0, index: int = 0) -> np.ndarray:
    """Uniform with variance 2 / inputs: He et al., ICCV 2015, equation 10, by a uniform of that variance."""
    return _within(sqrt(6.0 / fans(shape)[0]), shape, seed, index)


def he_normal(shape: tuple[int, ...], seed: int = 0, index: int = 0) -> np.ndarray:
    """Normal with variance 2 / inputs: He et al., "Delving deep into rectifiers", ICCV 2015, equation 10."""
    return normal_around_0(shape, seed, index, sqrt(2 / fans(shape)[0]))


@_initializer
def orthogonal(shape: tuple[int, ...], seed: int = 0, index: int = 0, gain: float = 1.0) -> np.ndarray:
    """`gain` times a matrix with orthonormal rows or columns, whichever are fewer: Saxe et al., ICLR 2014.

    A kernel counts as the matrix (outputs, all else). Evenly distributed over all such matrices.
    By modified Gram-Schmidt in float64 rather than LAPACK, whose rounding depends on the machine.
    """
    fans(shape)
    rows = shape[0]
    columns = prod(shape[1:])
    tall = rows >= columns
    draws = normal(seed, substream(INIT, index), 0, 0, rows * columns).astype(np.float64)
    basis = draws.reshape(min(rows, columns), max(rows, columns))
    for _ in range(2):  # the second time removes what rounding left
        for index_of_row, row in enumerate(basis, start=1):
            row /= sqrt(np.sum(row**2))
            later = basis[index_of_row:]
            later -= (later * row).sum(axis=1)[:, None] * row
    matrix = basis.T if tall else basis
    return np.ascontiguousarray(gain * matrix, dtype=np.float32).reshape(shape)


INITIALIZERS: dict[str, Initializer] = {
    "zeros": zeros,
    "ones": ones,
    "uniform": uniform_between,
    "normal": normal_around_0,
    "truncated_normal": truncated_normal,
    "xavier_uniform": xavier_uniform,
    "xavier_normal": xavier_normal,
    "glorot_uniform": xavier_uniform,
    "glorot_normal": xavier_normal,
    "he_uniform": he_uniform,
    "he_normal": he_normal,
    "orthogonal": orthogonal,
}


def initial(name: str, shape: tuple[int, ...], seed: int = 0, index: int = 0, **options: float) -> np.ndarray:
    """The start of a parameter by the name of its initializer: `initial("orthogonal", (64, 64), seed=3)`."""
    if name not in INITIALIZERS:
        raise ChainruleError(f"init: expected one of {', '.join(INITIALIZERS)}, got {name!r}")
    return INITIALIZERS[name](shape, seed, index, **options)


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """How many inputs each output has, and outputs each input, for a weight or kernel of this shape."""
    if len(shape) < 2:
        raise ShapeError(
            "init", "a weight (inputs, units) or a kernel (outputs, inputs, ...)", f"shape {shape}"
        )
    if len(shape) == 2:
        return shape
    field = prod(shape[2:])
    return shape[1] * field, shape[0] * field


def _within(bound: float, shape: tuple[int, ...], seed: int, index: int) -> np.ndarray:
    """Uniform in ±bound."""
    draws = uniform(seed, substream(INIT, index), 0, 0, prod(shape))
    return ((2 * draws - 1) * np.float32(bound)).reshape(shape)


def _inverse_normal(p: np.ndarray) -> np.ndarray:
    """Where the standard normal distribution function is p: Acklam's approximation (relative error 1e-9)."""
    tail = 0.02425
    low, high = np.minimum(p, 1 - p), np.maximum(p, 1 - p)
    q = np.sqrt(-2 * np.log(np.minimum(low, tail)))
    outer = np.polyval(_OUTER, q) / np.polyval([*_OUTER_BELOW, 1.0], q)
    r = np.where(low < tail, 0.0, high - 0.5)
    inner = -r * np.polyval(_INNER, r * r) / np.polyval([*_INNER_BELOW, 1.0], r * r)
    below = np.where(low < tail, outer, inner)
    return np.where(p < 0.5, below, -below)


_INNER = (
    -3.969683028665376e01, 2.209460984245205e02, -2.759285104469687e02,
    1.383577518672690e02, -3.066479806614716e01, 2.506628277459239e00,
)  # fmt: skip
_INNER_BELOW = (
    -5.447609879822406e01, 1.615858368580409e02, -1.556989798598866e02,
    6.680131188771972e01, -1.328068155288572e01,
)  # fmt: skip
_OUTER = (
    -7.784894002430293e-03, -3.223964580411365e-01, -2.400758277161838e00,
    -2.549732539343734e00, 4.374664141464968e00, 2.938163982698783e00,
)  # fmt: skip
_OUTER_BELOW = (7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e00, 3.754408661907416e00)
