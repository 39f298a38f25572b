"""Arrays put together and taken apart: concatenate, stack, split, unstack, pad."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from ..array import Array, array_module, on_host
from ..errors import ShapeError
from ..graph import explain, moves, primitive, vjp
from .constant import require_axis, value
from .shape import getitem, scatter_add

_WIDTH = 16
"""Arrays joined by one node. A primitive has a rule for each argument; more arrays are joined in a tree."""
_CUPY_WIDTH = 8
"""Of more arrays CuPy copies a table of addresses from the host, which no CUDA graph can repeat."""


@primitive
def _join(*parts: Array, axis: int) -> Array:
    xp = array_module(parts[0])
    if not on_host(parts[0]):
        while len(parts) > _CUPY_WIDTH:
            parts = (xp.concatenate(parts[:_CUPY_WIDTH], axis=axis), *parts[_CUPY_WIDTH:])
    return xp.concatenate(parts, axis=axis)


def _join_vjp(position: int, g: Any, y: Any, *parts: Any, axis: int) -> Any:
    """The slice of g that came from the part at `position`."""
    start = sum(part.shape[axis] for part in parts[:position])
    return _slice(g, axis, start, start + parts[position].shape[axis])


def _explain_join(*parts: Array, axis: int) -> tuple[str, str, str]:
    first = parts[0].shape
    free = tuple("any" if index == axis % len(first) else size for index, size in enumerate(first))
    for other in parts:
        if len(other.shape) != len(first) or any(
            a not in ("any", b) for a, b in zip(free, other.shape, strict=True)
        ):
            return "parts", f"shape ({', '.join(map(str, free))})", f"shape {other.shape}"
    return "parts", "arrays that can be joined", ", ".join(str(part.shape) for part in parts)


vjp(_join, *(partial(_join_vjp, position) for position in range(_WIDTH)))
explain(_join, _explain_join)
moves(_join)


def concatenate(parts: Sequence[Any], axis: int = 0) -> Any:
    """The parts after one another along `axis`; their other sizes are the same."""
    if not parts:
        raise ShapeError("concatenate, argument parts", "at least one array", "none")
    require_axis("concatenate", parts[0], axis)
    parts = list(parts)
    while len(parts) > 1:
        parts = [_joined(parts[start : start + _WIDTH], axis) for start in range(0, len(parts), _WIDTH)]
    return parts[0]


def _joined(parts: Sequence[Any], axis: int) -> Any:
    if len(parts) == 1:
        return parts[0]
    try:
        return _join(*parts, axis=axis)
    except ShapeError as error:
        where = error.where.replace(_join.__name__, concatenate.__name__)
        raise ShapeError(where, error.expected, error.actual) from None


def stack(parts: Sequence[Any], axis: int = 0) -> Any:
    """The parts along a new axis: k arrays (...) -> (..., k, ...) with k at `axis`."""
    shapes = [part.shape for part in parts]
    if len(set(shapes)) != 1:
        actual = f"shapes {', '.join(map(str, shapes))}" if shapes else "none"
        raise ShapeError("stack, argument parts", "arrays of one shape", actual)
    if not isinstance(axis, int) or not -len(shapes[0]) - 1 <= axis <= len(shapes[0]):
        expected = f"an axis of the {len(shapes[0]) + 1} that there will be"
        raise ShapeError("stack, argument axis", expected, f"{axis}")
    index = _at(axis, None)
    return concatenate([getitem(part, index=index) for part in parts], axis=axis)


def split(x: Any, sections: int | Sequence[int], axis: int = 0) -> list[Any]:
    """x cut along `axis` into that many equal parts, or into parts of these sizes."""
    require_axis("split", x, axis)
    size = x.shape[axis]
    if isinstance(sections, int | float):
        if not isinstance(sections, int) or sections < 1 or size % sections:
            raise ShapeError("split, argument sections", f"a divisor of {size}", f"{sections}")
        sections = [size // sections] * sections
    if sum(sections) != size or any(not isinstance(part, int | np.integer) or part < 0 for part in sections):
        raise ShapeError("split, argument sections", f"sizes that add up to {size}", f"{tuple(sections)}")
    return _halved(x, list(sections), axis)


def _halved(x: Any, sizes: list[int], axis: int) -> list[Any]:
    """The parts by repeated halving.

    The derivative of a slice fills an array of the whole's size. So k slices of the whole would fill k such
    arrays; halves of halves fill log2(k).
    """
    if len(sizes) <= 1:
        return [x] * len(sizes)
    half = len(sizes) // 2
    middle = sum(sizes[:half])
    return [
        *_halved(_slice(x, axis, 0, middle), sizes[:half], axis),
        *_halved(_slice(x, axis, middle, x.shape[axis]), sizes[half:], axis),
    ]


def unstack(x: Any, axis: int = 0) -> list[Any]:
    """The arrays that `stack` would make x from."""
    require_axis("unstack", x, axis)
    return [getitem(part, index=_at(axis, 0)) for part in split(x, x.shape[axis], axis)]


def pad(x: Any, widths: Sequence[tuple[int, int]], value: float = 0.0, mode: str = "constant") -> Any:
    """x with (before, after) more elements along each axis, a pair an axis.

    mode: constant fills with `value`; edge, reflect, symmetric and wrap repeat elements of x as numpy.pad.
    """
    pairs: Any = np.array(widths, object)
    if pairs.shape != (x.ndim, 2) or any(not isinstance(n, int | np.integer) or n < 0 for n in pairs.flat):
        raise ShapeError("pad, argument widths", f"{x.ndim} pairs of sizes for shape {x.shape}", f"{widths}")
    if mode == "constant":
        return _padded_with(x, widths, value)
    if mode not in ("edge", "reflect", "symmetric", "wrap"):
        raise ShapeError("pad, argument mode", "constant, edge, reflect, symmetric or wrap", repr(mode))
    if any(any(pair) and not size for pair, size in zip(widths, x.shape, strict=True)):
        raise ShapeError("pad, argument x", f"elements to repeat for mode {mode}", f"shape {x.shape}")
    for axis, pair in enumerate(widths):
        if any(pair):
            positions = np.pad(np.arange(x.shape[axis]), pair, mode=mode)  # pyright: ignore[reportCallIssue, reportArgumentType]
            x = getitem(x, index=_at(axis, _like(positions, x)))
    return x


def _padded_with(x: Any, widths: Sequence[tuple[int, int]], fill: float) -> Any:
    inside = tuple(slice(before, before + size) for (before, _), size in zip(widths, x.shape, strict=True))
    shape = tuple(before + size + after for (before, after), size in zip(widths, x.shape, strict=True))
    y = scatter_add(x, index=inside, shape=shape)
    if fill == 0:
        return y
    border = array_module(value(x)).full(shape, fill, x.dtype)
    border[inside] = 0
    return y + border


def _like(positions: np.ndarray, x: Any) -> Array:
    """Positions on x's device."""
    return array_module(value(x)).asarray(positions)


def _at(axis: int, part: Any) -> tuple[Any, ...]:
    """The index that applies `part` at `axis` and leaves the rest; a negative axis counts from the end."""
    if axis < 0:
        return (..., part, *[slice(None)] * (-axis - 1))
    return (*[slice(None)] * axis, part)


def _slice(x: Any, axis: int, start: int, stop: int) -> Any:
    return getitem(x, index=_at(axis, slice(start, stop)))
