"""Sophia: momentum divided by an estimate of the curvature, and clipped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from ..array import Array, array_module
from .rule import Kernel, Rule, require, require_at_least_0, require_fraction, require_rate


@dataclass(frozen=True)
class Sophia(Rule):
    """p -= learning_rate * (clip(m / max(gamma * h, epsilon), 1) + weight_decay * p).

    Liu et al., "Sophia: a scalable stochastic second-order optimizer", ICLR 2024, algorithm 3. m is a running
    mean of the gradient, h of the estimates of the Hessian's diagonal that `observe` is given every
    `interval` steps (the paper's k), before that step's update; `curvature.py` makes them. gamma: 0.01 for
    Hutchinson's estimator, 0.05 for Gauss-Newton-Bartlett's.
    """

    learning_rate: float = 1e-4
    beta1: float = 0.96
    beta2: float = 0.99
    gamma: float = 0.05
    epsilon: float = 1e-12
    weight_decay: float = 0.1
    interval: int = 10

    def __post_init__(self) -> None:
        require_rate("sophia", self.learning_rate)
        require_fraction("sophia", beta1=self.beta1, beta2=self.beta2)
        require_at_least_0("sophia", weight_decay=self.weight_decay)
        require("sophia", "gamma", self.gamma, 0 < self.gamma < inf, "finite and above 0")
        require("sophia", "epsilon", self.epsilon, 0 < self.epsilon < inf, "finite and above 0")
        require("sophia", "interval", self.interval, self.interval >= 1, "at least 1")

    @property
    def slots(self) -> tuple[str, ...]:
        return ("momentum", "curvature")

    def observes(self, step: int) -> bool:
        """Whether step `step` (from 1) begins with a new estimate of the curvature."""
        return (step - 1) % self.interval == 0

    def observe(self, estimate: Array, state: Sequence[Array], out_state: Sequence[Array]) -> None:
        """h = beta2 * h + (1 - beta2) * estimate, on a slice. All arrays: (n,)."""
        xp, number = array_module(estimate), estimate.dtype.type
        curvature = xp.multiply(state[1], number(self.beta2), out=out_state[1])
        curvature += estimate * number(1 - self.beta2)
        xp.copyto(out_state[0], state[0])

    def kernel(self, step: int, xp: Any, constant: Callable[[float], Array]) -> Kernel:
        rate, kept = constant(self.learning_rate), constant(1 - self.learning_rate * self.weight_decay)
        beta1, newest = constant(self.beta1), constant(1 - self.beta1)
        gamma, epsilon = constant(self.gamma), constant(self.epsilon)

        def block(
            gradient: Array,
            parameters: Array,
            state: Sequence[Array],
            out_parameters: Array,
            out_state: Sequence[Array],
            part: Array,
            change: Array,
        ) -> None:
            momentum = xp.multiply(state[0], beta1, out=out_state[0])
            xp.multiply(gradient, newest, out=change)
            xp.add(momentum, change, out=momentum)
            xp.copyto(out_state[1], state[1])
            xp.multiply(state[1], gamma, out=change)
            xp.maximum(change, epsilon, out=change)
            # m / max(d, |m|) is m / d clipped to ±1, without the overflow where d is as small as epsilon.
            xp.absolute(momentum, out=part)
            xp.maximum(change, part, out=change)
            xp.divide(momentum, change, out=change)
            xp.multiply(change, rate, out=change)
            if self.weight_decay:
                parameters = xp.multiply(parameters, kept, out=part)
            xp.subtract(parameters, change, out=out_parameters)

        return block
