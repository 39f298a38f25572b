"""What a derivative rule reads: the arrays that a recorded operation has to keep until `backward`.

A network's memory is mostly outputs of operations. relu's rule reads its output alone, so that the input, the
output of a convolution say, can go as soon as relu is done. No rule has to say so: its own code does.
"""

from __future__ import annotations

import dis
import inspect
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

_SHAPES = frozenset({"shape", "ndim", "size", "dtype"})


class Absent:
    """Stands for an array that no rule reads: its shape and dtype are left."""

    __slots__ = ("dtype", "shape")

    shape: tuple[int, ...]
    dtype: np.dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return prod(self.shape)


def reads(rule: Callable[..., Any], position: int) -> bool:
    """Whether `rule` uses its positional parameter for more than its shape and dtype. In doubt it does."""
    code = getattr(inspect.unwrap(rule), "__code__", None)
    if code is None or code.co_flags & inspect.CO_VARARGS or position >= code.co_argcount:
        return True
    name = code.co_varnames[position]
    instructions = list(dis.get_instructions(code))
    for instruction, following in zip(instructions, [*instructions[1:], None], strict=True):
        mentioned = instruction.argval if isinstance(instruction.argval, tuple) else (instruction.argval,)
        if name not in mentioned or not instruction.opname.startswith(("LOAD", "STORE", "MAKE_CELL")):
            continue
        loaded_last = instruction.opname.startswith("LOAD_FAST") and mentioned[-1] == name
        only_shape = (
            loaded_last
            and mentioned.count(name) == 1
            and following is not None
            and following.opname == "LOAD_ATTR"
            and following.argval in _SHAPES
        )
        if not only_shape:
            return True
    return False


def retained(rules: tuple[Callable[..., Any] | None, ...], wanted: int) -> tuple[bool, tuple[int, ...]]:
    """Whether the rules for the arguments in the bit set `wanted` read the output, and which no rule reads.

    Arguments that no derivative is wanted for are kept anyway: they are labels, masks and constants.
    """
    positions = [position for position in range(wanted.bit_length()) if wanted >> position & 1]
    needed = [rule for position, rule in enumerate(rules) if rule is not None and position in positions]
    unread = (p for p in positions if needed and not any(reads(rule, p + 2) for rule in needed))
    return any(reads(rule, 1) for rule in needed), tuple(unread)
