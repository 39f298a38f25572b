"""LAMB: Adam's direction, scaled for each parameter to the parameter's own norm."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import ClassVar

from ..array import Array, array_module
from ..settings import Fraction, NotNegative, Positive
from .norm import norm
from .rule import Rows, WholeRule


@dataclass(frozen=True)
class LAMB(WholeRule):
    """p -= learning_rate * |p| / |u| * u with u = m / (sqrt(v) + epsilon) + weight_decay * p.

    You et al., "Large batch optimization for deep learning", ICLR 2020, algorithm 2, with m and v corrected
    for their start at zero. The ratio of the norms is 1 where either of them is 0.
    """

    learning_rate: Positive = 1e-3
    beta1: Fraction = 0.9
    beta2: Fraction = 0.999
    epsilon: NotNegative = 1e-6
    weight_decay: NotNegative = 0.01

    rows: ClassVar[tuple[str, ...]] = ("first_moment", "second_moment")

    def change(self, step: int, gradient: Array, parameter: Array, state: Rows, new_state: Rows) -> Array:
        xp, number = array_module(parameter), parameter.dtype.type
        first = xp.multiply(state[0], number(self.beta1), out=new_state[0])
        first += gradient * number(1 - self.beta1)
        second = xp.multiply(state[1], number(self.beta2), out=new_state[1])
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
        return update
