"""Lion: the sign of a momentum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from ..array import Array
from ..settings import Fraction, NotNegative, Positive
from .rule import Kernel, Number, Rows, Rule, accumulate


@dataclass(frozen=True)
class Lion(Rule):
    """p -= learning_rate * (sign(beta1 * m + (1 - beta1) * g) + weight_decay * p); then
    m = beta2 * m + (1 - beta2) * g: Chen et al., "Symbolic discovery of optimization algorithms" (2023)."""

    learning_rate: Positive = 1e-4
    beta1: Fraction = 0.9
    beta2: Fraction = 0.99
    weight_decay: NotNegative = 0.0

    rows: ClassVar[tuple[str, ...]] = ("momentum",)
    decoupled: ClassVar[bool] = True

    @property
    def symbol(self) -> str:
        return "lion_f32"

    def coefficients(self, step: int) -> tuple[float, ...]:
        return self.learning_rate, self.beta1, 1 - self.beta1, self.beta2, 1 - self.beta2

    def kernel(self, step: int, xp: Any, number: Number) -> Kernel:
        rate, beta1, newest1, beta2, newest2 = map(number, self.coefficients(step))

        def change(gradient: Array, state: Rows, new_state: Rows, spare: Array, out: Array) -> Array:
            xp.multiply(state[0], beta1, out=out)
            xp.multiply(gradient, newest1, out=spare)
            xp.add(out, spare, out=out)
            xp.sign(out, out=out)
            xp.multiply(out, rate, out=out)
            xp.multiply(gradient, newest2, out=spare)
            accumulate(xp, state[0], beta2, spare, new_state[0])
            return out

        return change
