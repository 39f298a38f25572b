"""From recorded calls to what is run: elementwise neighbours become one kernel that passes memory once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import prod

import numpy as np
from numpy import ndarray

from .. import native
from ..native.call_list import Launch
from ..native.elementwise import Layout, Loop, chain, operands_of
from ..native.numpy_loops import NumpyLoops
from ..native.stacked_product import stacked_product
from .calls import Call, Origin, Reference, Repeat, Root, reference_to

_MOST_LOOPS, _MOST_SLOTS = 24, 60


def fused(calls: Sequence[Call], kept: set[Root]) -> list[Call]:
    """The calls in their order, chains of elementwise ones as one kernel. kept: what is read afterwards."""
    groups: list[tuple[list[Loop[Reference]], Call]] = []
    for call in calls:
        if call.writes and all(
            operand is None or not prod(operand.shape) for operand in call.operands[: call.writes]
        ):
            continue
        loops = _loops(call)
        if not loops:
            groups.append(([], call))
        for loop in loops:
            if groups and groups[-1][0] and _fits(groups[-1][0], loop):
                groups[-1][0].append(loop)
            else:
                groups.append(([loop], call))
    users: dict[Root, set[int]] = defaultdict(set)
    for index, (loops, call) in enumerate(groups):
        for operand in operands_of(loops) or call.arrays:
            users[operand.root].add(index)
    lasting = kept | {root for root, groups_of_it in users.items() if len(groups_of_it) > 1}
    return [_chain(loops, call, lasting) if loops else _product(call) for loops, call in groups]


def _loops(call: Call) -> list[Loop[Reference]]:
    """The loops that do what the call does; none if there are none."""
    if native.library is None or not isinstance(call.work, Repeat) or not all(map(_is_plain, call.arrays)):
        return []
    arguments, options = call.work.given(call.operands)
    options.pop("out", None)
    loops = NumpyLoops(_rooted)(call.work.function, arguments, options, call.arrays[0])
    # NumPy copies out of the way what it would read after having written over it.
    overlap = any(loop.output.meets(operand) for loop in loops for operand in loop.operands)
    return [] if overlap else loops


def _rooted(operand: ndarray | Layout) -> Reference:
    """A constant, or a value of the program."""
    array, size = (
        operand if isinstance(operand, ndarray) else None,
        prod(operand.shape) * operand.dtype.itemsize,
    )
    return reference_to(Root(Origin.VALUE if array is None else Origin.HELD, size, array), operand)


def _is_plain(array: Reference) -> bool:
    """Whether its numbers are as the processor takes them: aligned, and their bytes in its order."""
    size, root = array.dtype.itemsize, array.root.array
    if not array.dtype.isnative or (root is not None and not root.flags.aligned):
        return False
    return array.offset % size == 0 and all(stride % size == 0 for stride in array.strides)


def _product(call: Call) -> Call:
    """NumPy's matmul as a kernel, if it can be one."""
    work = call.work
    if not isinstance(work, Repeat) or work.function is not np.matmul or work.options.keys() - {"out"}:
        return call
    integers = stacked_product(*call.arrays)
    return call if integers is None else replace(call, work=Launch("matmul_stack", integers))


def _fits(loops: Sequence[Loop[Reference]], loop: Loop) -> bool:
    """Whether block by block gives the same as one loop after the other."""
    if loop.output.shape != loops[0].output.shape or len(loops) >= _MOST_LOOPS:
        return False
    if len(set(operands_of([*loops, loop]))) > _MOST_SLOTS:
        return False
    return not any(
        a.meets(b)
        for part in loops
        for a in part.operands
        for b in loop.operands
        if a is part.output or b is loop.output
    )


def _chain(loops: Sequence[Loop[Reference]], call: Call, lasting: set[Root]) -> Call:
    """The loops as one kernel. Of values that nobody else reads it has a block at a time."""
    shape, outputs = loops[0].output.shape, [loop.output for loop in loops]
    own = {made.root for made in outputs if made.root.origin is Origin.VALUE and made.dtype.itemsize <= 8}
    scratch = {x for x in operands_of(loops) if x.root in own - lasting and x.shape == shape}
    arrays, integers = chain(loops, scratch)
    over = tuple(_over(loops, {operand.root for operand in arrays}))
    name = " + ".join(loop.inner.name for loop in loops)
    return replace(call, name=name, work=Launch("elementwise", integers), operands=arrays, over=over)


def _over(loops: Sequence[Loop[Reference]], roots: set[Root]) -> Iterator[tuple[Root, Root]]:
    """What a chain makes that may take the place of what it reads for the last time, element by element."""
    for index, loop in enumerate(loops):
        made = loop.output
        before = {operand.root for operand in operands_of(loops[:index])}
        later = {operand.root for operand in operands_of(loops[index + 1 :])}
        if not loop.inner.exact or made.root not in roots or made.root in before:
            continue
        for read in loop.operands[:-1]:
            alike = replace(read, root=made.root) == made and read.root.nbytes == made.root.nbytes
            own = read.root.origin is made.root.origin is Origin.VALUE and read.root in roots - {made.root}
            users = [part for part in operands_of(loops[: index + 1]) if part.root is read.root]
            if alike and own and read.root not in later and all(part == read for part in users):
                yield made.root, read.root
