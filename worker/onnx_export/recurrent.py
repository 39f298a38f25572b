"""Recurrent layers as ONNX's RNN, LSTM and GRU, one node for each of their layers.

ONNX wants time before the batch, weights as (directions, gates * units, inputs), both biases in one vector,
the gates of an LSTM in the order input, output, forget, candidate (ours: input, forget, candidate, output),
and those of a GRU as update, reset, candidate (ours: reset, update, candidate).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core import nn
from ...core.array import to_numpy

if TYPE_CHECKING:
    from .graph import Graph, Value


def rnn(graph: Graph, layer: nn.RNN, x: Value) -> str:
    activations = [getattr(cell, "activation").capitalize() for cell in layer.cells[: layer.directions]]
    return _recurrent(graph, layer, x, "RNN", (0,), activations=activations)


def lstm(graph: Graph, layer: nn.LSTM, x: Value) -> str:
    return _recurrent(graph, layer, x, "LSTM", (0, 3, 1, 2))


def gru(graph: Graph, layer: nn.GRU, x: Value) -> str:
    return _recurrent(graph, layer, x, "GRU", (1, 0, 2), linear_before_reset=1)


def _recurrent(graph: Graph, layer: Any, x: Value, kind: str, gates: Sequence[int], **attributes: Any) -> str:
    time, wide = x.shape[0], layer.units * layer.directions
    options = {
        "hidden_size": layer.units,
        "direction": "bidirectional" if layer.directions == 2 else "forward",
        **attributes,
    }
    sequence = graph.op("Transpose", x.name, perm=[1, 0, 2])
    lengths = _lengths(graph, x)
    last = ""
    for index in range(len(layer.cells) // layer.directions):
        cells = layer.cells[index * layer.directions : (index + 1) * layer.directions]
        weights = [
            graph.weight(layer, f"{name}_{index}", np.stack([part(cell, gates) for cell in cells]))
            for name, part in (("W", _input_weight), ("R", _state_weight), ("B", _biases))
        ]
        outputs, last = graph.ops(kind, [sequence, *weights, *lengths], 2, **options)
        # (time, directions, n, units) -> (time, n, directions * units)
        by_sample = graph.op("Transpose", outputs, perm=[0, 2, 1, 3])
        sequence = graph.op("Reshape", by_sample, graph.integers(0, 0, wide))
    if layer.outputs == "last":  # (directions, n, units)
        return graph.reshape(graph.op("Transpose", last, perm=[1, 0, 2]), wide)
    return graph.reshape(graph.op("Transpose", sequence, perm=[1, 0, 2]), time, wide)


def _lengths(graph: Graph, x: Value) -> list[str]:
    """The number of elements up to the last that is no padding, if anything is padding."""
    present = graph.present_in(x)
    if present is None:
        return []
    places = graph.cast(present, "INT64")
    places = graph.op("Mul", places, graph.integers(*range(1, x.shape[0] + 1)))
    last = graph.op("ReduceMax", places, graph.integers(1), keepdims=0)
    return [graph.cast(last, "INT32")]


def _input_weight(cell: Any, gates: Sequence[int]) -> np.ndarray:
    return _in_order(to_numpy(cell.input_weight.data), gates).T


def _state_weight(cell: Any, gates: Sequence[int]) -> np.ndarray:
    return _in_order(to_numpy(cell.state_weight.data), gates).T


def _biases(cell: Any, gates: Sequence[int]) -> np.ndarray:
    return np.concatenate(
        [_in_order(to_numpy(bias.data), gates) for bias in (cell.input_bias, cell.state_bias)]
    )


def _in_order(array: np.ndarray, gates: Sequence[int]) -> np.ndarray:
    """(..., gates * units) with the gates in ONNX's order."""
    parts = np.split(array, len(gates), axis=-1)
    return np.concatenate([parts[gate] for gate in gates], axis=-1)
