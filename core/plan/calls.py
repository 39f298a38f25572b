"""What a recorded step is: calls of functions and kernels, on arrays known by the memory that they lie in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy import ndarray

from ..errors import Unplannable
from ..native.call_list import Launch
from ..native.elementwise import Layout
from ..nn.context import ForwardContext


class Origin(Enum):
    """Where the memory of a root comes from."""

    VALUE = "value"  # made by the step
    GIVEN = "given"  # the caller's, another one at each replay: inputs and parameters
    HELD = "held"  # any other array, the same at each replay


@dataclass(eq=False)
class Root:
    """One piece of memory. array: GIVEN and HELD ones', at recording. index: which GIVEN one."""

    origin: Origin
    nbytes: int
    array: ndarray | None = None
    index: int = 0
    written: bool = False


@dataclass(frozen=True)
class Reference(Layout):
    """An array as a part of a root."""

    root: Root

    def on(self, memory: Any) -> ndarray:
        """This array in the memory that a replay gives the root."""
        return ndarray(self.shape, self.dtype, memory, self.offset, self.strides)

    def meets(self, other: Reference) -> bool:
        """Whether the two are different arrays with memory in common."""
        if self.root is not other.root or self == other:
            return False
        (a, b), (c, d) = self.span, other.span
        return a < d and c < b


def reference_to(root: Root, array: ndarray | Layout, offset: int = 0) -> Reference:
    """An array, or one that lies like this, in a root."""
    return Reference(offset, array.shape, array.strides, array.dtype, root)


@dataclass(frozen=True)
class Place:
    """Stands in a call's arguments for the operand at this position."""

    position: int


@dataclass(frozen=True)
class Repeat:
    """Calls a function again; of what it returns so many `results` go into the first operands."""

    function: Any
    arguments: tuple[Any, ...]
    options: dict[str, Any]
    results: int

    def __call__(self, arrays: Sequence[ndarray], context: ForwardContext) -> None:
        arguments, options = self.given(arrays)
        result = self.function(*arguments, **options)
        results = result if isinstance(result, tuple | list) else [result]
        for target, part in zip(arrays, results[: self.results], strict=False):
            if np.shape(part) != target.shape:
                raise Unplannable("a result changed its shape from one step to the next")
            np.copyto(target, part)

    def given(self, operands: Sequence[Any]) -> tuple[list[Any], dict[str, Any]]:
        """The arguments and options with these operands in their places."""

        def filled(part: Any) -> Any:
            if isinstance(part, Place):
                return operands[part.position]
            return type(part)(map(filled, part)) if isinstance(part, tuple | list) else part

        return list(map(filled, self.arguments)), {key: filled(part) for key, part in self.options.items()}


@dataclass(frozen=True)
class Guard:
    """Python asked whether a value is true: a replay holds only as long as the answer is the same."""

    expected: bool

    def __call__(self, arrays: Sequence[ndarray], context: ForwardContext) -> None:
        if bool(arrays[0]) != self.expected:
            raise Unplannable("a value that decides what is computed has changed")


Work = Launch | Callable[[Sequence[ndarray], ForwardContext], Any]
"""A kernel, or function(arrays, context), such as a Repeat."""


@dataclass(frozen=True)
class Call:
    """One thing that is computed: `work` on the operands, of which it writes to so many, the first.

    operands: None for one that a kernel does without. over: values that it may write over others, (its own,
    the other), as long as nobody else reads the other.
    """

    name: str
    work: Work
    operands: tuple[Reference | None, ...]
    writes: int
    layer: str = ""
    phase: str = "forward"
    over: tuple[tuple[Root, Root], ...] = ()

    @property
    def arrays(self) -> list[Reference]:
        """The operands that there are."""
        return [operand for operand in self.operands if operand is not None]

    @property
    def values(self) -> set[Root]:
        """The roots of the step's own values among the operands."""
        return {array.root for array in self.arrays if array.root.origin is Origin.VALUE}
