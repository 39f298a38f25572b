"""AdaGrad and AdaDelta: steps scaled by the gradients seen so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from ..array import Array
from ..settings import Fraction, NotNegative, Positive
from .rule import Kernel, Number, Rows, Rule, accumulate, quotient


@dataclass(frozen=True)
class AdaGrad(Rule):
    """s += g²; p -= learning_rate * g / (sqrt(s) + epsilon): Duchi, Hazan & Singer, JMLR 12 (2011)."""

    learning_rate: Positive = 0.01
    epsilon: NotNegative = 1e-10
    weight_decay: NotNegative = 0.0

    rows: ClassVar[tuple[str, ...]] = ("squares",)

    @property
    def symbol(self) -> str:
        return "adagrad_f32"

    def coefficients(self, step: int) -> tuple[float, ...]:
        return self.learning_rate, self.epsilon

    def kernel(self, step: int, xp: Any, number: Number) -> Kernel:
        rate, epsilon = map(number, self.coefficients(step))

        def change(gradient: Array, state: Rows, new_state: Rows, spare: Array, out: Array) -> Array:
            xp.multiply(gradient, gradient, out=out)
            squares = xp.add(state[0], out, out=new_state[0])
            return xp.multiply(quotient(xp, gradient, squares, epsilon, out), rate, out=out)

        return change


@dataclass(frozen=True)
class AdaDelta(Rule):
    """d = g * sqrt(u + epsilon) / sqrt(s + epsilon); p -= learning_rate * d: Zeiler, arXiv:1212.5701 (2012).

    s and u are running means of g² and d², with weight 1 - rho for the newest.
    """

    learning_rate: Positive = 1.0
    rho: Fraction = 0.9
    epsilon: NotNegative = 1e-6
    weight_decay: NotNegative = 0.0

    rows: ClassVar[tuple[str, ...]] = ("squares", "squared_changes")

    def kernel(self, step: int, xp: Any, number: Number) -> Kernel:
        rate, epsilon = number(self.learning_rate), number(self.epsilon)
        rho, newest = number(self.rho), number(1 - self.rho)

        def change(gradient: Array, state: Rows, new_state: Rows, spare: Array, out: Array) -> Array:
            xp.multiply(gradient, gradient, out=out)
            xp.multiply(out, newest, out=out)
            squares = accumulate(xp, state[0], rho, out, new_state[0])
            xp.add(squares, epsilon, out=out)
            xp.sqrt(out, out=out)
            xp.divide(gradient, out, out=out)
            xp.add(state[1], epsilon, out=spare)
            xp.sqrt(spare, out=spare)
            xp.multiply(out, spare, out=out)
            xp.multiply(out, out, out=spare)
            xp.multiply(spare, newest, out=spare)
            accumulate(xp, state[1], rho, spare, new_state[1])
            return xp.multiply(out, rate, out=out)

        return change
