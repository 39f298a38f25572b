"""The layer that turns samples of any shape into vectors."""

from __future__ import annotations

from math import prod
from typing import ClassVar

from .. import ops
from ..tensor import Tensor
from .context import ForwardContext
from .module import Module


class Flatten(Module):
    """(n, ...) -> (n, product of the rest), in row-major order."""

    kind: ClassVar[str] = "flatten"

    def forward(self, x: Tensor, context: ForwardContext) -> Tensor:
        return ops.reshape(x, (x.shape[0], prod(x.shape[1:])))

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return (prod(input_shape),)
