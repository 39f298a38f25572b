"""From recorded calls to what is run: elementwise neighbours become one kernel that passes memory once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np

from .. import native
from .loops import Loop, _meet, loops_of
from .trace import Call, Origin, Reference, Root, _Launch, _Repeat

_BLOCK = 1024
_MOST_LOOPS, _MOST_SLOTS = 24, 60


@dataclass(frozen=True)
class Kernel:
    """A call of a kernel in C. operands: as the kernel takes them, None for one that is absent.

    over: values that it may write over others, (its own, the other), as long as nobody else reads the other.
    """

    name: str
    symbol: str
    operands: tuple[Reference | None, ...]
    integers: tuple[int, ...]
    numbers: tuple[float, ...]
    layer: str
    phase: str
    over: tuple[tuple[Root, Root], ...] = ()


@dataclass(frozen=True)
class Instruction:
    """A call of anything else: function(arrays, context)."""

    name: str
    function: Callable[..., Any]
    operands: tuple[Reference, ...]
    layer: str
    phase: str


def fused(calls: Sequence[Call], kept: set[Root]) -> list[Kernel | Instruction]:
    """The calls in their order, chains of elementwise ones as one kernel. kept: what is read afterwards."""
    groups: list[tuple[list[Loop], Call]] = []
    for call in calls:
        if call.writes and all(not prod(operand.shape) for operand in call.operands[: call.writes]):
            continue
        parts = loops_of(call) or [None]
        if any(part is not None and not part.exact and not _dense(part) for part in parts):
            parts = [None]  # NumPy goes through these in a way of its own
        for loop in parts:
            if loop is None:
                groups.append(([], call))
            elif groups and groups[-1][0] and _fits(groups[-1][0], loop):
                groups[-1][0].append(loop)
            else:
                groups.append(([loop], call))
    users: dict[Root, set[int]] = defaultdict(set)
    for index, (loops, call) in enumerate(groups):
        operands = [operand for loop in loops for operand in loop.operands] if loops else call.operands
        for operand in operands:
            users[operand.root].add(index)
    return [
        _chain(loops, call, {root for root in _written(loops) if users[root] == {index}} - kept)
        if loops
        else _single(call)
        for index, (loops, call) in enumerate(groups)
    ]


def _single(call: Call) -> Kernel | Instruction:
    if isinstance(call.formula, _Launch):
        rest = iter(call.operands)
        operands = tuple(next(rest) if there else None for there in call.formula.present)
        return Kernel(
            call.name, call.formula.symbol, operands, call.integers, call.numbers, call.layer, call.phase
        )
    product = _product(call)
    return product or Instruction(call.name, call.function, call.operands, call.layer, call.phase)


def _product(call: Call) -> Kernel | None:
    """NumPy's matmul as a kernel that calls its inner loop for each matrix of a stack."""
    if call.formula is not np.matmul or not isinstance(call.function, _Repeat) or call.function.keywords:
        return None
    c, a, b = call.operands
    found = native.inner_loop(np.matmul, f"{a.dtype.char}{b.dtype.char}->{c.dtype.char}")
    vector_a, vector_b = len(a.shape) == 1, len(b.shape) == 1
    if native.library is None or not found or (vector_a and vector_b) or not prod(a.shape) * prod(b.shape):
        return None
    itemsize = a.dtype.itemsize
    core_a = ((1, *a.shape), (0, *a.strides)) if vector_a else (a.shape[-2:], a.strides[-2:])
    core_b = ((*b.shape, 1), (*b.strides, itemsize)) if vector_b else (b.shape[-2:], b.strides[-2:])
    (m, k), n = core_a[0], core_b[0][1]
    core_c = (c.strides[-1], itemsize) if vector_b else (0, c.strides[-1]) if vector_a else c.strides[-2:]
    outer = c.shape[: len(c.shape) - 2 + vector_a + vector_b]
    stacks = [
        [0] * (len(outer) - len(x.shape[:-2]))
        + [stride if size > 1 else 0 for stride, size in zip(x.strides[:-2], x.shape[:-2], strict=True)]
        for x in (a, b)
    ]
    integers = (*found, m, k, n, *core_a[1], *core_b[1], *core_c, len(outer), *outer, *stacks[0], *stacks[1])
    return Kernel(
        call.name,
        "matmul_stack",
        (c, a, b),
        (*integers, *c.strides[: len(outer)]),
        (),
        call.layer,
        call.phase,
    )


def _written(loops: Sequence[Loop]) -> set[Root]:
    """The values of the program that the loops make, and that a block of scratch has room for."""
    outputs = [loop.output for loop in loops]
    return {
        output.root for output in outputs if output.root.origin is Origin.VALUE and output.dtype.itemsize <= 8
    }


