"""Which values of a step share memory: each gets a place in one arena for as long as it lives."""

from __future__ import annotations

from collections.abc import Sequence

from .calls import Call, Root

ALIGNMENT = 64


def lifetimes(steps: Sequence[Call], kept: set[Root]) -> tuple[dict[Root, tuple[int, int]], dict[Root, Root]]:
    """The first and the last step that each value of the program is part of; what is kept lives for ever.

    And of values that are written over others, which ones: their lives count as one.
    """
    found: dict[Root, tuple[int, int]] = {}
    for index, step in enumerate(steps):
        for root in step.values:
            first = found[root][0] if root in found else index
            found[root] = (first, index)
    found |= dict.fromkeys(kept, (-1, len(steps)))
    shares: dict[Root, Root] = {}
    for index, step in enumerate(steps):
        for own, other in step.over:
            place = shares.get(other, other)
            if own in found and own not in shares and found[own][0] == found[place][1] == index:
                found[place] = (found[place][0], found.pop(own)[1])
                shares[own] = place
    return found, shares


def places(lives: dict[Root, tuple[int, int]], shares: dict[Root, Root]) -> tuple[dict[Root, int], int]:
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
    return offsets | {own: offsets[place] for own, place in shares.items()}, total
