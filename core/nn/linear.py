"""The fully connected layer."""

from __future__ import annotations

from typing import ClassVar

from .. import ops
from ..init import he_uniform, zeros
from ..tensor import Tensor
from .context import ForwardContext
from .module import Module
from .sizes import require_positive


class Linear(Module):
    """x @ weight + bias. x: (n, inputs) -> (n, units); weight: (inputs, units); bias: (units,) or none.

    Starts with He-uniform weights of a fixed key; `nn.initialize` gives every layer of a model its own.
    """

    kind: ClassVar[str] = "linear"

    def __init__(self, inputs: int, units: int, bias: bool = True) -> None:
        require_positive(self.kind, inputs=inputs, units=units)
        self.inputs = inputs
        self.units = units
        self.weight = Tensor(he_uniform((inputs, units)), requires_grad=True)
        self.bias = Tensor(zeros((units,)), requires_grad=True) if bias else None

    def forward(self, x: Tensor, context: ForwardContext) -> Tensor:
        if self.bias is None:
            if x.ndim != 2:
                self.output_shape(x.shape[1:])
            return ops.matmul(x, self.weight)
        return ops.linear(x, self.weight, self.bias)

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        if input_shape != (self.inputs,):
            advice = "Put a flatten layer before it" if len(input_shape) > 1 else ""
            raise self.refused(f"of shape ({self.inputs},)", input_shape, advice)
        return (self.units,)
