"""Rows for all boxes, from the outermost in, then places, from the innermost out.

After Sugiyama, Tagawa and Toda, IEEE SMC 11 (1981), for one box and what is directly inside it at a time:
rows by the longest path, order in a row by barycentres, then places, then lines at right angles between the
rows. A line enters and leaves a box at pins, which are known when what is inside has been placed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from .boxes import Box, Edge, Line, Link, Marks, Net, Side
from .rows import place

_Meeting = tuple[Link, Box, Box]
"""A link, and the boxes around its ends, or the ends, that stand directly inside the same box."""


def arrange(root: Box, links: Sequence[Link]) -> list[Line]:
    """Place all that is inside `root`, and draw the links: no line passes a box that it does not enter."""
    paths = {root: [root]}
    for box in root.everything():
        paths.update({inner: [*paths[box], inner] for inner in box.inside})
    groups = [box for box in paths if box.inside]
    met: dict[Box, list[_Meeting]] = {group: [] for group in groups}
    for link in links:
        pairs = zip(paths[link.source], paths[link.target], strict=False)
        depth, (source, target) = next(
            (depth, pair) for depth, pair in enumerate(pairs) if pair[0] is not pair[1]
        )
        met[paths[source][depth - 1]].append((link, source, target))
    edges: dict[Box, dict[Edge, None]] = {group: {} for group in groups}
    ports: dict[Box, dict[tuple[Net, Side], Box]] = {group: {} for group in groups}
    ranks = {box: rank for group in groups for box, rank in _ranks(group, met[group]).items()}
    for group in groups:
        for link, source, target in met[group]:
            leaving, entering = _sides(link, ranks[source] - ranks[target])
            edges[group][link.net, (source, leaving), (target, entering)] = None
            for leaf, outer, side in ((link.source, source, leaving), (link.target, target, entering)):
                for around, inner in pairwise(paths[leaf][paths[leaf].index(outer) :]):
                    port = Box(pins={(link.net, Side.TOP): 0.0})
                    port = ports[around].setdefault((link.net, side), port)
                    inwards, outwards = (inner, side), (port, Side(1 - side.value))
                    ends = (inwards, outwards) if leaf is link.source else (outwards, inwards)
                    edges[around][link.net, ends[0], ends[1]] = None
    marks = Marks(
        {(link.source, link.net): link.label for link in links if link.label},
        {link.net: link.weight for link in links},
    )
    for group in reversed(groups):
        place(group, ports[group], edges[group], ranks, marks)
    root.x = root.y = 0.0
    return list(_absolute(root))


def _ranks(group: Box, met: Sequence[_Meeting]) -> dict[Box, int]:
    """The row of each box inside, from 1; what goes against the order of the list is not counted."""
    order = {box: index for index, box in enumerate(group.inside)}
    # A row that leads back stands below its partners and below what takes from them.
    steps = {(box.partner, box): 2 * (box.row is not None) for box in group.inside if box.partner}
    for link, source, target in met:
        if source.row is None or source.row != target.row:
            high, low = (target, source) if link.source.upward else (source, target)
            steps[high, low] = max(steps.get((high, low), 0), int(link.source.upward == link.target.upward))
    after: dict[Box, list[tuple[Box, int]]] = {box: [] for box in group.inside}
    before: dict[Box, list[tuple[Box, int]]] = {box: [] for box in group.inside}
    for (high, low), step in steps.items():
        if high in order and order[high] < order[low]:
            after[high].append((low, step))
            before[low].append((high, step))
    ranks: dict[Box, int] = {}
    lowest: dict[object, int] = {box.row: 1 for box in group.inside}
    settled = False
    while not settled:
        for box in group.inside:
            above = [ranks[high] + step for high, step in before[box]]
            ranks[box] = max([lowest[box.row] if box.row is not None else 1, *above])
        settled = all(ranks[box] == lowest[box.row] for box in group.inside if box.row is not None)
        for box in group.inside:
            lowest[box.row] = max(lowest[box.row], ranks[box])
    for box in reversed(group.inside):
        if after[box] and not before[box] and box.row is None:
            ranks[box] = min(ranks[low] - step for low, step in after[box])
    return ranks


def _sides(link: Link, fall: int) -> tuple[Side, Side]:
    """Where a link leaves and enters boxes whose rows differ by `fall`."""
    if fall:
        return (Side.BOTTOM, Side.TOP) if fall < 0 else (Side.TOP, Side.BOTTOM)
    if link.source.upward:
        return Side.TOP, Side.BOTTOM
    return Side.BOTTOM, Side.BOTTOM if link.target.upward else Side.TOP


def _absolute(group: Box) -> Iterator[Line]:
    yield from (line.moved(group.x, group.y) for line in group.lines)
    for box in group.inside:
        box.x, box.y = box.x + group.x, box.y + group.y
        yield from _absolute(box)
