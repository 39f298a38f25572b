"""Adam and AdamW."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf, sqrt
from typing import Any, ClassVar

from ..array import Array
from .rule import Kernel, Rule, require


@dataclass(frozen=True)
class Adam(Rule):
    """Adam: Kingma & Ba, ICLR 2015, algorithm 1; weight decay is an L2 term in the gradient, as in PyTorch.

    The state holds the moments without their factors, m / (1 - beta1) and v / (1 - beta2): each then takes
    one pass less; factors and bias corrections go into the step size and epsilon, once a step.
    """

    learning_rate: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.0

    _name: ClassVar[str] = "adam"
    _decoupled: ClassVar[bool] = False

    def __post_init__(self) -> None:
        name, decay = self._name, self.weight_decay
        require(name, "learning_rate", self.learning_rate, 0 < self.learning_rate < inf, "finite and above 0")
        require(name, "beta1", self.beta1, 0 <= self.beta1 < 1, "at least 0 and below 1")
        require(name, "beta2", self.beta2, 0 <= self.beta2 < 1, "at least 0 and below 1")
        require(name, "epsilon", self.epsilon, 0 <= self.epsilon < inf, "finite and at least 0")
        require(name, "weight_decay", decay, 0 <= decay < inf, "finite and at least 0")

    @property
    def slots(self) -> tuple[str, ...]:
        return ("first_moment", "second_moment")

    def kernel(self, step: int, xp: Any, constant: Callable[[float], Array]) -> Kernel:
        root = sqrt((1 - self.beta2) / (1 - self.beta2**step))
        rate = constant(self.learning_rate * (1 - self.beta1) / (1 - self.beta1**step) / root)
        epsilon = constant(self.epsilon / root)
        beta1, beta2 = constant(self.beta1), constant(self.beta2)
        weight_decay = constant(self.weight_decay)
        kept = constant(1 - self.learning_rate * self.weight_decay)

        def block(
            gradient: Array,
            parameters: Array,
            state: Sequence[Array],
            out_parameters: Array,
            out_state: Sequence[Array],
            decayed: Array,
            change: Array,
        ) -> None:
            if self.weight_decay:
                if self._decoupled:
                    parameters = xp.multiply(parameters, kept, out=decayed)
                else:
                    xp.multiply(parameters, weight_decay, out=decayed)
                    gradient = xp.add(decayed, gradient, out=decayed)
            first = xp.multiply(state[0], beta1, out=out_state[0])
            xp.add(first, gradient, out=first)
            second = xp.multiply(state[1], beta2, out=out_state[1])
            xp.multiply(gradient, gradient, out=change)
            xp.add(second, change, out=second)
            xp.sqrt(second, out=change)
            xp.add(change, epsilon, out=change)
            xp.divide(first, change, out=change)
            xp.multiply(change, rate, out=change)
            xp.subtract(parameters, change, out=out_parameters)

        return block


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with decoupled weight decay, p *= 1 - learning_rate * weight_decay: Loshchilov, ICLR 2019."""

    weight_decay: float = 0.01

    _name: ClassVar[str] = "adamw"
    _decoupled: ClassVar[bool] = True
