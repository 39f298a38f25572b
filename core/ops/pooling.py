"""Pooling: the largest or the mean of each window over the spatial axes. x: (n, channels, *size).

Max pooling picks one element of each window, so it is a choice (no derivative) and two linear operations that
are each other's derivative: picking, and putting back where it was picked. So are the sums of windows, and
adding a number to all elements of a window.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from ..array import Array, array_module
from ..errors import ShapeError
from ..graph import primitive, vjp
from ..native import convolution as native
from .constant import select, value
from .linalg import matmul
from .reduction import max, mean
from .shape import getitem, transpose
from .window import Sizes, Windows, per_axis


@primitive
def _pick(x: Array, choice: Array, windows: Windows) -> Array:
    """From each window of x (..., *size) the element at its position `choice` (..., *count)."""
    xp = array_module(x)
    padded = windows.pad(x)
    y = xp.zeros(choice.shape, x.dtype)
    for position, view in enumerate(windows.views()):
        y = select(choice == position, padded[view], y)
    return y


@primitive
def _chosen(x: Array, choice: Array, found: Array, windows: Windows) -> Array:
    """The same, where the elements have been found already."""
    return found


@primitive
def _put(g: Array, choice: Array, windows: Windows) -> Array:
    """Zeros (..., *size), with g (..., *count) added to the element of each window at position `choice`."""
    found = native.max_pool_back(g, choice, windows)
    if found is not None:
        return found
    x = array_module(g).zeros((*g.shape[: -len(windows.size)], *windows.padded), g.dtype)
    for position, view in enumerate(windows.views()):
        x[view] += g * (choice == position)
    return windows.unpad(x)


vjp(_pick, lambda g, y, x, choice, windows: _put(g, choice, windows=windows), None)
vjp(_chosen, lambda g, y, x, choice, found, windows: _put(g, choice, windows=windows), None, None)
vjp(_put, lambda t, x, g, choice, windows: _pick(t, choice, windows=windows), None)


def _largest(x: Array, windows: Windows) -> tuple[Array, Array]:
    """Each window's largest element and its position there: the first of equal ones, and any nan."""
    found = native.max_pool(x, windows)
    if found is not None:
        return found
    views = windows.views()
    padded = windows.pad(x, -np.inf)
    best = padded[next(views)]
    xp = array_module(x)
    position_type = np.int16 if windows.elements <= 2**15 else np.int32
    choice = xp.zeros(best.shape, position_type)
    for position, view in enumerate(views, start=1):
        candidate = padded[view]
        better = (candidate > best) | (candidate != candidate)
        best = xp.maximum(best, candidate)
        choice -= (choice - position_type(position)) * better
    return best, choice


@primitive
def _window_sums(x: Array, windows: Windows) -> Array:
    """The sum of each window of x: (..., *size) -> (..., *count)."""
    found = native.window_sums(x, windows)
    if found is not None:
        return found
    padded = windows.pad(x)
    total = array_module(x).zeros((*x.shape[: -len(windows.size)], *windows.count), x.dtype)
    for view in windows.views():
        total += padded[view]
    return total


@primitive
def _window_sums_back(g: Array, windows: Windows) -> Array:
    """Zeros (..., *size), with g (..., *count) added to each element of its window."""
    found = native.window_sums_back(g, windows)
    if found is not None:
        return found
    x = array_module(g).zeros((*g.shape[: -len(windows.size)], *windows.padded), g.dtype)
    for view in windows.views():
        x[view] += g
    return windows.unpad(x)


vjp(_window_sums, lambda g, y, x, windows: _window_sums_back(g, windows=windows))
vjp(_window_sums_back, lambda t, x, g, windows: _window_sums(t, windows=windows))


def max_pool(
    x: Any, kernel: Sizes, stride: Sizes | None = None, padding: Sizes = 0, dilation: Sizes = 1
) -> Any:
    """The largest of each window; of equal ones the first has the derivative.

    stride: the kernel, where it is not given. Padding is never the largest.
    """
    _check("max_pool", x)
    windows = pool_windows("max_pool", x.shape[2:], kernel, stride, padding, dilation)
    largest, choice = _largest(value(x), windows)
    return _chosen(x, choice, largest, windows=windows)


