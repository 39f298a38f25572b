"""A model's training step and its predictions as plans: what a hand-written loop calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from .array import Array
from .graph import no_grad
from .nn import BatchNorm, Module, buffers
from .nn.context import EVALUATION, ForwardContext
from .optim import FlatOptimizer
from .plan import Plan
from .tensor import Tensor


class TrainingStep:
    """Forward, loss, backward and update in one call: step(x, labels) -> the loss, before the update.

    loss: (outputs, labels) -> a tensor of one element. The gradient goes straight into the optimizer's flat
    buffer, which its rule then passes over once. `plan` says whether steps are replayed.
    """

    def __init__(
        self, model: Module, loss: Callable[[Tensor, Array], Tensor], optimizer: FlatOptimizer
    ) -> None:
        self._model, self._loss, self._optimizer = model, loss, optimizer
        self._out: list[Any] = optimizer.gradient_views()
        self._normalizations = [module for module in model.modules() if isinstance(module, BatchNorm)]
        self.plan = Plan(self._compute, list(model.parameters().values()), list(buffers(model).values()))

    def __call__(self, x: Array, labels: Array, context: ForwardContext | None = None) -> ndarray:
        """x: (n, ...), labels: what the loss takes. Without a context, that of the optimizer's next step."""
        context = context or ForwardContext(training=True, step=self._optimizer.steps)
        loss, scale = None, self._optimizer.loss_scale
        factor = np.float32(1 if scale is None else scale.value)
        loss, *observed = self.plan([x, labels, np.asarray(factor)], self._out, context)
        for layer, mean, variance in zip(self._normalizations, observed[::2], observed[1::2], strict=True):
            layer.observed = mean, variance
        self._optimizer.apply()
        return loss

    def _compute(
        self, x: Array, labels: Array, factor: Array, context: ForwardContext
    ) -> tuple[Tensor, list[Array]]:
        loss = self._loss(self._model(Tensor(x), context), labels)
        share = loss if self._optimizer.loss_scale is None else loss * factor
        return share, [loss.data, *(part for layer in self._normalizations for part in layer.observed or ())]


class Prediction:
    """A model's outputs, planned: prediction(x) -> an array that holds until the next call."""

    def __init__(self, model: Module) -> None:
        self._model = model
        self.plan = Plan(self._compute, (), [*model.parameters().values(), *buffers(model).values()])

    def __call__(self, x: Array) -> ndarray:
        return self.plan([x], (), EVALUATION)[0]

    def _compute(self, x: Array, context: ForwardContext) -> tuple[None, list[Array]]:
        with no_grad():
            return None, [self._model(Tensor(x), context).data]
