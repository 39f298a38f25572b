"""Recurrent networks over sequences: one step of each kind, and a pass over all steps.

`steps` makes a pass of ordinary operations, a handful for each step, for any array and with every derivative.
`one_pass` makes it one operation, by kernels; to be differentiated twice it is computed again as steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import native
from ..array import Array, array_module
from ..backward import grad
from ..graph import observers, primitive, recording, vjp
from ..tensor import Tensor
from .activation import relu, sigmoid
from .arithmetic import tanh
from .constant import value
from .joining import concatenate, split, stack, unstack
from .linalg import linear
from .selection import where
from .shape import getitem, reshape

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
    masks: Sequence[Array] | None = None,
) -> tuple[Any, State]:
    """The output at each element of x (n, time, inputs) -> (n, time, units), and the state behind the last.

    masks: for each element of time which samples have one, (n, 1); where not, the output is 0 and the state
    stays.
    """
    sequence = unstack(x, axis=1)
    order = range(len(sequence))
    outputs = [state[0]] * len(sequence)
    for element in reversed(order) if backwards else order:
        after = step(sequence[element], state)
        if masks is None:
            outputs[element] = after[0]
        else:
            mask = masks[element]
            outputs[element] = where(mask, after[0], 0)
            after = tuple(where(mask, new, old) for new, old in zip(after, state, strict=True))
        state = after
    return stack(outputs, axis=1), state


@dataclass(frozen=True)
class Kind:
    """A kind of recurrent network, and its kernels.

    gates: how many times `units` the weights are wide. width: the same for what is kept of a step, 0 where
    that is h alone. shared: how many gates the state's bias is simply added to. state_columns: (first gate of
    a step's gradients, how many, first gate of the state weight's) for all that lead to the state weight.
    """

    step: Step
    kernel: str
    states: int
    gates: int
    width: int
    shared: int
    state_columns: tuple[tuple[int, int, int], ...]
    option: int = 0


GRU = Kind(gru_step, "gru", 1, 3, 4, 2, ((0, 2, 0), (3, 1, 2)))
LSTM = Kind(lstm_step, "lstm", 2, 4, 4, 4, ((0, 4, 0),))
RNN = Kind(rnn_step, "rnn", 1, 1, 0, 1, ((0, 1, 0),))
RNN_RELU = Kind(rnn_relu_step, "rnn", 1, 1, 0, 1, ((0, 1, 0),), option=1)


class _Kept:
    """What one pass keeps for its derivatives, and these until each argument has got its own."""

    gates: Array
    cells: Array | None
    hidden: Array
    cotangent: Any = None
    found: Any = None
    sums: Array | None = None
    served: frozenset[int] = frozenset()


def _passed(
    kind: Kind,
    kept: _Kept,
    backwards: bool,
    last_cells: bool,
    x: Array,
    h: Array | None,
    c: Array | None,
    weights: Weights,
) -> Array:
    """The outputs (n, time, units); with last_cells these and c behind the last step in one row."""
    n, time, inputs = x.shape
    input_weight, state_weight, input_bias, state_bias = weights
    units = len(state_weight)
    hidden = native.empty(x, (time + 1, n, units))
    gates = native.empty(x, (time, n, kind.width * units)) if kind.width else hidden[1:]
    cells = native.empty(x, (time + 1, n, units)) if kind.states == 2 else None
    y = native.empty(x, (time * n * units + n * units,) if last_cells else (n, time, units))
    sizes = (n, time, inputs, kind.gates * units, gates.shape[2], backwards, kind.shared * units)
    inputs_of_gates = [_contiguous(x), input_weight, input_bias, state_bias]
    native.launch("sequence_gates_f32", [gates], inputs_of_gates, sizes)
    sizes = (n, time, units, backwards, last_cells, kind.option)
    native.launch(f"{kind.kernel}_f32", [y, gates, cells, hidden], [h, c, state_weight, state_bias], sizes)
    kept.gates, kept.cells, kept.hidden = gates, cells, hidden
    return y


def _contiguous(x: Array) -> Array:
    return x if x.flags.c_contiguous else x.copy()


def _gradient(
    kind: Kind,
    position: int,
    kept: _Kept,
    backwards: bool,
    last_cells: bool,
    g: Any,
    arguments: Sequence[Any],
) -> Any:
    """The cotangent of one of the arguments; what all have in common is computed for the first."""
    compute = _differentiated if g.__class__ is Tensor else _back
    if kept.cotangent is not g or position in kept.served:
        kept.cotangent, kept.served, kept.sums = g, frozenset(), None
        kept.found = compute(kind, kept, backwards, last_cells, g, arguments)
    kept.served |= {position}
    if g.__class__ is Tensor:
        return kept.found[position]
    return _share(kind, position, kept, backwards, arguments)


def _back(
    kind: Kind, kept: _Kept, backwards: bool, last_cells: bool, g: Array, arguments: Sequence[Any]
) -> list[Array | None]:
    """The gradients of the gates (time, n, width), and of h and c to start from."""
    x, h, c, _, state_weight = arguments[:5]
    n, time, _ = x.shape
    units = len(state_weight)
    gates = native.empty(g, (time, n, max(kind.width, 1) * units))
    first = [None if part is None else native.empty(g, part.shape) for part in (h, c)]
    native.launch(
        f"{kind.kernel}_gradient_f32",
        [gates, *first],
        [_contiguous(g), kept.gates, kept.cells, kept.hidden, state_weight],
        (n, time, units, backwards, last_cells, kind.option),
    )
    return [gates, *first]


def _share(kind: Kind, position: int, kept: _Kept, backwards: bool, arguments: Sequence[Any]) -> Array:
    """What the gradients of the gates make of one argument's."""
    x, _, _, input_weight, state_weight = arguments[:5]
    gates, *first = kept.found
    if position in (1, 2):
        return first[position - 1]
    n, time, inputs = x.shape
    units, columns, width = len(state_weight), input_weight.shape[1], gates.shape[2]
    if position == 0:
        gradient = native.empty(gates, x.shape)
        sizes = (n, time, inputs, columns, width, backwards)
        native.launch("sequence_input_gradient_f32", [gradient], [gates, input_weight], sizes)
    elif position == 3:
        gradient = native.empty(gates, input_weight.shape)
        sizes = (n, time, inputs, columns, width, backwards, False, columns, 0, 0)
        native.launch("sequence_weight_gradient_f32", [gradient], [_contiguous(x), gates], sizes)
    elif position == 4:
        gradient = native.empty(gates, state_weight.shape)
        for source, count, target in kind.state_columns:
            places = (columns, target * units, source * units)
            sizes = (n, time, units, count * units, width, backwards, True, *places)
            native.launch("sequence_weight_gradient_f32", [gradient], [kept.hidden, gates], sizes)
    elif kept.sums is not None and len(kind.state_columns) == 1:
        gradient = kept.sums.copy()
    else:
        gradient = kept.sums = native.empty(gates, (columns,))
        parts = ((0, kind.gates, 0),) if position == 5 else kind.state_columns
        for source, count, target in parts:
            sizes = (n, time, count * units, width, target * units, source * units)
            native.launch("sequence_bias_gradient_f32", [gradient], [gates], sizes)
    return gradient


