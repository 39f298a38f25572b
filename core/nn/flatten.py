"""The layers that give the elements of each sample another shape or order."""

from __future__ import annotations

from math import prod
from typing import ClassVar

from .. import ops
from ..errors import ShapeError
from ..tensor import Tensor
from .context import ForwardContext
from .module import Module
from .sizes import require_positive


class Flatten(Module):
    """(n, ...) -> (n, product of the rest), in row-major order."""

    kind: ClassVar[str] = "flatten"

    def forward(self, x: Tensor, context: ForwardContext) -> Tensor:
        return ops.reshape(x, (x.shape[0], prod(x.shape[1:])))

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return (prod(input_shape),)


class Reshape(Module):
    """(n, ...) -> (n, *shape), in row-major order."""

    kind: ClassVar[str] = "reshape"

    def __init__(self, *shape: int) -> None:
        require_positive(self.kind, **{f"shape[{index}]": size for index, size in enumerate(shape)})
        self.shape = shape

    def forward(self, x: Tensor, context: ForwardContext) -> Tensor:
        self.output_shape(x.shape[1:])
        return ops.reshape(x, (x.shape[0], *self.shape))

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        if prod(input_shape) != prod(self.shape):
            raise self.refused(f"of {prod(self.shape)} elements for shape {self.shape}", input_shape)
        return self.shape


class Permute(Module):
    """(n, ...) -> (n, ...) with the axes of each sample in the order `axes`, counted from 0 without n."""

    kind: ClassVar[str] = "permute"

    def __init__(self, *axes: int) -> None:
        if sorted(axes) != list(range(len(axes))):
            raise ShapeError(self.kind, f"each axis from 0 to {len(axes) - 1} once", str(axes))
        self.axes = axes

    def forward(self, x: Tensor, context: ForwardContext) -> Tensor:
        self.output_shape(x.shape[1:])
        return ops.transpose(x, axes=(0, *(axis + 1 for axis in self.axes)))

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        if len(input_shape) != len(self.axes):
            raise self.refused(f"of {len(self.axes)} axes", input_shape)
        return tuple(input_shape[axis] for axis in self.axes)
