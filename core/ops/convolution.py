"""Convolution over any number of spatial axes, as one matrix product over the columns of a block of samples.

Three bilinear operations, each the derivative of the other two: the output from input and weight, the input's
gradient from the output's and the weight (which is transposed convolution), the weight's gradient from input
and output gradient. None keeps the columns (im2col): they are `kernel` times the input, and soon made again.

n: samples, c: channels in, o: channels out, g: groups; size, count, kernel: a number for each spatial axis.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

from ..array import Array, array_module, on_host
from ..cuda.matmul import product
from ..errors import ShapeError
from ..graph import primitive, vjp
from ..native import convolution as native
from .shape import broadcast_to, reshape
from .window import Sizes, Windows, per_axis

_CACHE_BYTES = 1 << 22
_GPU_BYTES = 1 << 28
"""What the columns of one block of samples may take: what stays in a cache, or fills a GPU."""


@primitive
def _convolve(x: Array, weight: Array, windows: Windows, groups: int) -> Array:
    """x: (n, c, *size), weight: (o, c / g, *kernel) -> (n, o, *count)."""
    return _convolved(x, weight, None, windows, groups)


@primitive
def _convolve_bias(x: Array, weight: Array, bias: Array, windows: Windows, groups: int) -> Array:
    """The same with bias: (o,) added."""
    return _convolved(x, weight, bias, windows, groups)


def _convolved(x: Array, weight: Array, bias: Array | None, windows: Windows, groups: int) -> Array:
    found = native.convolve(x, weight, bias, windows, groups)
    if found is not None:
        return found
    n, o = len(x), len(weight)
    y = array_module(x).empty((n, groups, o // groups, prod(windows.count)), x.dtype)
    rows = weight.reshape(groups, o // groups, -1)
    padded = windows.pad(x)
    for block in _blocks(x, windows):
        columns = _columns(padded[block], windows, groups)
        products = product(rows, columns).reshape(groups, o // groups, -1, prod(windows.count))
        y[block] = products.transpose(2, 0, 1, 3)
    y = y.reshape(n, o, *windows.count)
    return y if bias is None else y + bias.reshape(-1, *[1] * len(windows.count))


@primitive
def _convolve_back(g: Array, weight: Array, windows: Windows, groups: int) -> Array:
    """g: (n, o, *count), weight: (o, c / g, *kernel) -> (n, c, *size): what _convolve's x gets back."""
    found = native.convolve_back(g, weight, windows, groups)
    if found is not None:
        return found
    n, o = len(g), len(weight)
    channels = groups * weight.shape[1]
    around = tuple(reach - 1 - extra for reach, extra in zip(windows.reach, windows.padding, strict=True))
    if o <= channels and set(windows.stride) == {1} and min(around) >= 0 and windows.count == g.shape[2:]:
        # The convolution of g with the kernel turned round: fewer columns, and nothing to add up in place.
        by_group = weight.reshape(groups, o // groups, *weight.shape[1:]).swapaxes(1, 2)
        turned = by_group[(..., *[slice(None, None, -1)] * len(around))].reshape(
            channels, o // groups, *windows.kernel
        )
        back = Windows(windows.count, windows.kernel, windows.stride, around, windows.dilation)
        return _convolve(g, turned, windows=back, groups=groups)
    xp = array_module(g)
    x = xp.zeros((n, channels, *windows.padded), g.dtype)
    rows = weight.reshape(groups, o // groups, -1).transpose(0, 2, 1)
    for block in _blocks(x, windows):
        products = product(rows, _by_group(g[block], groups))
        parts = products.reshape(channels, windows.elements, -1, *windows.count)
        target = x[block].swapaxes(0, 1)
        for position, view in enumerate(windows.views()):
            target[view] += parts[:, position]
    return windows.unpad(x)


@primitive
def _convolve_weight(x: Array, g: Array, windows: Windows, groups: int) -> Array:
    """x: (n, c, *size), g: (n, o, *count) -> (o, c / g, *kernel): what _convolve's weight gets back."""
    found = native.convolve_weight(x, g, windows, groups)
    if found is not None:
        return found
    xp = array_module(x)
    o, channels = g.shape[1], x.shape[1] // groups
    total = xp.zeros((groups, channels * windows.elements, o // groups), x.dtype)
    padded = windows.pad(x)
    for block in _blocks(x, windows):
        columns = _columns(padded[block], windows, groups)
        total += product(columns, _by_group(g[block], groups).transpose(0, 2, 1))
    return total.transpose(0, 2, 1).reshape(o, channels, *windows.kernel)


@primitive
def channel_sums(g: Array) -> Array:
    """(n, c, *size) -> (c,)."""
    found = native.channel_sums(g)
    return g.sum((0, *range(2, g.ndim))) if found is None else found


vjp(
    channel_sums,
    lambda t, y, g: broadcast_to(reshape(t, (1, -1, *[1] * (g.ndim - 2))), shape=g.shape),
)
vjp(
    _convolve_bias,
    lambda g, y, x, weight, bias, windows, groups: _convolve_back(g, weight, windows=windows, groups=groups),
    lambda g, y, x, weight, bias, windows, groups: _convolve_weight(x, g, windows=windows, groups=groups),
    lambda g, y, x, weight, bias, windows, groups: channel_sums(g),
)
vjp(
    _convolve,
    lambda g, y, x, weight, windows, groups: _convolve_back(g, weight, windows=windows, groups=groups),
    lambda g, y, x, weight, windows, groups: _convolve_weight(x, g, windows=windows, groups=groups),
)
vjp(
    _convolve_back,
    lambda t, x, g, weight, windows, groups: _convolve(t, weight, windows=windows, groups=groups),
    lambda t, x, g, weight, windows, groups: _convolve_weight(t, g, windows=windows, groups=groups),
)
vjp(
    _convolve_weight,
    lambda t, w, x, g, windows, groups: _convolve_back(g, t, windows=windows, groups=groups),
    lambda t, w, x, g, windows, groups: _convolve(x, t, windows=windows, groups=groups),
)


def _blocks(x: Array, windows: Windows) -> Iterator[slice]:
    """Slices of the samples, so many at a time that their columns fit."""
    limit = _CACHE_BYTES if on_host(x) else _GPU_BYTES
    columns = x.shape[1] * windows.elements * prod(windows.count) * x.dtype.itemsize
    samples = max(1, limit // max(1, columns))
    for start in range(0, len(x), samples):
        yield slice(start, start + samples)


def _columns(x: Array, windows: Windows, groups: int) -> Array:
    """(n, c, *padded) -> (g, c / g * kernel, n * count): a column for each window of each sample."""
    n, channels = x.shape[:2]
    columns = array_module(x).empty((channels, windows.elements, n, *windows.count), x.dtype)
    source = x.swapaxes(0, 1)
    for position, view in enumerate(windows.views()):
        columns[:, position] = source[view]
    return columns.reshape(groups, channels // groups * windows.elements, -1)


def _by_group(g: Array, groups: int) -> Array:
    """(n, o, *count) -> (g, o / g, n * count)."""
    n, o = g.shape[:2]
    return g.reshape(n, groups, o // groups, -1).transpose(1, 2, 0, 3).reshape(groups, o // groups, -1)


def conv(
    x: Any,
    weight: Any,
    stride: Sizes = 1,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    groups: int = 1,
    bias: Any = None,
) -> Any:
    """The weight slid over x: y[o, p] = sum over c, k of weight[o, c, k] * x[c, p * stride + k * dilation].

    x: (n, c, *size), weight: (o, c / groups, *kernel) -> (n, o, *count), with one spatial axis or more.
    groups: channels fall into so many parts that see nothing of each other; groups = c is depthwise.
    bias: (o,), added to each place.
    """
    _check("conv", x, weight, groups, 1)
    if weight.shape[0] % groups:
        raise ShapeError("conv, argument groups", f"a divisor of {weight.shape[0]} channels out", f"{groups}")
    windows = Windows.of("conv", x.shape[2:], weight.shape[2:], stride, padding, dilation)
    if bias is None:
        return _convolve(x, weight, windows=windows, groups=groups)
    if bias.shape != weight.shape[:1]:
        raise ShapeError("conv, argument bias", f"shape ({weight.shape[0]},)", f"shape {bias.shape}")
    return _convolve_bias(x, weight, bias, windows=windows, groups=groups)


def conv_transpose(
    x: Any,
    weight: Any,
    stride: Sizes = 1,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    groups: int = 1,
    output_padding: Sizes = 0,
) -> Any:
    """The derivative of `conv` with respect to its input: each element of x adds a weighted kernel to y.

    x: (n, c, *count), weight: (c, o / groups, *kernel) -> (n, o, *size), with
    size = (count - 1) * stride - 2 * padding + (kernel - 1) * dilation + 1 + output_padding.
    """
    where = "conv_transpose"
    _check(where, x, weight, groups, 0)
    if x.shape[1] % groups:
        raise ShapeError(f"{where}, argument groups", f"a divisor of {x.shape[1]} channels in", f"{groups}")
    axes = x.ndim - 2
    steps = per_axis(where, "stride", stride, axes, 1)
    margins = per_axis(where, "padding", padding, axes, 0)
    gaps = per_axis(where, "dilation", dilation, axes, 1)
    extras = per_axis(where, "output_padding", output_padding, axes, 0)
    size = transposed_size(x.shape[2:], weight.shape[2:], steps, margins, gaps, extras)
    windows = Windows(size, tuple(weight.shape[2:]), steps, margins, gaps)
    return _convolve_back(x, weight, windows=windows, groups=groups)


def transposed_size(
    count: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    output_padding: Sequence[int],
) -> tuple[int, ...]:
    """The spatial sizes that `conv_transpose` gives, a number for each axis."""
    where = "conv_transpose"
    if any(extra >= step for extra, step in zip(output_padding, stride, strict=True)):
        expected = f"less than stride {tuple(stride)}"
        raise ShapeError(f"{where}, argument output_padding", expected, f"{tuple(output_padding)}")
    size = tuple(
        (number - 1) * step - 2 * margin + (k - 1) * gap + 1 + extra
        for number, step, margin, k, gap, extra in zip(
            count, stride, padding, kernel, dilation, output_padding, strict=True
        )
    )
    if min(size, default=1) < 1:
        raise ShapeError(f"{where}, argument x", "an output of at least 1 an axis", f"an output of {size}")
    return size


def _check(where: str, x: Any, weight: Any, groups: int, axis: int) -> None:
    """axis: of the weight, which x's channels lie along; by group along axis 1."""
    if x.ndim < 3:
        raise ShapeError(f"{where}, argument x", "shape (n, channels, size, ...)", f"shape {x.shape}")
    if weight.ndim != x.ndim:
        raise ShapeError(
            f"{where}, argument weight", f"{x.ndim} axes, as x {x.shape} has", f"shape {weight.shape}"
        )
    if not isinstance(groups, int) or groups < 1:
        raise ShapeError(f"{where}, argument groups", "a whole number of at least 1", f"{groups}")
    channels, meaning = weight.shape[axis] * groups**axis, f"weight.shape[{axis}]{' * groups' * axis}"
    if x.shape[1] != channels:
        raise ShapeError(
            f"{where}, argument x", f"{channels} channels ({meaning})", f"{x.shape[1]} in shape {x.shape}"
        )
