"""Products of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import native
from ..array import Array, on_host
from ..cuda.matmul import product
from ..graph import explain, primitive, vjp
from .constant import ones
from .shape import broadcast_to, getitem, transpose


@primitive
def matmul(a: Array, b: Array) -> Array:
    """The matrix product. a: (..., n, k), b: (..., k, m) -> (..., n, m); either may be a vector (k,)."""
    return _product(a, b)


_LEAST_WORK = 1 << 18
"""Multiplications from which threads share a product, as in matmul.c; below, it is one call of BLAS."""


def _product(a: Array, b: Array) -> Array:
    if native.library is None or a.ndim != 2 or b.ndim != 2 or a.dtype != np.float32 or b.dtype != np.float32:
        return product(a, b)
    (m, k), n = a.shape, b.shape[1]
    if k == b.shape[0] == 1 and on_host(a):
        return a * b  # BLAS takes five times as long
    strides = *(stride // 4 for stride in a.strides), *(stride // 4 for stride in b.strides)
    if m * n * k < _LEAST_WORK or b.shape[0] != k or not (_is_dense(a) and _is_dense(b)):
        return product(a, b)
    y = native.empty(a, (m, n))
    native.launch("matmul_f32", (y,), (a, b), (m, n, k, *strides))
    return y


def _is_dense(x: Array) -> bool:
    return isinstance(x, np.ndarray) and (x.flags.c_contiguous or x.flags.f_contiguous)


def _swapped(x: Any) -> Any:
    """x with its last two axes swapped."""
    return transpose(x, axes=(*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


def _column(x: Any) -> Any:
    """(..., n) -> (..., n, 1)."""
    return getitem(x, index=(..., None))


def _matmul_vjp_a(g: Any, y: Any, a: Any, b: Any) -> Any:
    if b.ndim == 1:
        return _column(g) * b
    if a.ndim == 1:
        return getitem(matmul(b, _column(g)), index=(..., 0))
    return matmul(g, _swapped(b))


def _matmul_vjp_b(g: Any, y: Any, a: Any, b: Any) -> Any:
    if a.ndim == 1:
        return g * a if b.ndim == 1 else _column(a) * getitem(g, index=(..., None, slice(None)))
    if b.ndim == 1:
        return getitem(matmul(_swapped(a), _column(g)), index=(..., 0))
    return matmul(_swapped(a), g)


vjp(matmul, _matmul_vjp_a, _matmul_vjp_b)


@primitive
def linear(x: Array, weight: Array, bias: Array) -> Array:
    """x @ weight + bias. x: (n, inputs), weight: (inputs, units), bias: (units,) -> (n, units)."""
    if x.ndim != 2:
        raise ValueError("x is not a matrix")
    if not on_host(x):
        return product(x, weight, bias)
    y = _product(x, weight)
    y += bias
    return y


_SHARED = 1 << 16
"""Elements from which it pays that threads share the rows: `benchmarks/kernels.py --only column`."""


@primitive
def column_sums(x: Array) -> Array:
    """The sums of a matrix's columns: (n, m) -> (m,). A product with ones is three times as fast as `sum`."""
    if x.size >= _SHARED and native.suits(x):
        y = native.empty(x, x.shape[1:])
        native.launch("column_sums_f32", (y,), (x,), x.shape)
        return y
    return product(ones(x, len(x)), x)


vjp(column_sums, lambda g, y, x: broadcast_to(g, shape=x.shape))
vjp(
    linear,
    lambda g, y, x, weight, bias: matmul(g, transpose(weight)),
    lambda g, y, x, weight, bias: matmul(transpose(x), g),
    lambda g, y, x, weight, bias: column_sums(g),
)
explain(
    matmul,
    lambda a, b: (
        "b",
        f"{a.shape[-1] if a.ndim else 'no'} rows, as a {a.shape} has columns",
        f"shape {b.shape}",
    ),
)


def _explain_linear(x: Array, weight: Array, bias: Array) -> tuple[str, str, str]:
    if x.ndim != 2 or x.shape[1] != weight.shape[0]:
        return "x", f"shape (n, {weight.shape[0]})", f"shape {x.shape}"
    return "bias", f"shape ({weight.shape[1]},)", f"shape {bias.shape}"


explain(linear, _explain_linear)
