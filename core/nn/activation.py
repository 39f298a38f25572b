"""Layers that apply one function to each element."""

from __future__ import annotations

from typing import ClassVar

from .. import ops
from ..tensor import Tensor
from .context import ForwardContext
from .module import Module


class Activation(Module):
    """An elementwise layer: any shape -> same shape."""

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return input_shape


class ReLU(Activation):
    """max(x, 0)."""

    kind: ClassVar[str] = "relu"

    def forward(self, x: Tensor, context: ForwardContext) -> Tensor:
        return ops.relu(x)


class Sigmoid(Activation):
    """1 / (1 + exp(-x))."""

    kind: ClassVar[str] = "sigmoid"

    def forward(self, x: Tensor, context: ForwardContext) -> Tensor:
        return ops.sigmoid(x)


class Tanh(Activation):
    """tanh(x)."""

    kind: ClassVar[str] = "tanh"

    def forward(self, x: Tensor, context: ForwardContext) -> Tensor:
        return ops.tanh(x)
