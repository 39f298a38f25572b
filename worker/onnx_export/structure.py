"""Layers made of layers, and those that only move elements or do nothing while a model is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...core import nn

if TYPE_CHECKING:
    from .graph import Graph, Value


def sequential(graph: Graph, layer: nn.Sequential, x: Value) -> str:
    for part in layer.layers:
        x = graph.apply(part, x)
    return x.name


def residual(graph: Graph, layer: nn.Residual, x: Value) -> str:
    around = x if layer.shortcut is None else graph.apply(layer.shortcut, x)
    return graph.op("Add", graph.apply(layer.body, x).name, around.name)


def parallel(graph: Graph, layer: nn.Parallel, x: Value) -> str:
    outputs = [graph.apply(branch, x).name for branch in layer.branches]
    return graph.op("Sum", *outputs) if layer.combine == "sum" else graph.op("Concat", *outputs, axis=1)


def reshape(graph: Graph, layer: nn.Reshape | nn.Flatten, x: Value) -> str:
    return graph.reshape(x.name, *layer.output_shape(x.shape))


def unchanged(graph: Graph, layer: nn.Dropout, x: Value) -> str:
    return x.name
