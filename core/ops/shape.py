"""Operations that move elements around: reshaping, transposing, broadcasting, picking."""

from __future__ import annotations

from typing import Any

from ..array import Array, array_module
from ..graph import explain, primitive, vjp


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
    y = xp.zeros(shape, x.dtype)
    if any(hasattr(part, "dtype") or isinstance(part, list) for part in _parts(index)):
        xp.add.at(y, index, x)
    else:
        y[index] = x
    return y


def _parts(index: Any) -> tuple[Any, ...]:
    return index if isinstance(index, tuple) else (index,)


vjp(getitem, lambda g, y, x, index: scatter_add(g, index=index, shape=x.shape))
vjp(scatter_add, lambda g, y, x, index, shape: getitem(g, index=index))
explain(getitem, lambda x, index: ("index", f"positions inside shape {x.shape}", f"{index!r}"))
