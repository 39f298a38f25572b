"""Adam's relatives: AMSGrad, NAdam and RAdam. Moments are kept as in adam.py, without their factors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

from ..array import Array
from .rule import Kernel, Rule, add_decay, require_at_least_0, require_fraction, require_rate


@dataclass(frozen=True)
class AMSGrad(Rule):
    """Adam dividing by the largest second moment so far: Reddi, Kale & Kumar, ICLR 2018.

    As in PyTorch, the maximum is taken before the bias correction, and weight decay is an L2 term.
    """

    learning_rate: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        require_rate("amsgrad", self.learning_rate)
        require_fraction("amsgrad", beta1=self.beta1, beta2=self.beta2)
        require_at_least_0("amsgrad", epsilon=self.epsilon, weight_decay=self.weight_decay)

    @property
    def slots(self) -> tuple[str, ...]:
        return ("first_moment", "second_moment", "largest_second_moment")

    def kernel(self, step: int, xp: Any, constant: Callable[[float], Array]) -> Kernel:
        root = sqrt((1 - self.beta2) / (1 - self.beta2**step))
        rate = constant(self.learning_rate * (1 - self.beta1) / (1 - self.beta1**step) / root)
        epsilon, beta1, beta2 = map(constant, (self.epsilon / root, self.beta1, self.beta2))
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
            first = _accumulate(xp, state[0], beta1, gradient, out_state[0])
            xp.multiply(gradient, gradient, out=change)
            second = _accumulate(xp, state[1], beta2, change, out_state[1])
            largest = xp.maximum(state[2], second, out=out_state[2])
            xp.sqrt(largest, out=change)
            xp.add(change, epsilon, out=change)
            xp.divide(first, change, out=change)
            xp.multiply(change, rate, out=change)
            xp.subtract(parameters, change, out=out_parameters)

        return block


@dataclass(frozen=True)
class NAdam(Rule):
    """Adam with Nesterov's look-ahead: Dozat, ICLR workshop 2016, with its schedule of beta1, as in PyTorch.

    mu(t) = beta1 * (1 - 0.96 ** (t * momentum_decay) / 2) takes the place of beta1 in the step.
    """

    learning_rate: float = 2e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.0
    momentum_decay: float = 4e-3

    def __post_init__(self) -> None:
        require_rate("nadam", self.learning_rate)
        require_fraction("nadam", beta1=self.beta1, beta2=self.beta2)
        require_at_least_0(
            "nadam",
            epsilon=self.epsilon,
            weight_decay=self.weight_decay,
            momentum_decay=self.momentum_decay,
        )

    @property
    def slots(self) -> tuple[str, ...]:
        return ("first_moment", "second_moment")

    def kernel(self, step: int, xp: Any, constant: Callable[[float], Array]) -> Kernel:
        now, following, product = self._mu(step), self._mu(step + 1), self._product_of_mu(step)
        root = sqrt((1 - self.beta2) / (1 - self.beta2**step))
        of_gradient = constant(self.learning_rate * (1 - now) / (1 - product) / root)
        of_moment = constant(
            self.learning_rate * following * (1 - self.beta1) / (1 - product * following) / root
        )
        epsilon, beta1, beta2 = map(constant, (self.epsilon / root, self.beta1, self.beta2))
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
            first = _accumulate(xp, state[0], beta1, gradient, out_state[0])
            xp.multiply(gradient, gradient, out=change)
            second = _accumulate(xp, state[1], beta2, change, out_state[1])
            xp.multiply(gradient, of_gradient, out=decayed)
            xp.multiply(first, of_moment, out=change)
            xp.add(decayed, change, out=decayed)
            xp.sqrt(second, out=change)
            xp.add(change, epsilon, out=change)
            xp.divide(decayed, change, out=change)
            xp.subtract(parameters, change, out=out_parameters)

        return block

    def _mu(self, step: int) -> float:
        return self.beta1 * (1 - 0.5 * 0.96 ** (step * self.momentum_decay))

    def _product_of_mu(self, step: int) -> float:
        """mu(1) * ... * mu(step), 0 once it is too small to change 1 - product."""
        product = 1.0
        for earlier in range(1, step + 1):
            product *= self._mu(earlier)
            if product < 1e-18:
                return 0.0
        return product


@dataclass(frozen=True)
class RAdam(Rule):
    """Adam that steps along the first moment alone until the second can be trusted: Liu et al., ICLR 2020."""

    learning_rate: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        require_rate("radam", self.learning_rate)
        require_fraction("radam", beta1=self.beta1, beta2=self.beta2)
        require_at_least_0("radam", epsilon=self.epsilon, weight_decay=self.weight_decay)

    @property
    def slots(self) -> tuple[str, ...]:
        return ("first_moment", "second_moment")

    def kernel(self, step: int, xp: Any, constant: Callable[[float], Array]) -> Kernel:
        rectification = self._rectification(step)
        rate = self.learning_rate * (1 - self.beta1) / (1 - self.beta1**step)
        # PyTorch adds epsilon before the bias correction of the second moment, unlike in its Adam.
        unit = sqrt(1 - self.beta2)
        if rectification:
            rate *= rectification * sqrt(1 - self.beta2**step) / unit
        rate, epsilon = constant(rate), constant(self.epsilon / unit)
        beta1, beta2 = constant(self.beta1), constant(self.beta2)
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
            first = _accumulate(xp, state[0], beta1, gradient, out_state[0])
            xp.multiply(gradient, gradient, out=change)
            second = _accumulate(xp, state[1], beta2, change, out_state[1])
            if rectification:
                xp.sqrt(second, out=change)
                xp.add(change, epsilon, out=change)
                xp.divide(first, change, out=change)
                xp.multiply(change, rate, out=change)
            else:
                xp.multiply(first, rate, out=change)
            xp.subtract(parameters, change, out=out_parameters)

        return block

    def _rectification(self, step: int) -> float:
        """r of the paper's algorithm 2, or 0 while the variance of the second moment is intractable."""
        longest = 2 / (1 - self.beta2) - 1
        length = longest - 2 * step * self.beta2**step / (1 - self.beta2**step)
        if length <= 5:
            return 0.0
        return sqrt((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length))


def _accumulate(xp: Any, moment: Array, beta: Array, newest: Array, out: Array) -> Array:
    """beta * moment + newest, into `out`."""
    xp.multiply(moment, beta, out=out)
    return xp.add(out, newest, out=out)
