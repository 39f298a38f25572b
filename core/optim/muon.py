"""Muon: a momentum made orthogonal, for matrices."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import ClassVar

from ..array import Array, array_module
from ..errors import ShapeError
from ..settings import Count, Fraction, NotNegative, Positive
from .norm import norm
from .rule import Rows, WholeRule

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)


@dataclass(frozen=True)
class Muon(WholeRule):
    """p -= learning_rate * (scale * orthogonal(direction) + weight_decay * p): Jordan et al., "Muon" (2024).

    m = momentum * m + (1 - momentum) * g; the direction is m, or with nesterov the same mean of m and g.
    scale = sqrt(max(1, outputs / inputs)) for a weight (inputs, outputs), as this library keeps them.
    A parameter of more axes, a convolution's kernel, counts as the matrix (first axis: outputs, all others).
    """

    learning_rate: Positive = 1e-3
    momentum: Fraction = 0.95
    nesterov: bool = True
    weight_decay: NotNegative = 0.1
    iterations: Count = 5
    epsilon: NotNegative = 1e-7

    rows: ClassVar[tuple[str, ...]] = ("momentum",)
    decoupled: ClassVar[bool] = True

    def check(self, name: str, shape: tuple[int, ...]) -> None:
        if len(shape) < 2:
            raise ShapeError(
                f"muon, parameter {name}",
                "a matrix",
                f"shape {shape}",
                "Give vectors another rule by a group, such as Group('*.bias', rule=AdamW())",
            )

    def change(self, step: int, gradient: Array, parameter: Array, state: Rows, new_state: Rows) -> Array:
        xp, number = array_module(parameter), parameter.dtype.type
        kept, newest = number(self.momentum), number(1 - self.momentum)
        momentum = xp.multiply(state[0], kept, out=new_state[0])
        momentum += gradient * newest
        direction = momentum * kept + gradient * newest if self.nesterov else momentum
        matrix = direction.reshape(len(direction), -1)
        change = orthogonal(matrix, self.iterations, self.epsilon).reshape(parameter.shape)
        outputs, inputs = (matrix.shape[1], matrix.shape[0]) if parameter.ndim == 2 else matrix.shape
        change *= number(self.learning_rate * sqrt(max(1.0, outputs / inputs)))
        return change


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
