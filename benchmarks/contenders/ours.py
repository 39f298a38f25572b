"""A workload in chainrule's core, planned or eager; and what gives all libraries their initial weights."""

from __future__ import annotations

from math import prod

import numpy as np

from chainrule.core import Tensor, losses, nn, no_grad, optim
from chainrule.core.training_step import Prediction, TrainingStep

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

TRAINING = nn.ForwardContext(training=True)


def convolution(layer: Convolution, channels: int) -> list[nn.Module]:
    """Without the ReLU."""
    sizes = (channels, layer.filters, layer.kernel)
    options = {"stride": layer.stride, "padding": layer.padding, "groups": layer.groups}
    made = nn.Conv2d(*sizes, **options, bias=not layer.normalized)
    return [made, nn.BatchNorm(layer.filters)] if layer.normalized else [made]


def modules(layer: Layer, shape: Shape, last: bool) -> list[nn.Module]:
    match layer:
        case Linear(units) if len(shape) == 2:
            return [nn.TimeLinear(shape[-1], units), *([] if last else [nn.ReLU()])]
        case Linear(units):
            flat = [nn.Flatten()] if len(shape) == 3 else []
            return [*flat, nn.Linear(prod(shape), units), *([] if last else [nn.ReLU()])]
        case Convolution():
            return [*convolution(layer, shape[0]), nn.ReLU()]
        case ResidualBlock():
            first, second = layer.body()
            body = [*convolution(first, shape[0]), nn.ReLU(), *convolution(second, layer.filters)]
            around = layer.shortcut(shape)
            shortcut = None if around is None else nn.Sequential(*convolution(around, shape[0]))
            return [nn.Residual(nn.Sequential(*body), shortcut), nn.ReLU()]
        case MaxPool():
            return [nn.MaxPool(2)]
        case MeanOfChannels():
            return [nn.GlobalAvgPool()]
        case Embedding(rows, units):
            return [nn.Embedding(rows, units)]
        case LSTM(units):
            return [nn.LSTM(shape[-1], units)]
        case GRU(units):
            return [nn.GRU(shape[-1], units)]
        case Transformer(heads, hidden):
            return [nn.TransformerBlock(shape[-1], heads, hidden)]
    raise NotImplementedError(f"{layer}")


def build(workload: Workload) -> nn.Module:
    parts: list[nn.Module] = []
    for layer, shape in workload.shaped_layers():
        parts += modules(layer, shape, layer is workload.layers[-1])
    model = nn.Sequential(*parts)
    nn.initialize(model, 0)
    return model


def initial_weights(workload: Workload) -> list[np.ndarray]:
    """Each layer's in order: matrices (inputs, units), kernels (filters, channels, rows, columns), biases."""
    return [parameter.numpy() for parameter in build(workload).parameters().values()]


def eager(workload: Workload) -> Contender:
    model = build(workload)
    optimizer = optim.FlatOptimizer(optim.Adam(), model)

    def train(x: Tensor, labels: np.ndarray) -> Tensor:
        loss = losses.softmax_cross_entropy(model(x, TRAINING), labels)
        loss.backward()
        optimizer.step()
        return loss

    def apply(x: Tensor) -> Tensor:
        with no_grad():
            return model(x)

    return Contender(train, apply, lambda x, labels: (Tensor(x), labels), Tensor.numpy).use(workload)


def planned(workload: Workload) -> Contender:
    model = build(workload)
    training = TrainingStep(model, losses.softmax_cross_entropy, optim.FlatOptimizer(optim.Adam(), model))
    return Contender(training, Prediction(model), lambda x, labels: (x, labels), np.asarray).use(workload)