def _fits(loops: Sequence[Loop], loop: Loop) -> bool:
    """Whether block by block gives the same as one loop after the other."""
    if loop.shape != loops[0].shape or len(loops) >= _MOST_LOOPS:
        return False
    if len({operand for part in (*loops, loop) for operand in part.operands}) > _MOST_SLOTS:
        return False
    for part in loops:
        for a in part.operands:
            for b in loop.operands:
                writes = a is part.output or b is loop.output
                if writes and a.root is b.root and a != b and _meet(a, b):
                    return False
    return True


def _dense(loop: Loop) -> bool:
    """Whether all operands are numbers, or lie contiguously in the order of the output."""
    return all(
        not operand.shape
        or (operand.shape == loop.shape and operand.strides == _scaled(loop.output, operand))
        for operand in loop.operands
    ) and _packed(loop.output)


def _scaled(output: Reference, operand: Reference) -> tuple[int, ...]:
    return tuple(stride // output.dtype.itemsize * operand.dtype.itemsize for stride in output.strides)


def _packed(reference: Reference) -> bool:
    expected = reference.dtype.itemsize
    for stride, size in sorted(zip(reference.strides, reference.shape, strict=True)):
        if size > 1 and stride != expected:
            return False
        expected *= size
    return True


def _chain(loops: Sequence[Loop], call: Call, temporary: set[Root]) -> Kernel:
    axes, strides = _axes(loops)
    *outer, length = axes or [1]
    slots: dict[Reference, int] = {}
    for loop in loops:
        for operand in loop.operands:
            slots.setdefault(operand, len(slots))
    block = min(length, _BLOCK)
    integers = [len(outer), length, block, len(slots), len(loops), *outer]
    arrays = []
    for operand in slots:
        *steps, inner = strides[operand] or [0]
        if operand.root in temporary and operand.shape == loops[0].shape:
            integers += [1, operand.dtype.itemsize, operand.dtype.itemsize, *[0] * len(outer)]
        else:
            integers += [0, operand.dtype.itemsize, inner, *steps]
            arrays.append(operand)
    for loop in loops:
        integers += [
            loop.function,
            loop.data,
            len(loop.operands),
            *(slots[operand] for operand in loop.operands),
        ]
    name = " + ".join(loop.name for loop in loops)
    over = tuple(_over(loops, {operand.root for operand in arrays}))
    return Kernel(name, "elementwise", tuple(arrays), tuple(integers), (), call.layer, call.phase, over)


def _over(loops: Sequence[Loop], roots: set[Root]) -> Iterator[tuple[Root, Root]]:
    """What a chain makes that may take the place of what it reads for the last time, element by element."""
    for index, loop in enumerate(loops):
        made = loop.output
        before = {operand.root for part in loops[:index] for operand in part.operands}
        later = {operand.root for part in loops[index + 1 :] for operand in part.operands}
        if not loop.exact or made.root not in roots or made.root in before:
            continue
        for read in loop.operands[:-1]:
            alike = replace(read, root=made.root) == made and read.root.nbytes == made.root.nbytes
            own = read.root.origin is made.root.origin is Origin.VALUE and read.root in roots - {made.root}
            same = all(
                operand == read
                for part in loops[: index + 1]
                for operand in part.operands
                if operand.root is read.root
            )
            if alike and own and same and read.root not in later:
                yield made.root, read.root


def _axes(loops: Sequence[Loop]) -> tuple[list[int], dict[Reference, list[int]]]:
    """Sizes of the axes to go along, as few as can be, the innermost last, and each operand's strides."""
    shape, output = loops[0].shape, loops[0].output
    operands = list(dict.fromkeys(operand for loop in loops for operand in loop.operands))
    order = sorted(
        (axis for axis, size in enumerate(shape) if size != 1), key=lambda axis: -abs(output.strides[axis])
    )
    strides = {operand: [_broadcast(operand, shape)[axis] for axis in order] for operand in operands}
    sizes = [shape[axis] for axis in order]
    for place in range(len(sizes) - 2, -1, -1):
        if all(own[place] == own[place + 1] * sizes[place + 1] for own in strides.values()):
            sizes[place] *= sizes.pop(place + 1)
            for own in strides.values():
                own.pop(place)
    return sizes, strides


def _broadcast(operand: Reference, shape: tuple[int, ...]) -> list[int]:
    own = [stride if size > 1 else 0 for stride, size in zip(operand.strides, operand.shape, strict=True)]
    return [0] * (len(shape) - len(own)) + own


def roots_of(operands: Sequence[Reference | None]) -> set[Root]:
    """The roots of the step's own values among these."""
    return {
        operand.root for operand in operands if operand is not None and operand.root.origin is Origin.VALUE
    }
