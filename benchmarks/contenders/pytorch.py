"""A workload in PyTorch, eager or by torch.compile, with its fused Adam, the fastest that it has on a CPU."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import numpy as np
import torch  # pyright: ignore[reportMissingImports]
from torch import nn  # pyright: ignore[reportMissingImports]

from .ours import initial_weights
from .workload import (
    GRU,
    LSTM,
    Contender,
    Convolution,
    Embedding,
    Layer,
    Linear,
    MaxPool,
    MeanOfChannels,
    ResidualBlock,
    Shape,
    Transformer,
    Workload,
)


class Outputs(nn.Module):
    """Of what a recurrent layer gives, without its state."""

    def forward(self, result: tuple[torch.Tensor, object]) -> torch.Tensor:
        return result[0]


class Residual(nn.Module):
    """body(x) + shortcut(x)."""

    def __init__(self, body: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.body, self.shortcut = body, shortcut

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x) + self.shortcut(x)


class QueryKeyValue(nn.Linear):
    """All three in one product, as PyTorch's own attention takes them."""


class Block(nn.Module):
    """A transformer's, its parts in the order in which ours has them."""

    def __init__(self, units: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.heads = heads
        self.taken = QueryKeyValue(units, 3 * units)
        self.given = nn.Linear(units, units)
        self.first_norm = nn.LayerNorm(units)
        self.widen = nn.Linear(units, hidden)
        self.narrow = nn.Linear(hidden, units)
        self.second_norm = nn.LayerNorm(units)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        parts = self.taken(self.first_norm(x)).chunk(3, -1)
        query, key, value = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts)
        taken = nn.functional.scaled_dot_product_attention(query, key, value)
        x = x + self.given(taken.transpose(1, 2).flatten(2))
        return x + self.narrow(nn.functional.gelu(self.widen(self.second_norm(x))))


def convolution(layer: Convolution, channels: int) -> list[nn.Module]:
    """Without the ReLU."""
    sizes = (channels, layer.filters, layer.kernel, layer.stride, layer.padding)
    made = nn.Conv2d(*sizes, groups=layer.groups, bias=not layer.normalized)
    return [made, nn.BatchNorm2d(layer.filters)] if layer.normalized else [made]


def modules(layer: Layer, shape: Shape, last: bool) -> list[nn.Module]:
    match layer:
        case Linear(units):
            flat = [nn.Flatten()] if len(shape) == 3 else []
            inputs = shape[-1] if len(shape) == 2 else prod(shape)
            return [*flat, nn.Linear(inputs, units), *([] if last else [nn.ReLU()])]
        case Convolution():
            return [*convolution(layer, shape[0]), nn.ReLU()]
        case ResidualBlock():
            first, second = layer.body()
            body = [*convolution(first, shape[0]), nn.ReLU(), *convolution(second, layer.filters)]
            around = layer.shortcut(shape)
            shortcut = nn.Identity() if around is None else nn.Sequential(*convolution(around, shape[0]))
            return [Residual(nn.Sequential(*body), shortcut), nn.ReLU()]
        case MaxPool():
            return [nn.MaxPool2d(2)]
        case MeanOfChannels():
            return [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        case Embedding(rows, units):
            return [nn.Embedding(rows, units)]
        case LSTM(units):
            return [nn.LSTM(shape[-1], units, batch_first=True), Outputs()]
        case GRU(units):
            return [nn.GRU(shape[-1], units, batch_first=True), Outputs()]
        case Transformer(heads, hidden):
            return [Block(shape[-1], heads, hidden)]
    raise NotImplementedError(f"{layer}")


def build(workload: Workload) -> nn.Sequential:
    parts: list[nn.Module] = []
    for layer, shape in workload.shaped_layers():
        parts += modules(layer, shape, layer is workload.layers[-1])
    model = nn.Sequential(*parts)
    start(model, iter(initial_weights(workload)))
    return model


@torch.no_grad()
def start(model: nn.Module, weights: Iterator[np.ndarray]) -> None:
    """Give the model the weights that all start with; PyTorch's matrices are (units, inputs)."""
    for module in model.modules():
        parameters = list(module.parameters(recurse=False))
        given = [next(weights) for _ in parameters]
        if isinstance(module, QueryKeyValue):
            parts = [*given, *(next(weights) for _ in range(4))]
            given = [np.concatenate(parts[first::2], axis=-1) for first in range(2)]
        for parameter, values in zip(parameters, given, strict=True):
            turned = values.ndim == 2 and not isinstance(module, nn.Embedding)
            parameter.copy_(torch.from_numpy(values.T if turned else values))


def contender(workload: Workload, compiled: bool) -> Contender:
    model = build(workload)
    last = len(workload.shape) == 3
    if last:
        # What oneDNN computes in: without it, it changes the order of the elements at each layer.
        model = model.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    optimizer = torch.optim.Adam(model.parameters(), fused=True)

    def loss_of(x: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        logits = model(x)
        return nn.functional.cross_entropy(logits.flatten(0, -2), labels)

    loss_function, forward = (torch.compile(loss_of), torch.compile(model)) if compiled else (loss_of, model)

    def train(x: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        if not model.training:
            model.train()
        optimizer.zero_grad()
        loss = loss_function(x, labels)
        loss.backward()
        optimizer.step()
        return loss

    def apply(x: torch.Tensor) -> torch.Tensor:
        if model.training:
            model.eval()
        with torch.inference_mode():
            return forward(x)

    def convert(samples: np.ndarray, labels: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        x = torch.from_numpy(samples)
        return (
            x.contiguous(memory_format=torch.channels_last) if last else x,
            torch.from_numpy(labels).flatten(),
        )

    return Contender(train, apply, convert, array).use(workload)


def array(result: torch.Tensor) -> np.ndarray:
    return result.detach().numpy()


def eager(workload: Workload) -> Contender:
    return contender(workload, compiled=False)


def compiled(workload: Workload) -> Contender:
    # What was compiled for earlier workloads: with it, all shapes would count as variable, and be slower.
    torch.compiler.reset()
    return contender(workload, compiled=True)
