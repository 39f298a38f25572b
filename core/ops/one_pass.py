"""A recurrent network's pass over a whole sequence as one operation, by kernels.

For float32 in the host's memory. To be differentiated twice it is computed again as steps, see recurrent.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .. import native
from ..array import Array, array_module
from ..backward import grad
from ..graph import observers, primitive, recording, vjp
from ..tensor import Tensor
from .constant import value
from .joining import concatenate
from .recurrent import State, Step, Weights, gru_step, lstm_step, rnn_relu_step, rnn_step, steps
from .shape import getitem, reshape


@dataclass(frozen=True)
class Kind:
    """A kind of recurrent network, and its kernels.

    gates: how many times `units` the weights are wide. width: the same for what is kept of a step, 0 where
    that is h alone. shared: how many gates the state's bias is simply added to. state_columns: (first gate of
    a step's gradients, how many, first gate of the state weight's) for all that lead to the state weight.
    """

    name: str
    step: Step
    states: int
    gates: int
    width: int
    shared: int
    state_columns: tuple[tuple[int, int, int], ...]
    option: int = 0


LSTM = Kind("lstm", lstm_step, states=2, gates=4, width=4, shared=4, state_columns=((0, 4, 0),))
GRU = Kind("gru", gru_step, states=1, gates=3, width=4, shared=2, state_columns=((0, 2, 0), (3, 1, 2)))
RNN = Kind("rnn", rnn_step, states=1, gates=1, width=0, shared=1, state_columns=((0, 1, 0),))
RNN_RELU = Kind("rnn", rnn_relu_step, 1, 1, 0, 1, ((0, 1, 0),), option=1)


@dataclass
class _Pass:
    """One pass: what it is asked for, what it keeps, and in the walk back what its arguments' rules share.

    with_state: h, and c of an LSTM, behind the last step stand in the output behind the outputs: one row.
    """

    kind: Kind
    backwards: bool
    with_state: bool
    lengths: Array | None
    gates: Array = None
    cells: Array | None = None
    hidden: Array = None
    cotangent: Any = None
    served: set[int] = field(default_factory=set)
    found: Any = None
    sums: Array | None = None

    def forward(self, x: Array, h: Array | None, c: Array | None, weights: Weights) -> Array:
        kind, (n, time, inputs) = self.kind, x.shape
        input_weight, state_weight, input_bias, state_bias = weights
        units = len(state_weight)
        self.hidden = native.empty(x, (time + 1, n, units))
        self.gates = native.empty(x, (time, n, kind.width * units)) if kind.width else self.hidden[1:]
        self.cells = native.empty(x, (time + 1, n, units)) if kind.states == 2 else None
        size = (time + kind.states) * n * units
        y = native.empty(x, (size,) if self.with_state else (n, time, units))
        native.launch(
            "sequence_gates_f32",
            [self.gates],
            [_contiguous(x), input_weight, input_bias, state_bias],
            (n, time, inputs, kind.gates * units, self.gates.shape[2], self.backwards, kind.shared * units),
        )
        native.launch(
            f"{kind.name}_f32",
            [y, self.gates, self.cells, self.hidden],
            [h, c, state_weight, state_bias, self.lengths],
            (n, time, units, self.backwards, self.with_state, kind.option),
        )
        return y

    def gradient(self, position: int, g: Any, arguments: Sequence[Any]) -> Any:
        """The cotangent of one of the arguments; what all have in common is computed for the first."""
        if self.cotangent is not g or position in self.served:
            self.cotangent, self.served, self.sums = g, set(), None
            self.found = (self._differentiable if g.__class__ is Tensor else self._back)(g, arguments)
        self.served.add(position)
        return self.found[position] if g.__class__ is Tensor else self._share(position, arguments)

    def _back(self, g: Array, arguments: Sequence[Any]) -> list[Array | None]:
        """The gradients of the gates (time, n, width), and of h and c to start from."""
        x, h, c, _, state_weight = arguments[:5]
        n, time, _ = x.shape
        units = len(state_weight)
        gates = native.empty(g, (time, n, self.gates.shape[2]))
        first = [None if part is None else native.empty(g, part.shape) for part in (h, c)]
        native.launch(
            f"{self.kind.name}_gradient_f32",
            [gates, *first],
            [_contiguous(g), self.gates, self.cells, self.hidden, state_weight, self.lengths],
            (n, time, units, self.backwards, self.with_state, self.kind.option),
        )
        return [gates, *first]

    def _share(self, position: int, arguments: Sequence[Any]) -> Array:
        """What the gradients of the gates make of one argument's."""
        kind, (gates, *first), (x, _, _, input_weight, state_weight) = self.kind, self.found, arguments[:5]
        if position in (1, 2):
            return first[position - 1]
        n, time, inputs = x.shape
        units, columns, width = len(state_weight), input_weight.shape[1], gates.shape[2]
        sizes = (n, time, inputs, columns, width, self.backwards)
        if position == 0:
            gradient = native.empty(gates, x.shape)
            native.launch("sequence_input_gradient_f32", [gradient], [gates, input_weight], sizes)
        elif position == 3:
            gradient = native.empty(gates, input_weight.shape)
            places = (False, columns, 0, 0)
            inputs_ = [_contiguous(x), gates]
            native.launch("sequence_weight_gradient_f32", [gradient], inputs_, (*sizes, *places))
        elif position == 4:
            gradient = native.empty(gates, state_weight.shape)
            for source, count, target in kind.state_columns:
                sizes = (n, time, units, count * units, width, self.backwards)
                places = (True, columns, target * units, source * units)
                inputs_ = [self.hidden, gates]
                native.launch("sequence_weight_gradient_f32", [gradient], inputs_, (*sizes, *places))
        elif self.sums is not None and len(kind.state_columns) == 1:
            gradient = self.sums.copy()
        else:
            gradient = self.sums = native.empty(gates, (columns,))
            for source, count, target in ((0, kind.gates, 0),) if position == 5 else kind.state_columns:
                sizes = (n, time, count * units, width, target * units, source * units)
                native.launch("sequence_bias_gradient_f32", [gradient], [gates], sizes)
        return gradient

    def _differentiable(self, g: Tensor, arguments: Sequence[Any]) -> dict[int, Tensor]:
        """The cotangents by position, as tensors: those of the pass made of steps."""
        with recording(True):
            own = [  # a boundary: the walk goes no further up
                reshape(argument, argument.shape) if argument.__class__ is Tensor else argument
                for argument in arguments
            ]
            x, h, c, *weights = own
            zero = array_module(value(x)).zeros((x.shape[0], weights[1].shape[0]), x.dtype)
            state = tuple(zero if part is None else part for part in (h, c)[: self.kind.states])
            of_step: Any = tuple(weights)
            y, end = steps(
                lambda x, state: self.kind.step(x, state, of_step), x, state, self.backwards, self.lengths
            )
            if self.with_state:
                y = concatenate([reshape(part, (-1,)) for part in (y, *end)])
        wanted = {p: part for p, part in enumerate(own) if part.__class__ is Tensor and part.requires_grad}
        found = grad(y, list(wanted.values()), seed=g, create_graph=True)
        return dict(zip(wanted, found, strict=True))


