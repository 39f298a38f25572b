"""Convolution and pooling as ONNX nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...core import nn
from ...core.errors import ChainruleError
from ...core.ops.window import per_axis

if TYPE_CHECKING:
    from .graph import Graph, Value


def _both_ends(padding: tuple[int, ...]) -> list[int]:
    """ONNX wants the padding before each axis, then that behind each."""
    return [*padding, *padding]


def convolution(graph: Graph, layer: nn.Conv1d | nn.Conv2d, x: Value) -> str:
    return graph.op("Conv", *_operands(graph, layer, x), **_windows(layer))


def conv_transpose(graph: Graph, layer: nn.ConvTranspose2d, x: Value) -> str:
    extra = {"output_padding": layer.output_padding}
    return graph.op("ConvTranspose", *_operands(graph, layer, x), **_windows(layer), **extra)


def _operands(graph: Graph, layer: nn.Conv1d | nn.Conv2d | nn.ConvTranspose2d, x: Value) -> list[str]:
    names = ["weight"] if layer.bias is None else ["weight", "bias"]
    return [x.name, *(graph.parameter(layer, name) for name in names)]


def _windows(layer: nn.Conv1d | nn.Conv2d | nn.ConvTranspose2d) -> dict[str, object]:
    return {
        "kernel_shape": layer.kernel,
        "strides": layer.stride,
        "pads": _both_ends(layer.padding),
        "dilations": layer.dilation,
        "group": layer.groups,
    }


def max_pool(graph: Graph, layer: nn.MaxPool, x: Value) -> str:
    return graph.op("MaxPool", x.name, **_pooling_windows(layer, x))


def average_pool(graph: Graph, layer: nn.AvgPool, x: Value) -> str:
    counted = int(layer.count_padding)
    return graph.op("AveragePool", x.name, count_include_pad=counted, **_pooling_windows(layer, x))


def _pooling_windows(layer: nn.MaxPool | nn.AvgPool, x: Value) -> dict[str, object]:
    axes = len(x.shape) - 1
    if axes > 3:
        raise ChainruleError(f"{layer.kind}: ONNX runtimes pool over 3 spatial axes at most, here are {axes}")
    kernel = per_axis(layer.kind, "kernel", layer.kernel, axes, 1)
    stride = kernel if layer.stride is None else per_axis(layer.kind, "stride", layer.stride, axes, 1)
    padding = per_axis(layer.kind, "padding", layer.padding, axes, 0)
    return {"kernel_shape": kernel, "strides": stride, "pads": _both_ends(padding)}


def global_average_pool(graph: Graph, layer: nn.GlobalAvgPool, x: Value) -> str:
    return graph.reshape(graph.op("GlobalAveragePool", x.name), x.shape[0])


def global_max_pool(graph: Graph, layer: nn.GlobalMaxPool, x: Value) -> str:
    return graph.reshape(graph.op("GlobalMaxPool", x.name), x.shape[0])


def adaptive_average_pool(graph: Graph, layer: nn.AdaptiveAvgPool, x: Value) -> str:
    """ONNX has no such pooling: for each axis a product with the matrix of means, as in `ops`."""
    y = x.name
    for axis, size, starts, stops in _spans(layer, x):
        elements = np.arange(size)[:, None]
        means = ((elements >= starts) & (elements < stops)) / (stops - starts)
        order = list(range(len(x.shape) + 1))
        order[axis], order[-1] = order[-1], order[axis]
        turned = graph.op("MatMul", graph.op("Transpose", y, perm=order), graph.constant(means))
        y = graph.op("Transpose", turned, perm=order)
    return y


def adaptive_max_pool(graph: Graph, layer: nn.AdaptiveMaxPool, x: Value) -> str:
    """As above: for each axis the elements of all windows, and the largest of each."""
    y = x.name
    for axis, _, starts, stops in _spans(layer, x):
        longest = int((stops - starts).max())
        elements = np.minimum(starts[:, None] + np.arange(longest), stops[:, None] - 1)
        flat = graph.op("Gather", y, graph.integers(*elements.ravel().tolist()), axis=axis)
        sizes = [0] * axis + [len(starts), longest] + list(x.shape[axis:])
        windows = graph.op("Reshape", flat, graph.integers(*sizes))
        y = graph.op("ReduceMax", windows, graph.integers(axis + 1), keepdims=0)
    return y


def _spans(
    layer: nn.AdaptiveAvgPool | nn.AdaptiveMaxPool, x: Value
) -> list[tuple[int, int, np.ndarray, np.ndarray]]:
    """For each spatial axis its number, its size, and where its windows start and stop."""
    counts = per_axis(layer.kind, "output", layer.output, len(x.shape) - 1, 1)
    spans = []
    for axis, (size, count) in enumerate(zip(x.shape[1:], counts, strict=True), start=2):
        steps = np.arange(count)
        spans.append((axis, size, steps * size // count, -(-(steps + 1) * size // count)))
    return spans
