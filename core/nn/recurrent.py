"""Recurrent layers: RNN, LSTM and GRU over sequences (n, time, inputs), in several layers and directions.

One direction of one layer is one operation where kernels can do it, else a handful for each element of time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np

from .. import ops
from ..array import Array, array_module
from ..errors import ChainruleError, ShapeError
from ..init import uniform_between
from ..ops import one_pass
from ..ops.recurrent import Weights, steps
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

    @property
    def network(self) -> one_pass.Kind:
        """What it computes."""
        raise NotImplementedError(f"{type(self).__name__} defines no network")

    @property
    def weights(self) -> Weights:
        return self.input_weight, self.state_weight, self.input_bias, self.state_bias

    def step(self, x: Tensor, state: State) -> State:
        """The state after an element of time x (n, inputs)."""
        return self.network.step(x, state, self.weights)

    def over_time(
        self, x: Tensor, state: State | None, backwards: bool, lengths: Array | None, with_state: bool
    ) -> tuple[Tensor, State]:
        """The outputs for x (n, time, inputs), and, if asked for, the state behind the last."""
        done = one_pass.by_kernels(self.network, x, state, self.weights, backwards, lengths, with_state)
        if done is not None:
            return done
        return steps(self.step, x, self.initial(x) if state is None else state, backwards, lengths)

    def initial(self, x: Tensor) -> State:
        """Zeros, for the samples of x (n, ...)."""
        zero = array_module(x.data).zeros((x.shape[0], self.units), x.dtype)
        return (Tensor(zero),) * self.states

    def start(self, name: str, shape: tuple[int, ...], seed: int, index: int) -> np.ndarray:
        bound = self.units**-0.5
        return uniform_between(shape, seed, index, -bound, bound)

    def _started(self, name: str, shape: tuple[int, ...], index: int) -> Tensor:
        return Tensor(self.start(name, shape, 0, index), requires_grad=True)


class RNNCell(Cell):
    """h' = tanh or relu of (x W + b + h U + c). Elman, Cognitive Science 14 (1990)."""

    kind: ClassVar[str] = "rnn"
    gates: ClassVar[int] = 1

    def __init__(self, inputs: int, units: int, activation: Literal["tanh", "relu"] = "tanh") -> None:
        super().__init__(inputs, units)
        if activation not in ("tanh", "relu"):
            raise ChainruleError(f"rnn: expected activation tanh or relu, got {activation!r}")
        self.activation = activation

    @property
    def network(self) -> one_pass.Kind:
        return one_pass.RNN if self.activation == "tanh" else one_pass.RNN_RELU


class LSTMCell(Cell):
    """c' = f * c + i * g, h' = o * tanh(c'), the state being (h, c). Hochreiter and Schmidhuber, 1997.

    Gates in this order: i (input), f (forget), g (candidate, by tanh), o (output), the others by sigmoid.
    """

    kind: ClassVar[str] = "lstm"
    gates: ClassVar[int] = 4
    states: ClassVar[int] = 2

    @property
    def network(self) -> one_pass.Kind:
        return one_pass.LSTM


class GRUCell(Cell):
    """h' = (1 - z) * g + z * h, with g = tanh(x W_g + b_g + r * (h U_g + c_g)). Cho et al., EMNLP 2014.

    Gates in this order: r (reset), z (update), g (candidate), the first two by sigmoid.
    """

    kind: ClassVar[str] = "gru"
    gates: ClassVar[int] = 3

    @property
    def network(self) -> one_pass.Kind:
        return one_pass.GRU


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
        last = self.outputs == "last"
        y, state = self._run(x, None, lengths, last) if self.truncate is None else self._in_parts(x, lengths)
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
        return self._run(x, state, lengths, True)

    def _run(
        self, x: Tensor, state: Sequence[State] | None, lengths: Array | None, with_state: bool
    ) -> tuple[Tensor, list[State]]:
        if x.ndim != 3 or x.shape[2] != self.inputs or not x.shape[1]:
            self.output_shape(x.shape[1:])
        if lengths is not None:
            lengths = array_module(x.data).asarray(require_lengths(self.kind, lengths, *x.shape[:2]))
        if state is not None:
            self._check_state(x, state)
        ends: list[State] = []
        for first in range(0, len(self.cells), self.directions):
            passes = []
            for index in range(first, first + self.directions):
                start = None if state is None else state[index]
                y, end = self.cells[index].over_time(x, start, index > first, lengths, with_state)
                passes.append(y)
                ends.append(end)
            x = ops.concatenate(passes, axis=2) if len(passes) > 1 else passes[0]
        return x, ends

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
