"""Sophia: momentum divided by an estimate of the curvature, and clipped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from ..array import Array, array_module
from ..settings import Count, Fraction, NotNegative, Positive
from .rule import Kernel, Number, Rows, Rule, accumulate


@dataclass(frozen=True)
class Sophia(Rule):
    """p -= learning_rate * (clip(m / max(gamma * h, epsilon), 1) + weight_decay * p).

    Liu et al., "Sophia: a scalable stochastic second-order optimizer", ICLR 2024, algorithm 3. m is a running
    mean of the gradient, h of the estimates of the Hessian's diagonal that `observe` is given every
    `interval` steps (the paper's k), before that step's update; `curvature.py` makes them. gamma: 0.01 for
    Hutchinson's estimator, 0.05 for Gauss-Newton-Bartlett's.
    """

    learning_rate: Positive = 1e-4
    beta1: Fraction = 0.96
    beta2: Fraction = 0.99
    gamma: Positive = 0.05
    epsilon: Positive = 1e-12
    weight_decay: NotNegative = 0.1
    interval: Count = 10

    rows: ClassVar[tuple[str, ...]] = ("momentum", "curvature")
    decoupled: ClassVar[bool] = True

    def observes(self, step: int) -> bool:
        """Whether step `step` (from 1) begins with a new estimate of the curvature."""
        return (step - 1) % self.interval == 0

    def observe(self, estimate: Array, state: Rows, out_state: Rows) -> None:
        """h = beta2 * h + (1 - beta2) * estimate, on a slice. All arrays: (n,)."""
        xp, number = array_module(estimate), estimate.dtype.type
        curvature = xp.multiply(state[1], number(self.beta2), out=out_state[1])
        curvature += estimate * number(1 - self.beta2)
        xp.copyto(out_state[0], state[0])

    def kernel(self, step: int, xp: Any, number: Number) -> Kernel:
        rate, gamma, epsilon = map(number, (self.learning_rate, self.gamma, self.epsilon))
        beta1, newest = number(self.beta1), number(1 - self.beta1)

        def change(gradient: Array, state: Rows, new_state: Rows, spare: Array, out: Array) -> Array:
            xp.multiply(gradient, newest, out=out)
            momentum = accumulate(xp, state[0], beta1, out, new_state[0])
            xp.copyto(new_state[1], state[1])
            xp.multiply(state[1], gamma, out=out)
            xp.maximum(out, epsilon, out=out)
            # m / max(d, |m|) is m / d clipped to ±1, without the overflow where d is as small as epsilon.
            xp.absolute(momentum, out=spare)
            xp.maximum(out, spare, out=out)
            xp.divide(momentum, out, out=out)
            return xp.multiply(out, rate, out=out)

        return change
