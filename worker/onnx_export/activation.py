"""Activations as ONNX nodes."""

from __future__ import annotations

from math import pi, sqrt
from typing import TYPE_CHECKING, Any

from ...core import nn

if TYPE_CHECKING:
    from .graph import Graph, Translator, Value


def node(kind: str, **attributes: Any) -> Translator:
    """The translator of an activation that is one node."""
    return lambda graph, layer, x: graph.op(kind, x.name, **attributes)


def leaky_relu(graph: Graph, layer: nn.LeakyReLU, x: Value) -> str:
    return graph.op("LeakyRelu", x.name, alpha=float(layer.slope))


def elu(graph: Graph, layer: nn.ELU, x: Value) -> str:
    return graph.op("Elu", x.name, alpha=float(layer.alpha))


def silu(graph: Graph, layer: nn.SiLU, x: Value) -> str:
    return graph.op("Mul", x.name, graph.op("Sigmoid", x.name))


def log_sigmoid(graph: Graph, layer: nn.LogSigmoid, x: Value) -> str:
    return graph.op("Neg", graph.op("Softplus", graph.op("Neg", x.name)))


def relu6(graph: Graph, layer: nn.ReLU6, x: Value) -> str:
    return graph.op("Clip", x.name, graph.constant(0), graph.constant(6))


def gelu(graph: Graph, layer: nn.GELU, x: Value) -> str:
    """x * (1 + erf(x / sqrt 2)) / 2; approximate: x * sigmoid of a cubic, which is the form with tanh."""
    if layer.approximate:
        cube = graph.op("Mul", x.name, graph.op("Mul", x.name, x.name))
        inner = graph.op("Add", x.name, graph.op("Mul", cube, graph.constant(0.044715)))
        part = graph.op("Sigmoid", graph.op("Mul", inner, graph.constant(2 * sqrt(2 / pi))))
        return graph.op("Mul", x.name, part)
    error = graph.op("Erf", graph.op("Mul", x.name, graph.constant(sqrt(0.5))))
    part = graph.op("Mul", graph.op("Add", error, graph.constant(1)), graph.constant(0.5))
    return graph.op("Mul", x.name, part)
