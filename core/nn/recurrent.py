"""Recurrent layers: RNN, LSTM and GRU over sequences (n, time, inputs), in several layers and directions.

Composed of ordinary operations, a handful for each element of time, so that every derivative is at hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np

from .. import ops
from ..array import Array, array_module
from ..errors import ChainruleError, ShapeError
from ..init import uniform_between
from ..tensor import Tensor
from .context import ForwardContext
from .module import Module
from .sizes import require_lengths, require_positive

State = tuple[Tensor, ...]
"""What one direction of one layer carries from one element of time to the next, each (n, units)."""


class Cell(Module):
    """One direction of one layer: how its state follows from the input and the state before.

    input_weight: (inputs, gates * units), state_weight: (units, gates * units), input_bias and state_bias:
    (gates * units,). All start uniform in ±1 / sqrt(units). The first part of the state is the output.
    """

    gates: ClassVar[int]
    states: ClassVar[int] = 1

    def __init__(self, inputs: int, units: int) -> None:
        require_positive(self.kind, inputs=inputs, units=units)
        self.inputs = inputs
        self.units = units
        wide = self.gates * units
        self.input_weight = self._started("input_weight", (inputs, wide), 0)
        self.state_weight = self._started("state_weight", (units, wide), 1)
        self.input_bias = self._started("input_bias", (wide,), 2)
        self.state_bias = self._started("state_bias", (wide,), 3)

    def step(self, x: Tensor, state: State) -> State:
        """The state after an element of time x (n, inputs)."""
        raise NotImplementedError(f"{type(self).__name__} defines no step")

    def initial(self, x: Tensor) -> State:
        """Zeros, for the samples of x (n, ...)."""
        zero = array_module(x.data).zeros((x.shape[0], self.units), x.dtype)
        return (Tensor(zero),) * self.states

    def start(self, name: str, shape: tuple[int, ...], seed: int, index: int) -> np.ndarray:
        bound = self.units**-0.5
        return uniform_between(shape, seed, index, -bound, bound)

    def _started(self, name: str, shape: tuple[int, ...], index: int) -> Tensor:
        return Tensor(self.start(name, shape, 0, index), requires_grad=True)

    def _from_input(self, x: Tensor) -> Tensor:
        return ops.linear(x, self.input_weight, self.input_bias)

    def _from_state(self, state: Tensor) -> Tensor:
        return ops.linear(state, self.state_weight, self.state_bias)


class RNNCell(Cell):
    """h' = tanh or relu of (x W + b + h U + c). Elman, Cognitive Science 14 (1990)."""

    kind: ClassVar[str] = "rnn"
    gates: ClassVar[int] = 1

    def __init__(self, inputs: int, units: int, activation: Literal["tanh", "relu"] = "tanh") -> None:
        super().__init__(inputs, units)
        if activation not in ("tanh", "relu"):
            raise ChainruleError(f"rnn: expected activation tanh or relu, got {activation!r}")
        self.activation = activation

    def step(self, x: Tensor, state: State) -> State:
        total = self._from_input(x) + self._from_state(state[0])
        return (ops.tanh(total) if self.activation == "tanh" else ops.relu(total),)


class LSTMCell(Cell):
    """c' = f * c + i * g, h' = o * tanh(c'), the state being (h, c). Hochreiter and Schmidhuber, 1997.

    Gates in this order: i (input), f (forget), g (candidate, by tanh), o (output), the others by sigmoid.
    """

    kind: ClassVar[str] = "lstm"
    gates: ClassVar[int] = 4
    states: ClassVar[int] = 2

    def step(self, x: Tensor, state: State) -> State:
        h, c = state
        total, u = self._from_input(x) + self._from_state(h), self.units
        gates = ops.sigmoid(total)
        i, f, g, o = gates[:, :u], gates[:, u : 2 * u], ops.tanh(total[:, 2 * u : 3 * u]), gates[:, 3 * u :]
        c = f * c + i * g
        return o * ops.tanh(c), c


class GRUCell(Cell):
    """h' = (1 - z) * g + z * h, with g = tanh(x W_g + b_g + r * (h U_g + c_g)). Cho et al., EMNLP 2014.

    Gates in this order: r (reset), z (update), g (candidate), the first two by sigmoid.
    """

    kind: ClassVar[str] = "gru"
    gates: ClassVar[int] = 3

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        input_gates, input_candidate = ops.split(self._from_input(x), [2 * self.units, self.units], axis=1)
        state_gates, state_candidate = ops.split(self._from_state(h), [2 * self.units, self.units], axis=1)
        r, z = ops.split(ops.sigmoid(input_gates + state_gates), 2, axis=1)
        g = ops.tanh(input_candidate + r * state_candidate)
        return (g + z * (h - g),)


