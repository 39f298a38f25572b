"""Layers made of layers, and those that only move elements or do nothing while a model is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...core import nn
from .graph import Value

if TYPE_CHECKING:
    from .graph import Graph


def sequential(graph: Graph, layer: nn.Sequential, x: Value) -> str:
    outside = graph.present
    for part in layer.layers:
        if isinstance(part, nn.Embedding) and part.padding is not None:
            is_padding = graph.op("Equal", x.name, graph.integers(part.padding))
            graph.present = Value(graph.op("Not", is_padding), x.shape)
        x = graph.apply(part, x)
    graph.present = outside
    return x.name


def residual(graph: Graph, layer: nn.Residual, x: Value) -> str:
    around = x if layer.shortcut is None else graph.apply(layer.shortcut, x)
    return graph.op("Add", graph.apply(layer.body, x).name, around.name)


def parallel(graph: Graph, layer: nn.Parallel, x: Value) -> str:
    outputs = [graph.apply(branch, x).name for branch in layer.branches]
    return graph.op("Sum", *outputs) if layer.combine == "sum" else graph.op("Concat", *outputs, axis=1)


def reshape(graph: Graph, layer: nn.Reshape | nn.Flatten, x: Value) -> str:
    return graph.reshape(x.name, *layer.output_shape(x.shape))


def permute(graph: Graph, layer: nn.Permute, x: Value) -> str:
    return graph.op("Transpose", x.name, perm=[0, *(axis + 1 for axis in layer.axes)])


def unchanged(graph: Graph, layer: nn.Dropout, x: Value) -> str:
    return x.name
