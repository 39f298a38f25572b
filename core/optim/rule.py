"""What every update rule is: arithmetic on slices of flat buffers, block by block, or on whole parameters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from .. import native
from ..array import Array, array_module, on_host
from ..settings import Settings

_CPU_BLOCK = 16_384
"""Elements; the half dozen buffers of one float32 block then stay in a core's second-level cache."""
_GPU_BLOCK = 1 << 22

Rows = Sequence[Array]
"""The buffers of a rule's state, in the order of its `slots`."""
Number = Callable[[float], Array]
"""Makes a number in the arrays' dtype."""
Kernel = Callable[[Array, Rows, Rows, Array, Array], Array]
"""(gradient, state, new_state, spare, out) -> the change to subtract from the parameters, on one block.

Writes to `new_state`, which may be `state`, to `out` and, once it needs `gradient` no more, to `spare`.
"""


class _AnyRule(Settings, ABC):
    """What the two kinds of rule share. Subclasses are frozen dataclasses of an optimizer's settings."""

    learning_rate: float
    weight_decay: float

    rows: ClassVar[tuple[str, ...]] = ()
    decoupled: ClassVar[bool] = False
    """Whether weight decay shrinks the parameters themselves, not an L2 term in the gradient."""

    @property
    def slots(self) -> tuple[str, ...]:
        """Names of the state buffers, each as long as the parameters and zero before the first step."""
        return self.rows

    @property
    def _kept(self) -> float:
        """What decoupled weight decay leaves of a parameter."""
        return 1 - self.learning_rate * self.weight_decay

    @abstractmethod
    def update(
        self, step: int, gradient: Array, parameters: Array, state: Rows, out: Array, out_state: Rows
    ) -> None:
        """Take step `step` (from 1). Writes to `out` and `out_state` only, which may be the inputs.

        All arrays are of one shape and floating dtype: (n,), any slice of the flat buffers, for a Rule, which
        allocates two blocks of scratch, whatever n is; a whole parameter's own shape for a WholeRule.
        """


class Rule(_AnyRule):
    """An optimizer whose new value of an element depends on that element alone.

    So updating a slice gives the same bytes as updating the whole: shards may be cut anywhere.
    """

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "kernel" in vars(cls) and "symbol" not in vars(cls):  # the inherited one computes something else
            cls.symbol = property(lambda _: "")  # pyright: ignore[reportAttributeAccessIssue]

    @property
    def symbol(self) -> str:
        """The kernel in C that computes in one pass, and to the bit, what `kernel` does; empty for none."""
        return ""

    def coefficients(self, step: int) -> tuple[float, ...]:
        """The numbers of step `step`, in the order in which the kernel in C takes them."""
        return ()

    def numbers(self, step: int) -> tuple[float, ...]:
        """All that the kernel in C takes: weight decay of both kinds, then the coefficients."""
        if not self.weight_decay:
            return (0.0, 1.0, *self.coefficients(step))
        if self.decoupled:
            return (0.0, self._kept, *self.coefficients(step))
        return (self.weight_decay, 1.0, *self.coefficients(step))

    @abstractmethod
    def kernel(self, step: int, xp: Any, number: Number) -> Kernel:
        """The arithmetic of step `step` on one block."""

    def update(
        self, step: int, gradient: Array, parameters: Array, state: Rows, out: Array, out_state: Rows
    ) -> None:
        if self.symbol and native.suits(gradient, parameters, *state, out, *out_state):
            outputs, inputs, sizes = (out, *out_state), (gradient, parameters, *state), (len(out), len(state))
            native.launch(self.symbol, outputs, inputs, sizes, self.numbers(step))
            return
        xp, dtype = array_module(parameters), parameters.dtype

        def number(value: float) -> Array:
            return xp.array(value, dtype)

        kernel = self.kernel(step, xp, number)
        decay = number(self.weight_decay) if self.weight_decay and not self.decoupled else None
        kept = number(self._kept) if self.weight_decay and self.decoupled else None

        def block(gradient: Array, parameters: Array, state: Rows, out: Array, out_state: Rows) -> None:
            spare, change = scratch
            if len(spare) > len(parameters):
                spare, change = spare[: len(parameters)], change[: len(parameters)]
            if decay is not None:
                gradient = xp.add(xp.multiply(parameters, decay, out=spare), gradient, out=spare)
            change = kernel(gradient, state, out_state, spare, change)
            if kept is not None:
                parameters = xp.multiply(parameters, kept, out=spare)
            xp.subtract(parameters, change, out=out)

        length, size = len(parameters), _CPU_BLOCK if on_host(parameters) else _GPU_BLOCK
        scratch = xp.empty(min(size, length), dtype), xp.empty(min(size, length), dtype)
        if length <= size:
            block(gradient, parameters, state, out, out_state)
            return
        for start in range(0, length, size):
            part = slice(start, start + size)
            rows, out_rows = [row[part] for row in state], [row[part] for row in out_state]
            block(gradient[part], parameters[part], rows, out[part], out_rows)


class WholeRule(_AnyRule):
    """An optimizer that looks at a whole parameter: its norm, or the matrix that it is.

    An element's new value may depend on every element of its parameter and of nothing else. So a shard that
    owns only part of a parameter reads the whole of it, computes it whole, and keeps its own part: each shard
    does the same arithmetic on the same numbers, and a cut changes no byte. The price is that a parameter
    which a cut runs through is computed once on each side. `FlatUpdate` does this; nothing is exchanged.
    """

    def check(self, name: str, shape: tuple[int, ...]) -> None:
        """Raise ShapeError if the parameter `name` cannot follow this rule; most take any."""

    @abstractmethod
    def change(self, step: int, gradient: Array, parameter: Array, state: Rows, new_state: Rows) -> Array:
        """What step `step` subtracts from the parameter; writes to `new_state`, which may be `state`."""

    def update(
        self, step: int, gradient: Array, parameters: Array, state: Rows, out: Array, out_state: Rows
    ) -> None:
        change = self.change(step, gradient, parameters, state, out_state)
        if self.decoupled and self.weight_decay:
            parameters = parameters * parameters.dtype.type(self._kept)
        array_module(parameters).subtract(parameters, change, out=out)


def accumulate(xp: Any, moment: Array, kept: Array, newest: Array, out: Array) -> Array:
    """kept * moment + newest, into `out`."""
    xp.multiply(moment, kept, out=out)
    return xp.add(out, newest, out=out)


def quotient(xp: Any, dividend: Array, squares: Array, epsilon: Array, out: Array) -> Array:
    """dividend / (sqrt(squares) + epsilon), into `out`, which may be `squares`."""
    xp.sqrt(squares, out=out)
    xp.add(out, epsilon, out=out)
    return xp.divide(dividend, out, out=out)
