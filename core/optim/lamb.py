"""LAMB: Adam's direction, scaled for each parameter to the parameter's own norm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from ..array import Array, array_module
from .norm import norm
from .rule import require_at_least_0, require_fraction, require_rate
from .whole import WholeRule


@dataclass(frozen=True)
class LAMB(WholeRule):
    """p -= learning_rate * |p| / |u| * u with u = m / (sqrt(v) + epsilon) + weight_decay * p.

    You et al., "Large batch optimization for deep learning", ICLR 2020, algorithm 2, with m and v corrected
    for their start at zero. The ratio of the norms is 1 where either of them is 0.
    """

    learning_rate: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-6
    weight_decay: float = 0.01

    def __post_init__(self) -> None:
        require_rate("lamb", self.learning_rate)
        require_fraction("lamb", beta1=self.beta1, beta2=self.beta2)
        require_at_least_0("lamb", epsilon=self.epsilon, weight_decay=self.weight_decay)

    @property
    def slots(self) -> tuple[str, ...]:
        return ("first_moment", "second_moment")

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
        first = xp.multiply(state[0], number(self.beta1), out=out_state[0])
        first += gradient * number(1 - self.beta1)
        second = xp.multiply(state[1], number(self.beta2), out=out_state[1])
        second += gradient * gradient * number(1 - self.beta2)
        update = xp.sqrt(second)
        update *= number(1 / sqrt(1 - self.beta2**step))
        update += number(self.epsilon)
        xp.divide(first, update, out=update)
        update *= number(1 / (1 - self.beta1**step))
        if self.weight_decay:
            update += parameter * number(self.weight_decay)
        length, step_length = norm(parameter), norm(update)
        ratio = length / step_length if length and step_length else 1.0
        update *= number(self.learning_rate * ratio)
        xp.subtract(parameter, update, out=out_parameter)
