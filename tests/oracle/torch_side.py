"""The cases of oracle_cases.py computed by PyTorch."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import torch  # pyright: ignore[reportMissingImports]
from oracle_cases import Case, OptimizerCase, gradients_of_steps, output_weights
from torch.nn import functional  # pyright: ignore[reportMissingImports]

FUNCTIONS = SimpleNamespace(
    exp=torch.exp,
    log=torch.log,
    sqrt=torch.sqrt,
    absolute=torch.abs,
    maximum=torch.maximum,
    linear=lambda x, weight, bias: functional.linear(x, weight.T, bias),
    sum=lambda x, axis: x.sum(dim=axis),
    mean=lambda x, axis: x.mean(dim=axis),
    max=lambda x, axis: x.amax(dim=axis),
    reshape=torch.reshape,
    transpose=torch.permute,
    broadcast_to=torch.broadcast_to,
    relu=torch.relu,
    sigmoid=torch.sigmoid,
    tanh=torch.tanh,
    softplus=functional.softplus,
    softmax=lambda x: torch.softmax(x, -1),
    log_softmax=lambda x: torch.log_softmax(x, -1),
    logsumexp=lambda x: torch.logsumexp(x, -1),
    softmax_cross_entropy=lambda x, labels, reduction: functional.cross_entropy(
        x, torch.from_numpy(labels), reduction=reduction
    ),
    squared_error=lambda x, target, reduction: functional.mse_loss(x, target, reduction=reduction),
)


def run_case(case: Case, inputs: list[np.ndarray]) -> list[np.ndarray]:
    """The value of a case and its gradients."""
    tensors = [torch.tensor(array, requires_grad=True) for array in inputs]
    output = case.formula(FUNCTIONS, *tensors)
    output.backward(torch.tensor(output_weights(tuple(output.shape))))
    gradients = [tensor.grad for tensor in tensors]
    return [output.detach().numpy(), *(gradient.numpy() for gradient in gradients if gradient is not None)]


def run_optimizer(case: OptimizerCase, seed: int) -> np.ndarray:
    """(STEPS, 40): the parameters after each step, from linspace(-1, 1, 40) on."""
    parameters = torch.nn.Parameter(torch.linspace(-1, 1, 40))
    optimizer = getattr(torch.optim, case.torch)([parameters], **case.theirs)
    history = []
    for gradient in gradients_of_steps(seed):
        parameters.grad = torch.tensor(gradient)
        optimizer.step()
        history.append(parameters.detach().numpy().copy())
    return np.stack(history)
