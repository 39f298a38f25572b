"""Attention and the transformer's block as ONNX nodes."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

from ...core import nn
from .graph import Value

if TYPE_CHECKING:
    from .graph import Graph


def multi_head_attention(graph: Graph, layer: nn.MultiHeadAttention, x: Value) -> str:
    time, size = x.shape[0], layer.units // layer.heads

    def by_head(part: nn.TimeLinear, *order: int) -> str:
        split = graph.reshape(graph.apply(part, x).name, time, layer.heads, size)
        return graph.op("Transpose", split, perm=order)

    query, value = by_head(layer.query, 0, 2, 1, 3), by_head(layer.value, 0, 2, 1, 3)
    product = graph.op("MatMul", query, by_head(layer.key, 0, 2, 3, 1))
    scores = graph.op("Mul", product, graph.constant(1 / sqrt(size)))
    if layer.causal:
        later = np.triu(np.full((time, time), np.finfo(np.float32).min), 1)
        scores = graph.op("Add", scores, graph.constant(later))
    present = graph.present_in(x)
    if present is None:
        weights = graph.op("Softmax", scores, axis=-1)
    else:
        there = graph.reshape(present, 1, 1, time)
        if layer.causal:  # an element that may take from none takes zeros
            earlier = graph.cast(graph.constant(np.tri(time)), "BOOL")
            there = graph.op("And", there, earlier)
        scores = graph.op("Where", there, scores, graph.constant(float(np.finfo(np.float32).min)))
        weights = graph.op("Where", there, graph.op("Softmax", scores, axis=-1), graph.constant(0))
    taken = graph.op("MatMul", weights, value)
    side_by_side = graph.reshape(graph.op("Transpose", taken, perm=[0, 2, 1, 3]), *x.shape)
    return graph.apply(layer.output, Value(side_by_side, x.shape)).name


def transformer_block(graph: Graph, layer: nn.TransformerBlock, x: Value) -> str:
    inner = graph.apply(layer.first_norm, x) if layer.norm_first else x
    x = Value(graph.op("Add", x.name, graph.apply(layer.attention, inner).name), x.shape)
    if not layer.norm_first:
        x = graph.apply(layer.first_norm, x)
    inner = graph.apply(layer.second_norm, x) if layer.norm_first else x
    for part in (layer.widen, layer.activation, layer.narrow):
        inner = graph.apply(part, inner)
    x = Value(graph.op("Add", x.name, inner.name), x.shape)
    return x.name if layer.norm_first else graph.apply(layer.second_norm, x).name
