"""A workload in PyTorch, eager or by torch.compile, with its fused Adam, the fastest that it has on a CPU."""

from __future__ import annotations

from math import prod

import numpy as np
import torch  # pyright: ignore[reportMissingImports]
from torch import nn  # pyright: ignore[reportMissingImports]

from .ours import initial_weights
from .workload import LSTM, Contender, Convolution, Embedding, Linear, MaxPool, Workload


class Outputs(nn.Module):
    """Of what an LSTM gives, without its state."""

    def forward(self, result: tuple[torch.Tensor, object]) -> torch.Tensor:
        return result[0]


def build(workload: Workload) -> nn.Sequential:
    shape = workload.shape
    parts: list[nn.Module] = []
    for layer in workload.layers:
        match layer:
            case Linear(units):
                if len(shape) == 3:
                    parts.append(nn.Flatten())
                    shape = (prod(shape),)
                parts.append(nn.Linear(shape[-1], units))
                if layer is not workload.layers[-1]:
                    parts.append(nn.ReLU())
                shape = (*shape[:-1], units)
            case Convolution(filters, kernel, padding):
                parts += [nn.Conv2d(shape[0], filters, kernel, padding=padding), nn.ReLU()]
                shape = (filters, *(size + 2 * padding - kernel + 1 for size in shape[1:]))
            case MaxPool():
                parts.append(nn.MaxPool2d(2))
                shape = (shape[0], *(size // 2 for size in shape[1:]))
            case Embedding(rows, units):
                parts.append(nn.Embedding(rows, units))
                shape = (*shape, units)
            case LSTM(units):
                parts += [nn.LSTM(shape[-1], units, batch_first=True), Outputs()]
                shape = (*shape[:-1], units)
    model = nn.Sequential(*parts)
    start(model, workload)
    return model


@torch.no_grad()
def start(model: nn.Sequential, workload: Workload) -> None:
    """Give the model the weights that all start with; PyTorch's matrices are (units, inputs)."""
    weights = iter(initial_weights(workload))
    for module in model:
        for parameter in module.parameters():
            values = torch.from_numpy(next(weights))
            turned = values.ndim == 2 and not isinstance(module, nn.Embedding)
            parameter.copy_(values.T if turned else values)


def contender(workload: Workload, compiled: bool) -> Contender:
    model = build(workload)
    samples, labels = map(torch.from_numpy, workload.data())
    if len(workload.shape) == 3:
        # What oneDNN computes in: without it, it changes the order of the elements at each layer.
        last = torch.channels_last
        model = model.to(memory_format=last)  # pyright: ignore[reportCallIssue]
        samples = samples.contiguous(memory_format=last)
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    labels = labels.flatten()

    def loss_of(x: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        logits = model(x)
        return nn.functional.cross_entropy(logits.flatten(0, -2), labels)

    loss_function, forward = (torch.compile(loss_of), torch.compile(model)) if compiled else (loss_of, model)

    def step() -> torch.Tensor:
        optimizer.zero_grad()
        loss = loss_function(samples, labels)
        loss.backward()
        optimizer.step()
        return loss

    def predict() -> torch.Tensor:
        with torch.inference_mode():
            return forward(samples)

    return Contender(step, predict, array)


def array(result: torch.Tensor) -> np.ndarray:
    return result.detach().numpy()


def eager(workload: Workload) -> Contender:
    return contender(workload, compiled=False)


def compiled(workload: Workload) -> Contender:
    return contender(workload, compiled=True)
