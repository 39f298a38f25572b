"""Stochastic gradient descent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..array import Array
from ..errors import ChainruleError
from ..settings import NotNegative, Positive
from .rule import Kernel, Number, Rows, Rule, accumulate


@dataclass(frozen=True)
class SGD(Rule):
    """p -= learning_rate * d, with d = g + weight_decay * p; with momentum, m = momentum * m + d replaces d.

    Nesterov's form steps along d + momentum * m (Sutskever et al., ICML 2013, in PyTorch's version).
    """

    learning_rate: Positive = 0.01
    momentum: NotNegative = 0.0
    nesterov: bool = False
    weight_decay: NotNegative = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.nesterov and self.momentum == 0:
            raise ChainruleError(
                "sgd: nesterov needs a momentum above 0, got 0; set momentum, or nesterov false"
            )

    @property
    def slots(self) -> tuple[str, ...]:
        return ("momentum",) if self.momentum else ()

    @property
    def symbol(self) -> str:
        return "sgd_f32"

    def coefficients(self, step: int) -> tuple[float, ...]:
        return self.learning_rate, self.momentum, float(self.nesterov)

    def kernel(self, step: int, xp: Any, number: Number) -> Kernel:
        learning_rate, momentum = number(self.learning_rate), number(self.momentum)

        def change(direction: Array, state: Rows, new_state: Rows, spare: Array, out: Array) -> Array:
            if self.momentum:
                velocity = accumulate(xp, state[0], momentum, direction, new_state[0])
                if self.nesterov:
                    xp.multiply(velocity, momentum, out=out)
                    direction = xp.add(out, direction, out=out)
                else:
                    direction = velocity
            return xp.multiply(direction, learning_rate, out=out)

        return change
