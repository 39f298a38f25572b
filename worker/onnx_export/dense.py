"""Fully connected layers, embeddings and positions as ONNX nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...core import nn
from ...core.array import to_numpy

if TYPE_CHECKING:
    from .graph import Graph, Value


def linear(graph: Graph, layer: nn.Linear, x: Value) -> str:
    bias = [] if layer.bias is None else [graph.parameter(layer, "bias")]
    return graph.op("Gemm", x.name, graph.parameter(layer, "weight"), *bias)


def sparse_linear(graph: Graph, layer: nn.SparseLinear, x: Value) -> str:
    """ONNX has no sparse product that runtimes know: the weight is written out with its zeros."""
    weight = np.zeros((layer.inputs, layer.units), np.float32)
    weight[layer.rows, layer.columns] = to_numpy(layer.weight.data)
    bias = [] if layer.bias is None else [graph.parameter(layer, "bias")]
    return graph.op("Gemm", x.name, graph.weight(layer, "weight", weight), *bias)


def time_linear(graph: Graph, layer: nn.TimeLinear, x: Value) -> str:
    product = graph.op("MatMul", x.name, graph.parameter(layer, "weight"))
    return graph.op("Add", product, graph.parameter(layer, "bias"))


def embedding(graph: Graph, layer: nn.Embedding, x: Value) -> str:
    weight = to_numpy(layer.weight.data)
    if layer.padding is not None:
        weight = weight.copy()
        weight[layer.padding] = 0
    return graph.op("Gather", graph.weight(layer, "weight", weight), x.name)


def learned_positions(graph: Graph, layer: nn.LearnedPositions, x: Value) -> str:
    rows = to_numpy(layer.weight.data)[: x.shape[0]]
    return graph.op("Add", x.name, graph.weight(layer, "weight", rows))


def sinusoidal_positions(graph: Graph, layer: nn.SinusoidalPositions, x: Value) -> str:
    return graph.op("Add", x.name, graph.weight(layer, "table", layer.table[: x.shape[0]]))