def average_pool(
    x: Any, kernel: Sizes, stride: Sizes | None = None, padding: Sizes = 0, count_padding: bool = True
) -> Any:
    """The mean of each window. stride: the kernel, where it is not given.

    count_padding: whether the zeros of the padding count as elements of the mean.
    """
    _check("average_pool", x)
    windows = pool_windows("average_pool", x.shape[2:], kernel, stride, padding)
    total = _window_sums(x, windows=windows)
    if count_padding:
        return total / windows.elements
    inside = array_module(value(x)).ones((1, 1, *windows.size), x.dtype)
    return total / _window_sums(inside, windows=windows)


def pool_windows(
    where: str, size: Sequence[int], kernel: Sizes, stride: Sizes | None, padding: Sizes, dilation: Sizes = 1
) -> Windows:
    """`Windows.of`, with no more padding than leaves each window an element of its own."""
    windows = Windows.of(where, size, kernel, stride, padding, dilation)
    if any(2 * margin > size for margin, size in zip(windows.padding, windows.kernel, strict=True)):
        raise ShapeError(
            f"{where}, argument padding", f"at most half the kernel {windows.kernel}", f"{padding}"
        )
    return windows


def _check(where: str, x: Any) -> None:
    if x.ndim < 3:
        raise ShapeError(f"{where}, argument x", "shape (n, channels, size, ...)", f"shape {x.shape}")


def global_average_pool(x: Any) -> Any:
    """The mean over all spatial axes: (n, channels, *size) -> (n, channels)."""
    _check("global_average_pool", x)
    return mean(x, axis=tuple(range(2, x.ndim)))


def global_max_pool(x: Any) -> Any:
    """The largest over all spatial axes: (n, channels, *size) -> (n, channels)."""
    _check("global_max_pool", x)
    return max(x, axis=tuple(range(2, x.ndim)))


def adaptive_average_pool(x: Any, output: Sizes) -> Any:
    """Means of windows so long that there are `output` of them: (n, c, *size) -> (n, c, *output).

    Window i of m over s elements is i * s // m up to (i + 1) * s / m rounded up; each axis is one product
    with the matrix of those means.
    """
    for axis, (size, starts, stops) in enumerate(_spans("adaptive_average_pool", x, output), start=2):
        elements = np.arange(size)[:, None]
        means = ((elements >= starts) & (elements < stops)) / (stops - starts)
        order = list(range(x.ndim))
        order[axis], order[-1] = order[-1], order[axis]
        matrix = array_module(value(x)).asarray(means.astype(x.dtype))
        x = transpose(matmul(transpose(x, tuple(order)), matrix), tuple(order))
    return x


def adaptive_max_pool(x: Any, output: Sizes) -> Any:
    """The largest of the windows of `adaptive_average_pool`: (n, c, *size) -> (n, c, *output)."""
    for axis, (_, starts, stops) in enumerate(_spans("adaptive_max_pool", x, output), start=2):
        longest = int((stops - starts).max())
        elements = np.minimum(starts[:, None] + np.arange(longest), stops[:, None] - 1)
        index = array_module(value(x)).asarray(elements)
        x = max(getitem(x, index=(*[slice(None)] * axis, index)), axis=axis + 1)
    return x


def _spans(where: str, x: Any, output: Sizes) -> Sequence[tuple[int, np.ndarray, np.ndarray]]:
    """For each spatial axis its size, and where the windows start and stop."""
    _check(where, x)
    counts = per_axis(where, "output", output, x.ndim - 2, 1)
    if not prod(x.shape[2:]):
        raise ShapeError(f"{where}, argument x", "spatial sizes of at least 1", f"shape {x.shape}")
    spans = []
    for size, count in zip(x.shape[2:], counts, strict=True):
        steps = np.arange(count)
        spans.append((size, steps * size // count, -(-(steps + 1) * size // count)))
    return spans
