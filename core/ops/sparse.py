"""Products with a matrix that is zero but at given places, of which only the values are kept."""

from __future__ import annotations

from typing import Any

from ..array import Array
from ..errors import ShapeError
from ..graph import described
from .embedding import embedding, row_sums
from .linalg import matmul
from .shape import reshape, scatter_add, transpose

_DENSE = 1 / 256
"""From this share of the matrix on, one dense product is faster than gathering and adding up columns of x."""


def sparse_matmul(x: Any, values: Any, rows: Array, columns: Array, units: int) -> Any:
    """x @ w, with w[rows[k], columns[k]] = values[k], each place named once, and zeros at all others.

    x: (n, inputs); values, rows, columns: (connections,) -> (n, units). Only the values have derivatives.
    """
    if x.ndim != 2:
        raise ShapeError("sparse_matmul, argument x", "shape (n, inputs)", f"shape {x.shape}")
    if not values.shape == rows.shape == columns.shape:
        expected = f"as many as rows {rows.shape} and columns {columns.shape}"
        raise ShapeError("sparse_matmul, argument values", expected, f"shape {values.shape}")
    inputs = x.shape[1]
    for name, places, size in (("rows", rows, inputs), ("columns", columns, units)):
        if places.dtype.kind not in "iu" or (places.size and not 0 <= places.min() <= places.max() < size):
            expected = f"integers from 0 to {size - 1}"
            raise ShapeError(f"sparse_matmul, argument {name}", expected, described(places))
    if values.size >= _DENSE * inputs * units:
        flat = scatter_add(values, index=rows * units + columns, shape=(inputs * units,))
        return matmul(x, reshape(flat, (inputs, units)))
    products = embedding(transpose(x), rows) * reshape(values, (-1, 1))
    return transpose(row_sums(products, columns, rows=units))
