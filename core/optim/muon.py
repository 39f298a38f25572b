"""Muon: a momentum made orthogonal, for matrices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from ..array import Array, array_module
from ..errors import ShapeError
from .norm import norm
from .rule import require, require_at_least_0, require_fraction, require_rate
from .whole import WholeRule

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)


@dataclass(frozen=True)
class Muon(WholeRule):
    """p -= learning_rate * (scale * orthogonal(direction) + weight_decay * p): Jordan et al., "Muon" (2024).

    m = momentum * m + (1 - momentum) * g; the direction is m, or with nesterov the same mean of m and g.
    scale = sqrt(max(1, outputs / inputs)) for a weight (inputs, outputs), as this library keeps them.
    A parameter of more axes, a convolution's kernel, counts as the matrix (first axis: outputs, all others).
    """

    learning_rate: float = 1e-3
    momentum: float = 0.95
    nesterov: bool = True
    weight_decay: float = 0.1
    iterations: int = 5
    epsilon: float = 1e-7

    def __post_init__(self) -> None:
        require_rate("muon", self.learning_rate)
        require_fraction("muon", momentum=self.momentum)
        require_at_least_0("muon", weight_decay=self.weight_decay, epsilon=self.epsilon)
        require("muon", "iterations", self.iterations, self.iterations >= 1, "at least 1")

    @property
    def slots(self) -> tuple[str, ...]:
        return ("momentum",)

    def check(self, name: str, shape: tuple[int, ...]) -> None:
        if len(shape) < 2:
            raise ShapeError(
                f"muon, parameter {name}",
                "a matrix",
                f"shape {shape}",
                "Give vectors another rule by a group, such as Group('*.bias', rule=AdamW())",
            )

    def update_parameter(
        self,
        step: int,
        gradient: Array,
        parameter: Array,
        state: Sequence[Array],
        out_parameter: Array,
        out_state: Sequence[Array],
    ) -> None:
        xp, number = array_module(parameter), parameter.dtype.type
        kept, newest = number(self.momentum), number(1 - self.momentum)
        momentum = xp.multiply(state[0], kept, out=out_state[0])
        momentum += gradient * newest
        direction = momentum * kept + gradient * newest if self.nesterov else momentum
        matrix = direction.reshape(len(direction), -1)
        change = orthogonal(matrix, self.iterations, self.epsilon).reshape(parameter.shape)
        outputs, inputs = (matrix.shape[1], matrix.shape[0]) if parameter.ndim == 2 else matrix.shape
        change *= number(self.learning_rate * sqrt(max(1.0, outputs / inputs)))
        if self.weight_decay:
            parameter = parameter * number(1 - self.learning_rate * self.weight_decay)
        xp.subtract(parameter, change, out=out_parameter)


def orthogonal(matrix: Array, iterations: int = 5, epsilon: float = 1e-7) -> Array:
    """Roughly U V' of the matrix's U S V', singular values in 0.7 .. 1.2. (n, m) -> new (n, m).

    Newton and Schulz's iteration x = a x + (b y + c y²) x, y = x x', with Jordan's coefficients.
    """
    number = matrix.dtype.type
    a, b, c = map(number, _COEFFICIENTS)
    x = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    x = x * number(1 / max(norm(matrix), epsilon))
    for _ in range(iterations):
        y = x @ x.T
        x = a * x + (b * y + c * (y @ y)) @ x
    return x.T.copy() if matrix.shape[0] > matrix.shape[1] else x