class _Recurrent(Module):
    """Cells over time. `cells` holds for each layer the forward one and, if bidirectional, the backward one.

    As a layer: (n, time, inputs) -> (n, time, units), twice the units if bidirectional, forward ones first;
    with outputs "last": (n, units), the forward output of the last element and the backward one of the first.
    truncate: backpropagation through time stops every so many elements, the state goes on; not bidirectional.
    """

    cell: ClassVar[type[Cell]]

    def __init__(
        self,
        inputs: int,
        units: int,
        layers: int = 1,
        bidirectional: bool = False,
        outputs: Literal["all", "last"] = "all",
        truncate: int | None = None,
        **options: Any,
    ) -> None:
        require_positive(self.kind, inputs=inputs, units=units, layers=layers)
        if outputs not in ("all", "last"):
            raise ChainruleError(f"{self.kind}: expected outputs all or last, got {outputs!r}")
        if truncate is not None:
            require_positive(self.kind, truncate=truncate)
            if bidirectional:
                raise ChainruleError(f"{self.kind}: expected no truncate where bidirectional, got {truncate}")
        self.inputs = inputs
        self.units = units
        self.directions = 2 if bidirectional else 1
        self.outputs = outputs
        self.truncate = truncate
        self.cells = tuple(
            self.cell(units * self.directions if layer else inputs, units, **options)
            for layer in range(layers)
            for _ in range(self.directions)
        )

    def forward(self, x: Tensor, context: ForwardContext) -> Tensor:
        present = context.present_in(x)
        lengths = None if present is None else _lengths(present)
        y, state = self.run(x, lengths=lengths) if self.truncate is None else self._in_parts(x, lengths)
        if self.outputs == "all":
            return y
        return ops.concatenate([parts[0] for parts in state[-self.directions :]], axis=1)

    def run(
        self, x: Tensor, state: Sequence[State] | None = None, lengths: Array | None = None
    ) -> tuple[Tensor, list[State]]:
        """The outputs (n, time, units * directions) and the state of each cell behind the last element.

        state: to start from, one a cell, zeros without it. `detached` before the next part of a long sequence
        truncates backpropagation there.
        lengths: (n,) elements of each sample; outputs behind them are zeros, and the state is that at them.
        """
        if x.ndim != 3 or x.shape[2] != self.inputs:
            self.output_shape(x.shape[1:])
        time = x.shape[1]
        masks = self._masks(x, lengths)
        starts = [cell.initial(x) for cell in self.cells] if state is None else list(state)
        self._check_state(x, starts)
        sequence = ops.unstack(x, axis=1)
        ends: list[State] = []
        for first in range(0, len(self.cells), self.directions):
            passes = []
            for index in range(first, first + self.directions):
                order = range(time) if index == first else range(time - 1, -1, -1)
                outputs, end = _over_time(self.cells[index], sequence, starts[index], order, masks)
                passes.append(outputs)
                ends.append(end)
            sequence = [ops.concatenate(outputs, axis=1) for outputs in zip(*passes, strict=True)]
        return ops.stack(sequence, axis=1), ends

    def _in_parts(self, x: Tensor, lengths: Array | None) -> tuple[Tensor, list[State]]:
        """The same as `run`, backpropagation through time stopping every `truncate` elements."""
        outputs: list[Tensor] = []
        state: list[State] = []
        length = self.truncate or x.shape[1]
        for start in range(0, x.shape[1], length):
            part = x[:, start : start + length]
            own = None if lengths is None else (lengths - start).clip(0, part.shape[1])
            y, state = self.run(part, detached(state) if state else None, own)
            outputs.append(y)
        return ops.concatenate(outputs, axis=1), state

    def _masks(self, x: Tensor, lengths: Array | None) -> list[Array] | None:
        """For each element of time which samples still have one, (n, 1); None where all do."""
        if lengths is None:
            return None
        n, time = x.shape[:2]
        column = array_module(x.data).asarray(require_lengths(self.kind, lengths, n, time))[:, None]
        return [element < column for element in range(time)]

    def _check_state(self, x: Tensor, state: Sequence[State]) -> None:
        expected = [(x.shape[0], self.units)] * (len(self.cells) * self.cell.states)
        actual = [part.shape for parts in state for part in parts]
        if actual != expected:
            text = f"{len(self.cells)} of {self.cell.states} arrays of shape {(x.shape[0], self.units)}"
            raise ShapeError(f"{self.kind}, argument state", text, f"shapes {actual}")

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        if len(input_shape) != 2 or input_shape[1] != self.inputs or not input_shape[0]:
            raise self.refused(f"of shape (time, {self.inputs})", input_shape)
        wide = self.units * self.directions
        return (input_shape[0], wide) if self.outputs == "all" else (wide,)


def _lengths(present: Array) -> Array:
    """Up to the last element that is there: (n, time) -> (n,)."""
    return (present * array_module(present).arange(1, present.shape[1] + 1)).max(axis=1)


def _over_time(
    cell: Cell, sequence: Sequence[Tensor], state: State, order: Sequence[int], masks: list[Array] | None
) -> tuple[list[Tensor], State]:
    """The output at each element of time, and the state behind the last one in `order`."""
    outputs = [state[0]] * len(sequence)
    for element in order:
        after = cell.step(sequence[element], state)
        if masks is None:
            outputs[element] = after[0]
        else:
            mask = masks[element]
            outputs[element] = ops.where(mask, after[0], 0)
            after = tuple(ops.where(mask, new, old) for new, old in zip(after, state, strict=True))
        state = after
    return outputs, state


def detached(state: Sequence[State]) -> list[State]:
    """The same state, cut off from the graph: where backpropagation through time stops."""
    return [tuple(part.detach() for part in parts) for parts in state]


class RNN(_Recurrent):
    """RNNCell over time: (n, time, inputs) -> (n, time, units). activation: tanh or relu."""

    kind: ClassVar[str] = "rnn"
    cell: ClassVar[type[Cell]] = RNNCell


class LSTM(_Recurrent):
    """LSTMCell over time: (n, time, inputs) -> (n, time, units)."""

    kind: ClassVar[str] = "lstm"
    cell: ClassVar[type[Cell]] = LSTMCell


class GRU(_Recurrent):
    """GRUCell over time: (n, time, inputs) -> (n, time, units)."""

    kind: ClassVar[str] = "gru"
    cell: ClassVar[type[Cell]] = GRUCell
