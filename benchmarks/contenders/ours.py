"""A workload in chainrule's core, planned or eager; and what gives all libraries their initial weights."""

from __future__ import annotations

from math import prod

import numpy as np

from chainrule.core import Tensor, losses, nn, no_grad, optim
from chainrule.core.plan.step import Prediction, TrainingStep

from .workload import LSTM, Contender, Convolution, Embedding, Linear, MaxPool, Workload

TRAINING = nn.ForwardContext(training=True)


def build(workload: Workload) -> nn.Module:
    shape = workload.shape
    parts: list[nn.Module] = []
    for layer in workload.layers:
        match layer:
            case Linear(units):
                if len(shape) == 3:
                    parts.append(nn.Flatten())
                    shape = (prod(shape),)
                over_time = len(shape) == 2
                parts.append((nn.TimeLinear if over_time else nn.Linear)(shape[-1], units))
                if layer is not workload.layers[-1]:
                    parts.append(nn.ReLU())
            case Convolution(filters, kernel, padding):
                parts += [nn.Conv2d(shape[0], filters, kernel, padding=padding), nn.ReLU()]
            case MaxPool():
                parts.append(nn.MaxPool(2))
            case Embedding(rows, units):
                parts.append(nn.Embedding(rows, units))
            case LSTM(units):
                parts.append(nn.LSTM(shape[-1], units))
        shape = nn.Sequential(*parts).output_shape(workload.shape)
    model = nn.Sequential(*parts)
    nn.initialize(model, 0)
    return model


def initial_weights(workload: Workload) -> list[np.ndarray]:
    """Each layer's in order: matrices (inputs, units), kernels (filters, channels, rows, columns), biases."""
    return [parameter.numpy() for parameter in build(workload).parameters().values()]


def eager(workload: Workload) -> Contender:
    model = build(workload)
    optimizer = optim.FlatOptimizer(optim.Adam(), model)
    samples, labels = workload.data()
    x = Tensor(samples)

    def step() -> Tensor:
        loss = losses.softmax_cross_entropy(model(x, TRAINING), labels)
        loss.backward()
        optimizer.step()
        return loss

    def predict() -> Tensor:
        with no_grad():
            return model(x)

    return Contender(step, predict, Tensor.numpy)


def planned(workload: Workload) -> Contender:
    model = build(workload)
    training = TrainingStep(model, losses.softmax_cross_entropy, optim.FlatOptimizer(optim.Adam(), model))
    prediction = Prediction(model)
    x, labels = workload.data()
    return Contender(lambda: training(x, labels), lambda: prediction(x), np.asarray)
