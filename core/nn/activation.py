"""Activation layers: a function of each element, or of a sample's elements, that keeps the shape."""

from __future__ import annotations

from typing import ClassVar

from .. import ops
from ..settings import FINITE
from ..tensor import Tensor
from .context import ForwardContext
from .module import Module


class Activation(Module):
    """A function without parameters: any shape -> same shape. It applies the op named `kind`."""

    def forward(self, x: Tensor, context: ForwardContext) -> Tensor:
        return getattr(ops, self.kind)(x)

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return input_shape


class ReLU(Activation):
    """max(x, 0)."""

    kind: ClassVar[str] = "relu"


class Sigmoid(Activation):
    """1 / (1 + exp(-x))."""

    kind: ClassVar[str] = "sigmoid"


class Tanh(Activation):
    """tanh(x)."""

    kind: ClassVar[str] = "tanh"


class LeakyReLU(Activation):
    """x above 0, slope * x below."""

    kind: ClassVar[str] = "leaky_relu"

    def __init__(self, slope: float = 0.01) -> None:
        self.slope = FINITE.check(self.kind, "slope", slope)

    def forward(self, x: Tensor, context: ForwardContext) -> Tensor:
        return ops.leaky_relu(x, self.slope)


class ELU(Activation):
    """x above 0, alpha * (exp(x) - 1) below."""

    kind: ClassVar[str] = "elu"

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = FINITE.check(self.kind, "alpha", alpha)

    def forward(self, x: Tensor, context: ForwardContext) -> Tensor:
        return ops.elu(x, self.alpha)


class SELU(Activation):
    """The ELU that keeps mean 0 and variance 1."""

    kind: ClassVar[str] = "selu"


class GELU(Activation):
    """x times the normal distribution function of x; approximate: by a tanh."""

    kind: ClassVar[str] = "gelu"

    def __init__(self, approximate: bool = False) -> None:
        self.approximate = approximate

    def forward(self, x: Tensor, context: ForwardContext) -> Tensor:
        return ops.gelu(x, self.approximate)


class SiLU(Activation):
    """x * sigmoid(x), also called swish."""

    kind: ClassVar[str] = "silu"


class Mish(Activation):
    """x * tanh(softplus(x))."""

    kind: ClassVar[str] = "mish"


class Softplus(Activation):
    """log(1 + exp(x))."""

    kind: ClassVar[str] = "softplus"


class Softsign(Activation):
    """x / (1 + |x|)."""

    kind: ClassVar[str] = "softsign"


class LogSigmoid(Activation):
    """log(sigmoid(x))."""

    kind: ClassVar[str] = "log_sigmoid"


class ReLU6(Activation):
    """x between 0 and 6."""

    kind: ClassVar[str] = "relu6"


class HardSigmoid(Activation):
    """x / 6 + 1/2 between 0 and 1."""

    kind: ClassVar[str] = "hard_sigmoid"


class HardSwish(Activation):
    """x * hard_sigmoid(x)."""

    kind: ClassVar[str] = "hard_swish"


class Softmax(Activation):
    """exp(x) / sum(exp(x)) over the last axis."""

    kind: ClassVar[str] = "softmax"


class LogSoftmax(Activation):
    """log(softmax(x)) over the last axis."""

    kind: ClassVar[str] = "log_softmax"


ACTIVATIONS: dict[str, type[Activation]] = {layer.kind: layer for layer in Activation.__subclasses__()}
"""By the name of the op, which is that of a job file."""
