"""How convolutions and pooling call their kernels: over lines or images of float32, in any order in memory.

What the kernels give has its channels together in memory, (n, *size, c), though its axes are in the usual
order: so the kernels like it best. Each function gives None where NumPy has to compute.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from ..array import Array
from . import empty, launch, suits, suits_in_any_order

if TYPE_CHECKING:
    from ..ops.window import Windows

_MOST_TAPS = 64
"""Elements of a kernel along one axis, as convolution.c has room for."""


def convolve(x: Array, weight: Array, bias: Array | None, windows: Windows, groups: int) -> Array | None:
    """x: (n, c, *size), weight: (o, c / g, *kernel), bias: (o,) -> (n, o, *count)."""
    if not _fits(windows, x, weight, bias):
        return None
    y = images(x, len(x), len(weight), windows.count)
    integers = (*_numbers(len(x), x.shape[1], len(weight), windows, groups), *strides(x))
    method = method_for(x.shape[1], len(weight), windows, groups, x)
    launch(f"{method}_f32", [y], [x, weight, bias], integers)
    return y


def convolve_back(g: Array, weight: Array, windows: Windows, groups: int) -> Array | None:
    """g: (n, o, *count), weight: (o, c / g, *kernel) -> (n, c, *size)."""
    if not _fits(windows, g, weight, None):
        return None
    channels = groups * weight.shape[1]
    x = images(g, len(g), channels, windows.size)
    integers = (*_numbers(len(g), channels, len(weight), windows, groups), *strides(g))
    method = method_for(channels, len(weight), windows, groups, g)
    launch(f"{method}_back_f32", [x], [g, weight, None], integers)
    return x


def convolve_weight(x: Array, g: Array, windows: Windows, groups: int) -> Array | None:
    """x: (n, c, *size), g: (n, o, *count) -> (o, c / g, *kernel)."""
    if len(windows.size) > 2 or not suits_in_any_order(x, g):
        return None
    weight = empty(x, (g.shape[1], x.shape[1] // groups, *windows.kernel))
    integers = (*_numbers(len(x), x.shape[1], g.shape[1], windows, groups), *strides(x), *strides(g))
    method = method_for(x.shape[1], g.shape[1], windows, groups, x, g)
    launch(f"{method}_weight_f32", [weight], [x, g], integers)
    return weight


def channel_sums(g: Array) -> Array | None:
    """(n, c, *size) -> (c,)."""
    if g.ndim > 4 or not suits_in_any_order(g):
        return None
    sums = empty(g, g.shape[1:2])
    launch("channel_sums_f32", [sums], [g], (len(g), g.shape[1], *_pair(g.shape[2:], 1), *strides(g)))
    return sums


def max_pool(x: Array, windows: Windows) -> tuple[Array, Array] | None:
    """The largest of each window of x (n, c, *size), and its position there: (n, c, *count) both."""
    if not _pools(windows, x) or windows.elements > 2**15:
        return None
    y = images(x, len(x), x.shape[1], windows.count)
    choice = images(x, len(x), x.shape[1], windows.count, np.int16)
    launch("max_pool_f32", [y, choice], [x], _pooling(x, windows))
    return y, choice


def max_pool_back(g: Array, choice: Array, windows: Windows) -> Array | None:
    """What x of max_pool gets back for g (n, c, *count)."""
    if not _pools(windows, g) or choice.dtype != np.int16:
        return None
    x = images(g, len(g), g.shape[1], windows.size)
    launch("max_pool_back_f32", [x], [g, choice], (*_pooling(g, windows), *strides(choice)))
    return x


def window_sums(x: Array, windows: Windows) -> Array | None:
    """The sum of each window of x: (n, c, *size) -> (n, c, *count)."""
    if not _pools(windows, x):
        return None
    y = images(x, len(x), x.shape[1], windows.count)
    launch("window_sums_f32", [y], [x], _pooling(x, windows))
    return y


def window_sums_back(g: Array, windows: Windows) -> Array | None:
    """What x of window_sums gets back for g (n, c, *count)."""
    if not _pools(windows, g):
        return None
    x = images(g, len(g), g.shape[1], windows.size)
    launch("window_sums_back_f32", [x], [g], _pooling(g, windows))
    return x


def method_for(channels: int, filters: int, windows: Windows, groups: int, *arrays: Array) -> str:
    """How to compute, by the shapes alone, so that all workers compute alike.

    Found by `python benchmarks/convolution.py`: Winograd's wins down to 16 channels and to images of 3x3, and
    for the weight's gradient to those of 2x2. arrays: what the kernel reads apart from the weight, two for
    the weight's gradient.
    """
    if 1 < groups == channels == filters:
        return "depthwise"
    if (
        windows.kernel in ((3, 3), (5, 5))
        and groups == 1
        and windows.stride == windows.dilation == (1, 1)
        and max(windows.padding) < windows.kernel[0]
        and (prod(windows.count) > 4 or len(arrays) == 2)
        and not channels % 16
        and not filters % 16
        and all(strides(array)[1] == 1 for array in arrays)
    ):
        return "winograd"
    return "convolve"


def images(like: Array, n: int, channels: int, size: tuple[int, ...], dtype: type = np.float32) -> Array:
    """(n, channels, *size), with the channels together in memory."""
    return empty(like, (n, *size, channels), dtype).transpose(0, -1, *range(1, len(size) + 1))


def strides(x: Array) -> tuple[int, ...]:
    """From one sample, channel, line and pixel to the next, in elements."""
    sample, channel, *places = (step // x.itemsize for step in x.strides)
    return sample, channel, *_pair(places, 0)


def _fits(windows: Windows, x: Array, weight: Array, bias: Array | None) -> bool:
    return (
        len(windows.size) <= 2
        and max(windows.kernel) <= _MOST_TAPS
        and suits_in_any_order(x, weight)
        and suits(weight, bias)
    )


def _pools(windows: Windows, x: Array) -> bool:
    return len(windows.size) <= 2 and suits_in_any_order(x)


def _pooling(x: Array, windows: Windows) -> tuple[int, ...]:
    return (*_numbers(len(x), x.shape[1], x.shape[1], windows, x.shape[1]), *strides(x))


def _numbers(n: int, channels: int, filters: int, windows: Windows, groups: int) -> tuple[int, ...]:
    """As `read_convolution` of convolution.h reads them: a line is an image of one line."""
    pairs = [
        _pair(numbers, other)
        for numbers, other in (
            (windows.kernel, 1), (windows.stride, 1), (windows.padding, 0), (windows.dilation, 1),
            (windows.count, 1),
        )
    ]  # fmt: skip
    return (
        n,
        channels,
        *_pair(windows.size, 1),
        filters,
        groups,
        *(number for pair in pairs for number in pair),
    )


def _pair(numbers: Sequence[int], other: int) -> tuple[int, int]:
    """For lines and pixels: of a line that is an image of one line the first number is `other`."""
    return numbers[0] if len(numbers) == 2 else other, numbers[-1]
