"""How stale the updates of an epoch were, as counts by staleness, and what follows for one of them."""

from __future__ import annotations

from collections.abc import Iterable

BUCKETS = 256
"""The last one also counts what is staler."""


def counted(counts: tuple[int, ...], staleness: Iterable[int]) -> tuple[int, ...]:
    """`counts` with these updates added; as long as the stalest one needs, up to BUCKETS."""
    longer = list(counts)
    for value in staleness:
        place = min(value, BUCKETS - 1)
        longer += [0] * (place + 1 - len(longer))
        longer[place] += 1
    return tuple(longer)


def mean_and_maximum(counts: tuple[int, ...]) -> tuple[float, int]:
    """Of the updates counted, of which there is one at least; what was beyond the last bucket counts as
    it."""
    total = sum(place * count for place, count in enumerate(counts))
    return total / sum(counts), max(place for place, count in enumerate(counts) if count)


def rate_at(staleness: int) -> float:
    """What the learning rates are multiplied by in an update as stale as this (Zhang et al., 2016: 1 over the
    staleness): the older a gradient, the less is known about where it leads."""
    return 1.0 / max(1, staleness)
