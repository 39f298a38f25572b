"""Pooling layers. Samples have shape (channels, *size), with any number of spatial axes."""

from __future__ import annotations

from typing import ClassVar

from .. import ops
from ..errors import ShapeError
from ..ops.window import Sizes, Windows, per_axis
from ..tensor import Tensor
from .context import ForwardContext
from .module import Module


def _spatial(kind: str, input_shape: tuple[int, ...]) -> tuple[int, ...]:
    if len(input_shape) < 2:
        raise ShapeError(kind, "samples of shape (channels, size, ...)", f"samples of shape {input_shape}")
    return input_shape[1:]


class MaxPool(Module):
    """The largest of each window: (n, channels, *size) -> (n, channels, *fewer).

    stride: the kernel, where it is not given.
    """

    kind: ClassVar[str] = "max_pool"

    def __init__(self, kernel: Sizes, stride: Sizes | None = None, padding: Sizes = 0) -> None:
        self.kernel = kernel
        self.stride = stride
        self.padding = padding

    def forward(self, x: Tensor, context: ForwardContext) -> Tensor:
        return ops.max_pool(x, self.kernel, self.stride, self.padding)

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        size = _spatial(self.kind, input_shape)
        return (input_shape[0], *Windows.of(self.kind, size, self.kernel, self.stride, self.padding).count)


class AvgPool(Module):
    """The mean of each window: (n, channels, *size) -> (n, channels, *fewer).

    stride: the kernel, where it is not given.
    count_padding: whether the zeros of the padding count as elements of the mean.
    """

    kind: ClassVar[str] = "average_pool"

    def __init__(
        self, kernel: Sizes, stride: Sizes | None = None, padding: Sizes = 0, count_padding: bool = True
    ) -> None:
        self.kernel = kernel
        self.stride = stride
        self.padding = padding
        self.count_padding = count_padding

    def forward(self, x: Tensor, context: ForwardContext) -> Tensor:
        return ops.average_pool(x, self.kernel, self.stride, self.padding, self.count_padding)

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        size = _spatial(self.kind, input_shape)
        return (input_shape[0], *Windows.of(self.kind, size, self.kernel, self.stride, self.padding).count)


class GlobalAvgPool(Module):
    """The mean over all spatial axes: (n, channels, *size) -> (n, channels)."""

    kind: ClassVar[str] = "global_average_pool"

    def forward(self, x: Tensor, context: ForwardContext) -> Tensor:
        return ops.global_average_pool(x)

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        _spatial(self.kind, input_shape)
        return input_shape[:1]


class GlobalMaxPool(Module):
    """The largest over all spatial axes: (n, channels, *size) -> (n, channels)."""

    kind: ClassVar[str] = "global_max_pool"

    def forward(self, x: Tensor, context: ForwardContext) -> Tensor:
        return ops.global_max_pool(x)

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        _spatial(self.kind, input_shape)
        return input_shape[:1]


class AdaptiveAvgPool(Module):
    """Means of windows so long that there are `output` of them: (n, c, *size) -> (n, c, *output)."""

    kind: ClassVar[str] = "adaptive_average_pool"

    def __init__(self, output: Sizes) -> None:
        self.output = output

    def forward(self, x: Tensor, context: ForwardContext) -> Tensor:
        return ops.adaptive_average_pool(x, self.output)

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        size = _spatial(self.kind, input_shape)
        return (input_shape[0], *per_axis(self.kind, "output", self.output, len(size), 1))


class AdaptiveMaxPool(Module):
    """The largest of windows so long that there are `output` of them: (n, c, *size) -> (n, c, *output)."""

    kind: ClassVar[str] = "adaptive_max_pool"

    def __init__(self, output: Sizes) -> None:
        self.output = output

    def forward(self, x: Tensor, context: ForwardContext) -> Tensor:
        return ops.adaptive_max_pool(x, self.output)

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        size = _spatial(self.kind, input_shape)
        return (input_shape[0], *per_axis(self.kind, "output", self.output, len(size), 1))
