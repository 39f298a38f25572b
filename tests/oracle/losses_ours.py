"""The cases of loss_cases.py computed by chainrule."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace

import numpy as np
from loss_cases import LossCase, output_weights

from chainrule.core import Tensor, grad, losses


def run_loss(case: LossCase, inputs: list[np.ndarray], reduction: str, weighted: bool) -> list[np.ndarray]:
    """The value of a case and its gradients."""
    options = {"weights": case.weights} if weighted else {}
    public = ((name, getattr(losses, name)) for name in losses.__all__)
    functions = {name: partial(loss, **options) for name, loss in public if callable(loss)}
    tensors = [Tensor(array, requires_grad=True) for array in inputs]
    output = case.formula(SimpleNamespace(**functions), *tensors, reduction)
    gradients = grad(output, tensors, seed=Tensor(output_weights(output.shape)))
    return [output.data, *(gradient.data for gradient in gradients)]
