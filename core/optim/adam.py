"""Adam and its relatives: AdamW, AMSGrad, NAdam and RAdam."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Any, ClassVar

from ..array import Array
from ..cuda import fused
from ..settings import Fraction, NotNegative, Positive
from .rule import Kernel, Number, Rows, Rule, accumulate, quotient


@dataclass(frozen=True)
class Adam(Rule):
    """Adam: Kingma & Ba, ICLR 2015, algorithm 1; weight decay is an L2 term in the gradient, as in PyTorch.

    The state holds the moments without their factors, m / (1 - beta1) and v / (1 - beta2): each then takes
    one pass less; factors and bias corrections go into the step size and epsilon, once a step.
    """

    learning_rate: Positive = 1e-3
    beta1: Fraction = 0.9
    beta2: Fraction = 0.999
    epsilon: NotNegative = 1e-8
    weight_decay: NotNegative = 0.0

    rows: ClassVar[tuple[str, ...]] = ("first_moment", "second_moment")

    @property
    def symbol(self) -> str:
        return "adam_f32"

    def coefficients(self, step: int) -> tuple[float, ...]:
        root = sqrt((1 - self.beta2) / (1 - self.beta2**step))
        rate = self.learning_rate * (1 - self.beta1) / (1 - self.beta1**step) / root
        return rate, self.epsilon / root, self.beta1, self.beta2

    def update(
        self, step: int, gradient: Array, parameters: Array, state: Rows, out: Array, out_state: Rows
    ) -> None:
        arrays = gradient, parameters, *state, out, *out_state
        if type(self) in (Adam, AdamW) and fused.suits(*arrays):
            fused.adam(out, out_state, gradient, parameters, state, self.numbers(step))
        else:
            super().update(step, gradient, parameters, state, out, out_state)

    def kernel(self, step: int, xp: Any, number: Number) -> Kernel:
        rate, epsilon, beta1, beta2 = map(number, self.coefficients(step))
        moments = self._moments(xp, beta1, beta2)

        def change(gradient: Array, state: Rows, new_state: Rows, spare: Array, out: Array) -> Array:
            first, second = moments(gradient, state, new_state, out)
            if len(state) > 2:  # AMSGrad
                second = xp.maximum(state[2], second, out=new_state[2])
            return xp.multiply(quotient(xp, first, second, epsilon, out), rate, out=out)

        return change

    def _moments(self, xp: Any, beta1: Array, beta2: Array) -> Any:
        """(gradient, state, new_state, scratch) -> both moments, with this gradient in them."""

        def moments(gradient: Array, state: Rows, new_state: Rows, scratch: Array) -> tuple[Array, Array]:
            first = accumulate(xp, state[0], beta1, gradient, new_state[0])
            xp.multiply(gradient, gradient, out=scratch)
            return first, accumulate(xp, state[1], beta2, scratch, new_state[1])

        return moments


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with decoupled weight decay, p *= 1 - learning_rate * weight_decay: Loshchilov, ICLR 2019."""

    weight_decay: NotNegative = 0.01

    decoupled: ClassVar[bool] = True


@dataclass(frozen=True)
class AMSGrad(Adam):
    """Adam dividing by the largest second moment so far: Reddi, Kale & Kumar, ICLR 2018.

    As in PyTorch, the maximum is taken before the bias correction.
    """

    rows: ClassVar[tuple[str, ...]] = (*Adam.rows, "largest_second_moment")


@dataclass(frozen=True)
class NAdam(Adam):
    """Adam with Nesterov's look-ahead: Dozat, ICLR workshop 2016, with its schedule of beta1, as in PyTorch.

    mu(t) = beta1 * (1 - 0.96 ** (t * momentum_decay) / 2) takes the place of beta1 in the step.
    """

    learning_rate: Positive = 2e-3
    momentum_decay: NotNegative = 4e-3

    @property
    def symbol(self) -> str:
        return "nadam_f32"

    def coefficients(self, step: int) -> tuple[float, ...]:
        now, following, product = self._mu(step), self._mu(step + 1), self._product_of_mu(step)
        root = sqrt((1 - self.beta2) / (1 - self.beta2**step))
        of_gradient = self.learning_rate * (1 - now) / (1 - product) / root
        of_moment = self.learning_rate * following * (1 - self.beta1) / (1 - product * following) / root
        return of_gradient, of_moment, self.epsilon / root, self.beta1, self.beta2

    def kernel(self, step: int, xp: Any, number: Number) -> Kernel:
        of_gradient, of_moment, epsilon, beta1, beta2 = map(number, self.coefficients(step))
        moments = self._moments(xp, beta1, beta2)

        def change(gradient: Array, state: Rows, new_state: Rows, spare: Array, out: Array) -> Array:
            first, second = moments(gradient, state, new_state, out)
            xp.multiply(gradient, of_gradient, out=spare)
            xp.multiply(first, of_moment, out=out)
            xp.add(spare, out, out=spare)
            return quotient(xp, spare, second, epsilon, out)

        return change

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
class RAdam(Adam):
    """Adam that steps along the first moment alone until the second can be trusted: Liu et al., ICLR 2020."""

    @property
    def symbol(self) -> str:
        return "radam_f32"

    def coefficients(self, step: int) -> tuple[float, ...]:
        rectification = self._rectification(step)
        rate = self.learning_rate * (1 - self.beta1) / (1 - self.beta1**step)
        # PyTorch adds epsilon before the bias correction of the second moment, unlike in its Adam.
        unit = sqrt(1 - self.beta2)
        if rectification:
            rate *= rectification * sqrt(1 - self.beta2**step) / unit
        return rate, self.epsilon / unit, self.beta1, self.beta2, float(rectification != 0)

    def kernel(self, step: int, xp: Any, number: Number) -> Kernel:
        factor, epsilon, beta1, beta2, rectified = map(number, self.coefficients(step))
        moments = self._moments(xp, beta1, beta2)

        def change(gradient: Array, state: Rows, new_state: Rows, spare: Array, out: Array) -> Array:
            first, second = moments(gradient, state, new_state, out)
            direction = quotient(xp, first, second, epsilon, out) if rectified else first
            return xp.multiply(direction, factor, out=out)

        return change

    def _rectification(self, step: int) -> float:
        """r of the paper's algorithm 2, or 0 while the variance of the second moment is intractable."""
        longest = 2 / (1 - self.beta2) - 1
        length = longest - 2 * step * self.beta2**step / (1 - self.beta2**step)
        if length <= 5:
            return 0.0
        return sqrt((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length))
