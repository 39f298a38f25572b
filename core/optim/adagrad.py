"""AdaGrad and AdaDelta: steps scaled by the gradients seen so far."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..array import Array
from .rule import Kernel, Rule, add_decay, require_at_least_0, require_fraction, require_rate


@dataclass(frozen=True)
class AdaGrad(Rule):
    """s += g²; p -= learning_rate * g / (sqrt(s) + epsilon): Duchi, Hazan & Singer, JMLR 12 (2011)."""

    learning_rate: float = 0.01
    epsilon: float = 1e-10
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        require_rate("adagrad", self.learning_rate)
        require_at_least_0("adagrad", epsilon=self.epsilon, weight_decay=self.weight_decay)

    @property
    def slots(self) -> tuple[str, ...]:
        return ("squares",)

    def kernel(self, step: int, xp: Any, constant: Callable[[float], Array]) -> Kernel:
        rate, epsilon = constant(self.learning_rate), constant(self.epsilon)
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
            xp.multiply(gradient, gradient, out=change)
            squares = xp.add(state[0], change, out=out_state[0])
            xp.sqrt(squares, out=change)
            xp.add(change, epsilon, out=change)
            xp.divide(gradient, change, out=change)
            xp.multiply(change, rate, out=change)
            xp.subtract(parameters, change, out=out_parameters)

        return block


@dataclass(frozen=True)
class AdaDelta(Rule):
    """d = g * sqrt(u + epsilon) / sqrt(s + epsilon); p -= learning_rate * d: Zeiler, arXiv:1212.5701 (2012).

    s and u are running means of g² and d², with weight 1 - rho for the newest.
    """

    learning_rate: float = 1.0
    rho: float = 0.9
    epsilon: float = 1e-6
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        require_rate("adadelta", self.learning_rate)
        require_fraction("adadelta", rho=self.rho)
        require_at_least_0("adadelta", epsilon=self.epsilon, weight_decay=self.weight_decay)

    @property
    def slots(self) -> tuple[str, ...]:
        return ("squares", "squared_changes")

    def kernel(self, step: int, xp: Any, constant: Callable[[float], Array]) -> Kernel:
        rate, epsilon = constant(self.learning_rate), constant(self.epsilon)
        rho, newest = constant(self.rho), constant(1 - self.rho)
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
            squares = xp.multiply(state[0], rho, out=out_state[0])
            xp.multiply(gradient, gradient, out=change)
            xp.multiply(change, newest, out=change)
            xp.add(squares, change, out=squares)
            xp.add(squares, epsilon, out=change)
            xp.sqrt(change, out=change)
            xp.divide(gradient, change, out=change)
            xp.add(state[1], epsilon, out=decayed)
            xp.sqrt(decayed, out=decayed)
            xp.multiply(change, decayed, out=change)
            squared_changes = xp.multiply(state[1], rho, out=out_state[1])
            xp.multiply(change, change, out=decayed)
            xp.multiply(decayed, newest, out=decayed)
            xp.add(squared_changes, decayed, out=squared_changes)
            xp.multiply(change, rate, out=change)
            xp.subtract(parameters, change, out=out_parameters)

        return block