def _differentiated(
    kind: Kind, kept: _Kept, backwards: bool, last_cells: bool, g: Tensor, arguments: Sequence[Any]
) -> dict[int, Tensor]:
    """The cotangents by position as tensors that can be differentiated: those of the pass made of steps."""
    with recording(True):
        own = [  # a boundary: the walk goes no further up
            reshape(argument, argument.shape) if argument.__class__ is Tensor else argument
            for argument in arguments
        ]
        x, h, c, *weights = own
        zero = array_module(value(x)).zeros((x.shape[0], weights[1].shape[0]), x.dtype)
        state = tuple(zero if part is None else part for part in (h, c)[: kind.states])
        input_weight, state_weight, input_bias, state_bias = weights
        of_step = (input_weight, state_weight, input_bias, state_bias)
        y, end = steps(lambda x, state: kind.step(x, state, of_step), x, state, backwards)
        if last_cells:
            y = concatenate([reshape(y, (-1,)), reshape(end[1], (-1,))])
    wanted = {p: part for p, part in enumerate(own) if part.__class__ is Tensor and part.requires_grad}
    return dict(zip(wanted, grad(y, list(wanted.values()), seed=g, create_graph=True), strict=True))


def _operation(kind: Kind) -> Callable[..., Any]:
    def over_time(
        x: Array, h: Array | None, c: Array | None, input_weight: Array, state_weight: Array,
        input_bias: Array, state_bias: Array, kept: _Kept, backwards: bool = False, last_cells: bool = False,
    ) -> Array:  # fmt: skip
        weights = (input_weight, state_weight, input_bias, state_bias)
        return _passed(kind, kept, backwards, last_cells, x, h, c, weights)

    def rule(position: int) -> Callable[..., Any]:
        def gradient(
            g: Any, y: Any, x: Any, h: Any, c: Any, input_weight: Any, state_weight: Any,
            input_bias: Any, state_bias: Any, kept: _Kept, backwards: bool = False, last_cells: bool = False,
        ) -> Any:  # fmt: skip
            arguments = (x, h, c, input_weight, state_weight, input_bias, state_bias)
            return _gradient(kind, position, kept, backwards, last_cells, g, arguments)

        return gradient

    over_time.__name__ = kind.kernel
    call = primitive(over_time)
    vjp(call, *(rule(position) for position in range(7)))
    return call


_OPERATIONS = {kind: _operation(kind) for kind in (LSTM, GRU, RNN, RNN_RELU)}


def one_pass(
    kind: Kind, x: Tensor, state: State | None, weights: Weights, backwards: bool, with_state: bool
) -> tuple[Tensor, State] | None:
    """What `steps` gives, by kernels; None where they cannot: other arrays, or somebody watches the tape.

    state: to start from, None for zeros. Of the state behind the last step only h is given if not with_state.
    """
    arrays = [part.data for part in (*weights, *(state or ()))]
    if observers or not isinstance(x.data, np.ndarray) or x.dtype != np.float32 or not native.suits(*arrays):
        return None
    h, c = (*(state or ()), None, None)[:2]
    last_cells = with_state and kind.states == 2
    y = _OPERATIONS[kind](x, h, c, *weights, _Kept(), backwards=backwards, last_cells=last_cells)
    n, time, units = x.shape[0], x.shape[1], arrays[1].shape[0]
    cells = ()
    if last_cells:
        size = n * time * units
        cells = (reshape(getitem(y, index=slice(size, None)), (n, units)),)
        y = reshape(getitem(y, index=slice(0, size)), (n, time, units))
    return y, (getitem(y, index=(slice(None), 0 if backwards else time - 1)), *cells)