def _contiguous(x: Array) -> Array:
    return x if x.flags.c_contiguous else x.copy()


def _operation(name: str) -> Callable[..., Any]:
    def over_time(
        x: Array, h: Array | None, c: Array | None, input_weight: Array, state_weight: Array,
        input_bias: Array, state_bias: Array, of: _Pass,
    ) -> Array:  # fmt: skip
        return of.forward(x, h, c, (input_weight, state_weight, input_bias, state_bias))

    def rule(position: int) -> Callable[..., Any]:
        def gradient(
            g: Any, y: Any, x: Any, h: Any, c: Any, input_weight: Any, state_weight: Any,
            input_bias: Any, state_bias: Any, of: _Pass,
        ) -> Any:  # fmt: skip
            arguments = (x, h, c, input_weight, state_weight, input_bias, state_bias)
            return of.gradient(position, g, arguments)

        return gradient

    over_time.__name__ = name
    call = primitive(over_time)
    vjp(call, *(rule(position) for position in range(7)))
    return call


_OPERATIONS = {name: _operation(name) for name in ("lstm", "gru", "rnn")}


def by_kernels(
    kind: Kind,
    x: Tensor,
    state: State | None,
    weights: Weights,
    backwards: bool,
    lengths: Array | None,
    with_state: bool,
) -> tuple[Tensor, State] | None:
    """What `steps` gives, by kernels; None where they cannot: other arrays, or somebody watches the tape.

    state: to start from, None for zeros. The one behind the last step is () if not with_state.
    """
    arrays = [part.data for part in (*weights, *(state or ()))]
    if observers or not isinstance(x.data, np.ndarray) or x.dtype != np.float32 or not native.suits(*arrays):
        return None
    h, c = (*(state or ()), None, None)[:2]
    if lengths is not None:
        lengths = np.ascontiguousarray(lengths, np.int64)
    y = _OPERATIONS[kind.name](x, h, c, *weights, _Pass(kind, backwards, with_state, lengths))
    if not with_state:
        return y, ()
    n, time, units = x.shape[0], x.shape[1], arrays[1].shape[0]
    ends = [(time + part) * n * units for part in range(kind.states + 1)]
    after = [reshape(getitem(y, index=slice(end, end + n * units)), (n, units)) for end in ends[:-1]]
    return reshape(getitem(y, index=slice(0, ends[0])), (n, time, units)), tuple(after)
