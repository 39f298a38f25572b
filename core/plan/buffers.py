"""Which values of a step share memory: each gets a place in one arena for as long as it lives."""

from __future__ import annotations

from collections.abc import Sequence

from .fuse import Instruction, Kernel, roots_of
from .trace import Root

ALIGNMENT = 64


def lifetimes(steps: Sequence[Kernel | Instruction], kept: set[Root]) -> dict[Root, tuple[int, int]]:
    """The first and the last step that each value of the program is part of; what is kept lives for ever."""
    found: dict[Root, tuple[int, int]] = {}
    for index, step in enumerate(steps):
        for root in roots_of(step.operands):
            first = found[root][0] if root in found else index
            found[root] = (first, index)
    return {root: (-1, len(steps)) if root in kept else lifetime for root, lifetime in found.items()} | {
        root: (-1, len(steps)) for root in kept
    }


def places(lives: dict[Root, tuple[int, int]]) -> tuple[dict[Root, int], int]:
    """Offsets in the arena, and its size: large values first, each at the lowest place free all its life."""
    taken: list[tuple[int, int, int, int]] = []
    offsets: dict[Root, int] = {}
    total = 0
    for root, (first, last) in sorted(lives.items(), key=lambda item: (-item[0].nbytes, item[1])):
        size = -(-root.nbytes // ALIGNMENT) * ALIGNMENT
        offset = 0
        for start, stop, other_first, other_last in taken:
            if other_first <= last and first <= other_last:
                if offset + size <= start:
                    break
                offset = max(offset, stop)
        offsets[root] = offset
        taken.append((offset, offset + size, first, last))
        taken.sort()
        total = max(total, offset + size)
    return offsets, total
