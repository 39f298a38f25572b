"""Spectrograms as ONNX nodes: the Fourier transforms of all frames are one convolution.

Its filters are the rows of the transform's matrix, cosines and then sines, each times the Hann window.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from ...core import nn
from ...core.ops.spectrum import hann, mel_filters

if TYPE_CHECKING:
    from .graph import Graph, Value


def spectrogram(graph: Graph, layer: nn.Spectrogram, x: Value) -> str:
    return _ended(graph, layer, x, _power(graph, layer, x))


def mel_spectrogram(graph: Graph, layer: nn.MelSpectrogram, x: Value) -> str:
    filters = mel_filters(layer.bands, layer.size, layer.rate, layer.low, layer.high)
    power = graph.op("MatMul", graph.weight(layer, "filters", filters), _power(graph, layer, x))
    return _ended(graph, layer, x, power)


def _power(graph: Graph, layer: nn.Spectrogram, x: Value) -> str:
    """(n, ..., samples) -> (n * ..., frequencies, frames)."""
    rows = layer.size // 2 + 1
    angles = 2 * np.pi / layer.size * (np.outer(np.arange(rows), np.arange(layer.size)) % layer.size)
    filters = np.concatenate([np.cos(angles), np.sin(angles)]) * hann(layer.size)
    tracks = graph.op("Reshape", x.name, graph.integers(-1, 1, x.shape[-1]))
    weight = graph.weight(layer, "transform", filters[:, None, :])
    parts = graph.op("Conv", tracks, weight, kernel_shape=[layer.size], strides=[layer.hop])
    squares = graph.op("Mul", parts, parts)
    return graph.op("Add", *graph.ops("Split", [squares, graph.integers(rows, rows)], 2, axis=1))


def _ended(graph: Graph, layer: nn.Spectrogram, x: Value, power: str) -> str:
    """With the logarithm, if it is wanted, and each sample's axes as they were."""
    if layer.log:
        power = graph.op("Log", graph.op("Add", power, graph.constant(1e-6)))
    shape = layer.output_shape(x.shape)
    extra = prod(x.shape[:-1])
    return power if extra == 1 and len(shape) == 2 else graph.op("Reshape", power, graph.integers(-1, *shape))
