"""RMSProp, plain, with momentum, centered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..array import Array
from ..settings import Fraction, NotNegative, Positive
from .rule import Kernel, Number, Rows, Rule, accumulate, quotient


@dataclass(frozen=True)
class RMSProp(Rule):
    """p -= learning_rate * g / (sqrt(s) + epsilon), s a running mean of g²: Tieleman & Hinton, lecture 6.5.

    centered: s less the square of the running mean of g, the variance (Graves, arXiv:1308.0850, section 4.2).
    With momentum, v = momentum * v + g / (sqrt(s) + epsilon) replaces the quotient, as in PyTorch.
    """

    learning_rate: Positive = 0.01
    alpha: Fraction = 0.99
    epsilon: NotNegative = 1e-8
    momentum: NotNegative = 0.0
    centered: bool = False
    weight_decay: NotNegative = 0.0

    @property
    def slots(self) -> tuple[str, ...]:
        return ("squares",) + ("mean",) * self.centered + ("momentum",) * bool(self.momentum)

    @property
    def symbol(self) -> str:
        return "" if self.centered else "rmsprop_f32"

    def coefficients(self, step: int) -> tuple[float, ...]:
        return self.learning_rate, self.epsilon, self.alpha, 1 - self.alpha, self.momentum

    def kernel(self, step: int, xp: Any, number: Number) -> Kernel:
        rate, epsilon, alpha, newest, momentum = map(number, self.coefficients(step))
        zero = number(0.0)

        def change(gradient: Array, state: Rows, new_state: Rows, spare: Array, out: Array) -> Array:
            xp.multiply(gradient, gradient, out=out)
            xp.multiply(out, newest, out=out)
            variance = accumulate(xp, state[0], alpha, out, new_state[0])
            if self.centered:
                xp.multiply(gradient, newest, out=out)
                mean = accumulate(xp, state[1], alpha, out, new_state[1])
                xp.multiply(mean, mean, out=out)
                xp.subtract(variance, out, out=out)
                variance = xp.maximum(out, zero, out=out)  # rounding may leave less than nothing
            direction = quotient(xp, gradient, variance, epsilon, out)
            if self.momentum:
                direction = accumulate(xp, state[-1], momentum, direction, new_state[-1])
            return xp.multiply(direction, rate, out=out)

        return change
