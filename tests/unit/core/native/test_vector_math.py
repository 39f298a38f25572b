"""The functions of vector_math.h, as the gates of an LSTM compute them."""

from __future__ import annotations

import numpy as np

from chainrule.core import native

X = np.concatenate(
    [
        np.linspace(-100, 100, 20_001),
        np.linspace(-1, 1, 20_001),
        np.geomspace(1e-30, 80, 3_000),
        -np.geomspace(1e-30, 80, 3_000),
    ]
).astype(np.float32)


def sigmoid_and_tanh(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of few numbers: a step of an LSTM of one sample, whose weights are 0 and whose gates are all x."""
    units = len(x)
    gates = np.tile(x, 4)
    y, cells, hidden = np.empty(units, "f"), np.empty((2, units), "f"), np.empty((2, units), "f")
    inputs = [None, None, np.zeros((units, 4 * units), "f"), None, None]
    native.launch("lstm_f32", [y, gates, cells, hidden], inputs, (1, 1, units, 0, 0, 0))
    return gates[:units], gates[2 * units : 3 * units]


def in_pieces(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    pieces = [sigmoid_and_tanh(np.ascontiguousarray(piece)) for piece in np.array_split(x, len(x) // 60)]
    return np.concatenate([piece[0] for piece in pieces]), np.concatenate([piece[1] for piece in pieces])


def test_sigmoid_and_tanh_are_within_a_few_units_in_the_last_place() -> None:
    sigmoid, tanh = in_pieces(X)
    exact = X.astype(np.float64)
    np.testing.assert_allclose(sigmoid, 1 / (1 + np.exp(-exact)), rtol=3e-7, atol=1e-37)
    np.testing.assert_allclose(tanh, np.tanh(exact), rtol=3e-7)


def test_limits_are_met_exactly_and_nan_stays() -> None:
    sigmoid, tanh = sigmoid_and_tanh(np.array([np.inf, -np.inf, 200, -200, 0, np.nan], np.float32))
    np.testing.assert_array_equal(sigmoid, [1, 0, 1, 0, 0.5, np.nan])
    np.testing.assert_array_equal(tanh, [1, -1, 1, -1, 0, np.nan])
