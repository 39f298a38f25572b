"""Lion: the sign of a momentum."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..array import Array
from .rule import Kernel, Rule, require_at_least_0, require_fraction, require_rate


@dataclass(frozen=True)
class Lion(Rule):
    """p -= learning_rate * (sign(beta1 * m + (1 - beta1) * g) + weight_decay * p); then
    m = beta2 * m + (1 - beta2) * g: Chen et al., "Symbolic discovery of optimization algorithms" (2023)."""

    learning_rate: float = 1e-4
    beta1: float = 0.9
    beta2: float = 0.99
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        require_rate("lion", self.learning_rate)
        require_fraction("lion", beta1=self.beta1, beta2=self.beta2)
        require_at_least_0("lion", weight_decay=self.weight_decay)

    @property
    def slots(self) -> tuple[str, ...]:
        return ("momentum",)

    def kernel(self, step: int, xp: Any, constant: Callable[[float], Array]) -> Kernel:
        rate, kept = constant(self.learning_rate), constant(1 - self.learning_rate * self.weight_decay)
        beta1, newest1 = constant(self.beta1), constant(1 - self.beta1)
        beta2, newest2 = constant(self.beta2), constant(1 - self.beta2)

        def block(
            gradient: Array,
            parameters: Array,
            state: Sequence[Array],
            out_parameters: Array,
            out_state: Sequence[Array],
            part: Array,
            change: Array,
        ) -> None:
            xp.multiply(state[0], beta1, out=change)
            xp.multiply(gradient, newest1, out=part)
            xp.add(change, part, out=change)
            xp.sign(change, out=change)
            xp.multiply(change, rate, out=change)
            momentum = xp.multiply(state[0], beta2, out=out_state[0])
            xp.multiply(gradient, newest2, out=part)
            xp.add(momentum, part, out=momentum)
            if self.weight_decay:
                parameters = xp.multiply(parameters, kept, out=part)
            xp.subtract(parameters, change, out=out_parameters)

        return block
