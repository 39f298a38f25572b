"""Recurrent networks: one step of each kind, and a pass over a sequence made of steps.

Composed of ordinary operations, a handful for each step, for any array and with every derivative; one_pass.py
has the same by kernels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..array import Array
from .activation import relu, sigmoid
from .arithmetic import tanh
from .joining import split, stack, unstack
from .linalg import linear
from .selection import where
from .shape import getitem

State = tuple[Any, ...]
"""What is carried from one element of time to the next, each (n, units): h, and for an LSTM c."""
Weights = tuple[Any, Any, Any, Any]
"""input_weight (inputs, gates * units), state_weight (units, gates * units), and a bias of each."""
Step = Callable[[Any, State, Weights], State]
"""(x (n, inputs), state, weights) -> the state after it."""


def lstm_step(x: Any, state: State, weights: Weights) -> State:
    """c' = f * c + i * g, h' = o * tanh(c'); gates in the order i, f, g, o."""
    (h, c), (input_weight, state_weight, input_bias, state_bias) = state, weights
    total, u = linear(x, input_weight, input_bias) + linear(h, state_weight, state_bias), h.shape[1]
    gates = sigmoid(total)
    i, f, o = (getitem(gates, index=(slice(None), slice(u * k, u * (k + 1)))) for k in (0, 1, 3))
    g = tanh(getitem(total, index=(slice(None), slice(2 * u, 3 * u))))
    c = f * c + i * g
    return o * tanh(c), c


def gru_step(x: Any, state: State, weights: Weights) -> State:
    """h' = (1 - z) * g + z * h, g = tanh(x W_g + b_g + r * (h U_g + c_g)); gates in the order r, z, g."""
    (h,), (input_weight, state_weight, input_bias, state_bias) = state, weights
    sizes = [2 * h.shape[1], h.shape[1]]
    input_gates, input_candidate = split(linear(x, input_weight, input_bias), sizes, axis=1)
    state_gates, state_candidate = split(linear(h, state_weight, state_bias), sizes, axis=1)
    r, z = split(sigmoid(input_gates + state_gates), 2, axis=1)
    g = tanh(input_candidate + r * state_candidate)
    return (g + z * (h - g),)


def rnn_step(x: Any, state: State, weights: Weights) -> State:
    """h' = tanh(x W + b + h U + c)."""
    return (tanh(_sum(x, state, weights)),)


def rnn_relu_step(x: Any, state: State, weights: Weights) -> State:
    """h' = max(x W + b + h U + c, 0)."""
    return (relu(_sum(x, state, weights)),)


def _sum(x: Any, state: State, weights: Weights) -> Any:
    input_weight, state_weight, input_bias, state_bias = weights
    return linear(x, input_weight, input_bias) + linear(state[0], state_weight, state_bias)


def steps(
    step: Callable[[Any, State], State],
    x: Any,
    state: State,
    backwards: bool = False,
    lengths: Array | None = None,
) -> tuple[Any, State]:
    """The output at each element of x (n, time, inputs) -> (n, time, units), and the state behind the last.

    lengths: (n,) elements of each sample; behind them the output is 0 and the state stays.
    """
    sequence = unstack(x, axis=1)
    order = range(len(sequence))
    outputs = [state[0]] * len(sequence)
    for element in reversed(order) if backwards else order:
        after = step(sequence[element], state)
        if lengths is None:
            outputs[element] = after[0]
        else:
            mask = element < lengths[:, None]
            outputs[element] = where(mask, after[0], 0)
            after = tuple(where(mask, new, old) for new, old in zip(after, state, strict=True))
        state = after
    return stack(outputs, axis=1), state
