"""Pooling layers. Samples have shape (channels, *size), with any number of spatial axes."""

from __future__ import annotations

from typing import Any, ClassVar

from .. import ops
from ..errors import ShapeError
from ..ops.pooling import pooling_windows
from ..ops.window import Sizes, per_axis
from ..tensor import Tensor
from .context import ForwardContext
from .module import Module


class _Pool(Module):
    """What pooling layers share: they apply `op`, with `_options`."""

    op: ClassVar[str]

    def forward(self, x: Tensor, context: ForwardContext) -> Tensor:
        return getattr(ops, self.op)(x, *self._options())

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        if len(input_shape) < 2:
            expected = "samples of shape (channels, size, ...)"
            raise ShapeError(self.kind, expected, f"samples of shape {input_shape}")
        return (input_shape[0], *self._count(input_shape[1:]))

    def _options(self) -> tuple[Any, ...]:
        """The op's arguments after x."""
        return ()

    def _count(self, size: tuple[int, ...]) -> tuple[int, ...]:
        """Elements that are left along each spatial axis; none of the axes, where all is pooled."""
        return ()


class _WindowPool(_Pool):
    def __init__(self, kernel: Sizes, stride: Sizes | None = None, padding: Sizes = 0) -> None:
        self.kernel = kernel
        self.stride = stride
        self.padding = padding

    def _options(self) -> tuple[Any, ...]:
        return self.kernel, self.stride, self.padding

    def _count(self, size: tuple[int, ...]) -> tuple[int, ...]:
        return pooling_windows(self.kind, size, self.kernel, self.stride, self.padding).count


class MaxPool(_WindowPool):
    """The largest of each window: (n, channels, *size) -> (n, channels, *fewer).

    stride: the kernel, where it is not given.
    """

    kind: ClassVar[str] = "max_pool"
    op: ClassVar[str] = "max_pool"


class AvgPool(_WindowPool):
    """The mean of each window: (n, channels, *size) -> (n, channels, *fewer).

    stride: the kernel, where it is not given.
    count_padding: whether the zeros of the padding count as elements of the mean.
    """

    kind: ClassVar[str] = "avg_pool"
    op: ClassVar[str] = "average_pool"

    def __init__(
        self, kernel: Sizes, stride: Sizes | None = None, padding: Sizes = 0, count_padding: bool = True
    ) -> None:
        super().__init__(kernel, stride, padding)
        self.count_padding = count_padding

    def _options(self) -> tuple[Any, ...]:
        return self.kernel, self.stride, self.padding, self.count_padding


class GlobalAvgPool(_Pool):
    """The mean over all spatial axes: (n, channels, *size) -> (n, channels)."""

    kind: ClassVar[str] = "global_avg_pool"
    op: ClassVar[str] = "global_average_pool"


class GlobalMaxPool(_Pool):
    """The largest over all spatial axes: (n, channels, *size) -> (n, channels)."""

    kind: ClassVar[str] = "global_max_pool"
    op: ClassVar[str] = "global_max_pool"


class _AdaptivePool(_Pool):
    def __init__(self, output: Sizes) -> None:
        self.output = output

    def _options(self) -> tuple[Any, ...]:
        return (self.output,)

    def _count(self, size: tuple[int, ...]) -> tuple[int, ...]:
        return per_axis(self.kind, "output", self.output, len(size), 1)


class AdaptiveAvgPool(_AdaptivePool):
    """Means of windows so long that there are `output` of them: (n, c, *size) -> (n, c, *output)."""

    kind: ClassVar[str] = "adaptive_avg_pool"
    op: ClassVar[str] = "adaptive_average_pool"


class AdaptiveMaxPool(_AdaptivePool):
    """The largest of windows so long that there are `output` of them: (n, c, *size) -> (n, c, *output)."""

    kind: ClassVar[str] = "adaptive_max_pool"
    op: ClassVar[str] = "adaptive_max_pool"
