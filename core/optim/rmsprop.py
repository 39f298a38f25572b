"""RMSProp, plain, with momentum, centered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..array import Array
from .rule import Kernel, Rule, add_decay, require_at_least_0, require_fraction, require_rate


@dataclass(frozen=True)
class RMSProp(Rule):
    """p -= learning_rate * g / (sqrt(s) + epsilon), s a running mean of g²: Tieleman & Hinton, lecture 6.5.

    centered: s less the square of the running mean of g, the variance (Graves, arXiv:1308.0850, section 4.2).
    With momentum, v = momentum * v + g / (sqrt(s) + epsilon) replaces the quotient, as in PyTorch.
    """

    learning_rate: float = 0.01
    alpha: float = 0.99
    epsilon: float = 1e-8
    momentum: float = 0.0
    centered: bool = False
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        require_rate("rmsprop", self.learning_rate)
        require_fraction("rmsprop", alpha=self.alpha)
        require_at_least_0(
            "rmsprop", epsilon=self.epsilon, momentum=self.momentum, weight_decay=self.weight_decay
        )

    @property
    def slots(self) -> tuple[str, ...]:
        return ("squares",) + ("mean",) * self.centered + ("momentum",) * bool(self.momentum)

    def kernel(self, step: int, xp: Any, constant: Callable[[float], Array]) -> Kernel:
        rate, epsilon, momentum = map(constant, (self.learning_rate, self.epsilon, self.momentum))
        alpha, newest, zero = map(constant, (self.alpha, 1 - self.alpha, 0.0))
        weight_decay = constant(self.weight_decay) if self.weight_decay else None

        def block(
            gradient: Array,
            parameters: Array,
            state: Sequence[Array],
            out_parameters: Array,
            out_state: Sequence[Array],
            decayed: Array,
            change: Array,
        ) -> None:
            gradient = add_decay(xp, gradient, parameters, weight_decay, decayed)
            squares = xp.multiply(state[0], alpha, out=out_state[0])
            xp.multiply(gradient, gradient, out=change)
            xp.multiply(change, newest, out=change)
            xp.add(squares, change, out=squares)
            if self.centered:
                mean = xp.multiply(state[1], alpha, out=out_state[1])
                xp.multiply(gradient, newest, out=change)
                xp.add(mean, change, out=mean)
                xp.multiply(mean, mean, out=change)
                xp.subtract(squares, change, out=change)
                xp.maximum(change, zero, out=change)  # rounding may leave less than nothing
                xp.sqrt(change, out=change)
            else:
                xp.sqrt(squares, out=change)
            xp.add(change, epsilon, out=change)
            xp.divide(gradient, change, out=change)
            if self.momentum:
                velocity = xp.multiply(state[-1], momentum, out=out_state[-1])
                change = xp.multiply(xp.add(velocity, change, out=velocity), rate, out=change)
            else:
                xp.multiply(change, rate, out=change)
            xp.subtract(parameters, change, out=out_parameters)

        return block
