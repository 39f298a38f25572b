"""Normalizing layers as ONNX nodes, as they are when a model is used: by running statistics."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from ...core import Tensor, nn
from ...core.array import to_numpy

if TYPE_CHECKING:
    from .graph import Graph, Value


def batch_norm(graph: Graph, layer: nn.BatchNorm, x: Value) -> str:
    names = ("weight", "bias", "running_mean", "running_variance")
    tensors = [graph.parameter(layer, name) for name in names]
    return graph.op("BatchNormalization", x.name, *tensors, epsilon=layer.epsilon)


def layer_norm(graph: Graph, layer: nn.LayerNorm, x: Value) -> str:
    weight, bias = graph.parameter(layer, "weight"), graph.parameter(layer, "bias")
    return graph.op("LayerNormalization", x.name, weight, bias, axis=-len(layer.shape), epsilon=layer.epsilon)


def rms_norm(graph: Graph, layer: nn.RMSNorm, x: Value) -> str:
    square = graph.op("ReduceMean", graph.op("Mul", x.name, x.name), graph.integers(-1))
    root = graph.op("Sqrt", graph.op("Add", square, graph.constant(layer.epsilon)))
    return graph.op("Mul", graph.op("Div", x.name, root), graph.parameter(layer, "weight"))


def group_norm(graph: Graph, layer: nn.GroupNorm, x: Value) -> str:
    """Each group as the one channel of an instance, then each channel's own weight and bias."""
    groups = graph.reshape(x.name, layer.groups, prod(x.shape) // layer.groups)
    unit = [graph.constant(np.full(layer.groups, value)) for value in (1, 0)]
    standard = graph.op("InstanceNormalization", groups, *unit, epsilon=layer.epsilon)
    scaled = graph.op("Mul", graph.reshape(standard, *x.shape), _along_channels(graph, layer, "weight", x))
    return graph.op("Add", scaled, _along_channels(graph, layer, "bias", x))


def _along_channels(graph: Graph, layer: nn.GroupNorm, name: str, x: Value) -> str:
    vector: Tensor = getattr(layer, name)
    return graph.weight(layer, name, to_numpy(vector.data).reshape(-1, *[1] * (len(x.shape) - 1)))
