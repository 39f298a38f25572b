"""Convolutional layers. Samples have shape (channels, *size), with one spatial axis for 1d and two for 2d."""

from __future__ import annotations

from math import prod, sqrt
from typing import ClassVar

import numpy as np

from .. import ops
from ..errors import ShapeError
from ..init import uniform_between, zeros
from ..ops.convolution import transposed_size
from ..ops.window import Sizes, Windows, per_axis
from ..tensor import Tensor
from .context import ForwardContext
from .module import Module
from .sizes import require_positive


class _Convolution(Module):
    """What the convolutional layers share: `weight` (first channels, others / groups, *kernel) and `bias`."""

    axes: ClassVar[int]

    def __init__(
        self,
        channels: int,
        filters: int,
        kernel: Sizes,
        stride: Sizes = 1,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        require_positive(self.kind, channels=channels, filters=filters, groups=groups)
        if channels % groups or filters % groups:
            expected = f"groups that divide {channels} channels and {filters} filters"
            raise ShapeError(self.kind, expected, f"{groups}")
        self.channels = channels
        self.filters = filters
        self.kernel = per_axis(self.kind, "kernel", kernel, self.axes, 1)
        self.stride = per_axis(self.kind, "stride", stride, self.axes, 1)
        self.padding = per_axis(self.kind, "padding", padding, self.axes, 0)
        self.dilation = per_axis(self.kind, "dilation", dilation, self.axes, 1)
        self.groups = groups
        first, others = self._weight_channels()
        self.weight = Tensor(self.start("weight", (first, others, *self.kernel), 0, 0), requires_grad=True)
        self.bias = Tensor(zeros((filters,)), requires_grad=True) if bias else None

    def start(self, name: str, shape: tuple[int, ...], seed: int, index: int) -> np.ndarray:
        if name != "weight":
            return zeros(shape)
        bound = sqrt(6 / (self.channels // self.groups * prod(self.kernel)))  # He uniform by its fan-in
        return uniform_between(shape, seed, index, -bound, bound)

    def _weight_channels(self) -> tuple[int, int]:
        return self.filters, self.channels // self.groups

    def _with_bias(self, y: Tensor) -> Tensor:
        return y if self.bias is None else y + ops.reshape(self.bias, (-1, *[1] * self.axes))

    def _check(self, input_shape: tuple[int, ...]) -> None:
        if len(input_shape) != self.axes + 1 or input_shape[0] != self.channels:
            sizes = ", ".join(["length"] if self.axes == 1 else ["height", "width"])
            raise self.refused(f"of shape ({self.channels}, {sizes})", input_shape)


class _Conv(_Convolution):
    def forward(self, x: Tensor, context: ForwardContext) -> Tensor:
        if x.ndim != self.axes + 2:
            self._check(x.shape[1:])
        options = (self.stride, self.padding, self.dilation, self.groups)
        return ops.conv(x, self.weight, *options, bias=self.bias)

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        self._check(input_shape)
        windows = Windows.of(
            self.kind, input_shape[1:], self.kernel, self.stride, self.padding, self.dilation
        )
        return (self.filters, *windows.count)


class Conv1d(_Conv):
    """Convolution over one axis: (n, channels, length) -> (n, filters, fewer). See `ops.conv`.

    weight: (filters, channels / groups, kernel); bias: (filters,) or none.
    """

    kind: ClassVar[str] = "conv1d"
    axes: ClassVar[int] = 1


class Conv2d(_Conv):
    """Convolution over two axes: (n, channels, height, width) -> (n, filters, fewer, fewer). See `ops.conv`.

    weight: (filters, channels / groups, *kernel); bias: (filters,) or none.
    """

    kind: ClassVar[str] = "conv2d"
    axes: ClassVar[int] = 2


class ConvTranspose2d(_Convolution):
    """The way back through a Conv2d: (n, channels, height, width) -> (n, filters, more, more).

    See `ops.conv_transpose`. weight: (channels, filters / groups, *kernel); bias: (filters,) or none.
    """

    kind: ClassVar[str] = "conv_transpose2d"
    axes: ClassVar[int] = 2

    def __init__(
        self,
        channels: int,
        filters: int,
        kernel: Sizes,
        stride: Sizes = 1,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        output_padding: Sizes = 0,
    ) -> None:
        super().__init__(channels, filters, kernel, stride, padding, dilation, groups, bias)
        self.output_padding = per_axis(self.kind, "output_padding", output_padding, self.axes, 0)

    def _weight_channels(self) -> tuple[int, int]:
        return self.channels, self.filters // self.groups

    def forward(self, x: Tensor, context: ForwardContext) -> Tensor:
        if x.ndim != self.axes + 2:
            self._check(x.shape[1:])
        options = (self.stride, self.padding, self.dilation, self.groups, self.output_padding)
        return self._with_bias(ops.conv_transpose(x, self.weight, *options))

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        self._check(input_shape)
        size = transposed_size(
            input_shape[1:], self.kernel, self.stride, self.padding, self.dilation, self.output_padding
        )
        return (self.filters, *size)
