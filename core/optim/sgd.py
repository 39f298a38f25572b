"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from ..array import Array
from ..errors import ChainruleError
from .rule import Kernel, Rule, require


@dataclass(frozen=True)
class SGD(Rule):
    """p -= learning_rate * d, with d = g + weight_decay * p; with momentum, m = momentum * m + d replaces d.

    Nesterov's form steps along d + momentum * m (Sutskever et al., ICML 2013, in PyTorch's version).
    """

    learning_rate: float = 0.01
    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        require(
            "sgd", "learning_rate", self.learning_rate, 0 < self.learning_rate < inf, "finite and above 0"
        )
        require("sgd", "momentum", self.momentum, 0 <= self.momentum < inf, "finite and at least 0")
        require(
            "sgd", "weight_decay", self.weight_decay, 0 <= self.weight_decay < inf, "finite and at least 0"
        )
        if self.nesterov and self.momentum == 0:
            raise ChainruleError(
                "sgd: nesterov needs a momentum above 0, got 0; set momentum, or nesterov false"
            )

    @property
    def slots(self) -> tuple[str, ...]:
        return ("momentum",) if self.momentum else ()

    def kernel(self, step: int, xp: Any, constant: Callable[[float], Array]) -> Kernel:
        learning_rate = constant(self.learning_rate)
        momentum = constant(self.momentum)
        weight_decay = constant(self.weight_decay)

        def block(
            gradient: Array,
            parameters: Array,
            state: Sequence[Array],
            out_parameters: Array,
            out_state: Sequence[Array],
            decayed: Array,
            change: Array,
        ) -> None:
            direction = gradient
            if self.weight_decay:
                xp.multiply(parameters, weight_decay, out=decayed)
                direction = xp.add(decayed, gradient, out=decayed)
            if self.momentum:
                velocity = xp.multiply(state[0], momentum, out=out_state[0])
                xp.add(velocity, direction, out=velocity)
                if self.nesterov:
                    xp.multiply(velocity, momentum, out=change)
                    direction = xp.add(change, direction, out=change)
                else:
                    direction = velocity
            xp.multiply(direction, learning_rate, out=change)
            xp.subtract(parameters, change, out=out_parameters)

        return block
