"""Operations that move elements around: reshaping, transposing, broadcasting, picking."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..array import Array, accumulator, array_module
from ..errors import ShapeError
from ..graph import described, explain, moves, primitive, vjp
from .constant import require_axis, value


@primitive
def reshape(x: Array, shape: tuple[int, ...]) -> Array:
    """The same elements in row-major order; one size may be -1."""
    return x.reshape(shape)


vjp(reshape, lambda g, y, x, shape: reshape(g, x.shape))
explain(reshape, lambda x, shape: ("shape", f"one of {x.size} elements, as {x.shape} has", f"{shape}"))


@primitive
def transpose(x: Array, axes: tuple[int, ...] | None = None) -> Array:
    """The axes in another order; without `axes` in reverse."""
    return x.transpose(axes)


def _transpose_vjp(g: Any, y: Any, x: Any, axes: tuple[int, ...] | None = None) -> Any:
    if axes is None:
        return transpose(g)
    origin = [axis % len(axes) for axis in axes]
    return transpose(g, axes=tuple(origin.index(axis) for axis in range(len(axes))))


vjp(transpose, _transpose_vjp)
explain(transpose, lambda x, axes: ("axes", f"an order of the {x.ndim} axes of {x.shape}", f"{axes}"))


@primitive
def broadcast_to(x: Array, shape: tuple[int, ...]) -> Array:
    """x repeated to `shape`, as a new array."""
    y = array_module(x).empty(shape, x.dtype)
    y[...] = x
    return y


vjp(broadcast_to, lambda g, y, x, shape: g)
explain(broadcast_to, lambda x, shape: ("shape", f"one that {x.shape} broadcasts to", f"{shape}"))


@primitive
def getitem(x: Array, index: Any) -> Array:
    """x[index], by integers, slices, `...`, None and integer arrays."""
    return x[index]


@primitive
def scatter_add(x: Array, index: Any, shape: tuple[int, ...]) -> Array:
    """Zeros of `shape` with x added at `index`, once for each time that the index names an element."""
    xp = array_module(x)
    if not any(hasattr(part, "dtype") or isinstance(part, list) for part in _parts(index)):
        y = xp.zeros(shape, x.dtype)
        y[index] = x
        return y
    y = xp.zeros(shape, accumulator(x.dtype))
    xp.add.at(y, index, x.astype(y.dtype, copy=False))
    return y.astype(x.dtype, copy=False)


def _parts(index: Any) -> tuple[Any, ...]:
    return index if isinstance(index, tuple) else (index,)


vjp(getitem, lambda g, y, x, index: scatter_add(g, index=index, shape=x.shape))
vjp(scatter_add, lambda g, y, x, index, shape: getitem(g, index=index))
moves(reshape, transpose, broadcast_to, getitem, scatter_add)
explain(
    scatter_add,
    lambda x, index, shape: (
        "index",
        f"positions inside shape {shape} for each of {x.shape}",
        described(index),
    ),
)
explain(getitem, lambda x, index: ("index", f"positions inside shape {x.shape}", described(index)))


def gather(x: Any, indices: Any, axis: int) -> Any:
    """Along `axis` the elements that `indices` names: y[i, j] = x[indices[i, j], j] for axis 0.

    indices: integers of x's number of axes, and of x's sizes except along `axis` -> shape of indices.
    """
    require_axis("gather", x, axis)
    shape, place = np.shape(indices), axis % x.ndim
    if shape[:place] + shape[place + 1 :] != x.shape[:place] + x.shape[place + 1 :] or len(shape) != x.ndim:
        expected = ", ".join("any" if i == place else str(size) for i, size in enumerate(x.shape))
        raise ShapeError("gather, argument indices", f"shape ({expected})", f"shape {shape}")
    indices = value(indices)
    grid = list(array_module(indices).ogrid[tuple(slice(size) for size in shape)])
    grid[place] = indices
    try:
        return getitem(x, index=tuple(grid))
    except ShapeError as error:
        last = x.shape[place] - 1
        raise ShapeError(
            "gather, argument indices", f"integers from 0 to {last}", described(indices)
        ) from error.__cause__
