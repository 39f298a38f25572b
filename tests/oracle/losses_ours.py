"""The cases of loss_cases.py computed by chainrule."""

from __future__ import annotations

import numpy as np
from loss_cases import LossCase, output_weights

from chainrule.core import Tensor, grad, losses


def run_loss(case: LossCase, inputs: list[np.ndarray], reduction: str) -> list[np.ndarray]:
    """The value of a case and its gradients."""
    tensors = [Tensor(array, requires_grad=True) for array in inputs]
    output = case.formula(losses, *tensors, reduction)
    gradients = grad(output, tensors, seed=Tensor(output_weights(output.shape)))
    return [output.data, *(gradient.data for gradient in gradients)]
