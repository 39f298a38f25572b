"""The cases of oracle_cases.py computed by chainrule."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from oracle_cases import Case, OptimizerCase, gradients_of_steps, output_weights

from chainrule.core import Tensor, grad, losses, ops, optim

FUNCTIONS = SimpleNamespace(
    **{name: getattr(ops, name) for name in ops.__all__ if name != "softmax_cross_entropy"}, **losses.LOSSES
)


def run_case(case: Case, inputs: list[np.ndarray]) -> list[np.ndarray]:
    """The value of a case and its gradients."""
    tensors = [Tensor(array, requires_grad=True) for array in inputs]
    output = case.formula(FUNCTIONS, *tensors)
    gradients = grad(output, tensors, seed=Tensor(output_weights(output.shape)))
    return [output.data, *(gradient.data for gradient in gradients)]


def run_optimizer(case: OptimizerCase, seed: int) -> np.ndarray:
    """(STEPS, 40): the parameters after each step, from linspace(-1, 1, 40) on."""
    rule = getattr(optim, case.rule)(**case.ours)
    parameters = np.linspace(-1, 1, 40, dtype=np.float32)
    state = [np.zeros_like(parameters) for _ in rule.slots]
    history = []
    for step, gradient in enumerate(gradients_of_steps(seed), start=1):
        rule.update(step, gradient, parameters, state, parameters, state)
        history.append(parameters.copy())
    return np.stack(history)
