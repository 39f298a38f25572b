"""What is directly inside a box: which lines pass which rows, and an order in each with few crossings."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from itertools import combinations, pairwise

from .boxes import Box, Channel, Edge, Marks, Net, Pin, Side
from .channels import stack
from .columns import columns

_SWEEPS = 12
_PAD = 12.0


def place(
    group: Box,
    ports: dict[tuple[Net, Side], Box],
    edges: Iterable[Edge],
    ranks: dict[Box, int],
    marks: Marks,
) -> None:
    """Give the boxes directly inside their places, and the group its size, its pins and its lines.

    ports: where nets cross the group's border, boxes for rows above the first and below the last.
    """
    last = max(ranks[box] for box in group.inside) + 1
    row_of = {box: ranks[box] for box in group.inside}
    row_of.update({port: 0 if side is Side.TOP else last for (_, side), port in ports.items()})
    rows: list[list[Box]] = [[] for _ in range(last + 1)]
    for box, row in row_of.items():
        rows[row].append(box)
    channels: list[Channel] = [{} for _ in range(last)]
    passing: dict[tuple[Net, int], Box] = {}
    beside: dict[Box, Box] = {}
    level: list[tuple[Net, Box, Box]] = []
    neighbours = _neighbours(group)
    for net, (source, leaving), (target, entering) in edges:
        if (source, target) in neighbours:
            level.append((net, source, target))
            continue
        start, end = row_of[source] - (leaving is Side.TOP), row_of[target] - (entering is Side.TOP)
        down, pin = start < end, (source, leaving)
        for row in range(start + 1, end + 1) if down else range(start, end, -1):
            if (net, row) not in passing:
                passing[net, row] = Box(pins={(net, Side.TOP): 0.0})
                rows[row].append(passing[net, row])
            through = passing[net, row]
            if row_of[source] == row_of[target]:
                beside[through] = source if source.upward else target
            _join(channels[row - down], net, pin, (through, Side.TOP if down else Side.BOTTOM))
            pin = (through, Side.BOTTOM if down else Side.TOP)
        _join(channels[end], net, pin, (target, entering))
    _order(rows, channels, beside, {box: index for index, box in enumerate(group.inside)})
    corner = Box(width=group.header)
    rows[0].insert(0, corner)
    gaps: dict[Box, float] = {}
    for net, source, target in level:
        first = min(source, target, key=rows[row_of[source]].index)
        gaps[first] = marks.labels.get((source, net), 0.0) + 22
    columns(rows, channels, marks, gaps)
    inner = [box for row in rows for box in row if box is not corner]
    left = min(box.x for row in rows for box in row)
    overhang = min(box.x for box in inner) - left
    for box in inner:
        box.x += _PAD - left
    right = max(box.x + marks.extent(box) for box in inner) + min(overhang, group.header)
    group.width = max(right, _PAD + group.header) + _PAD
    group.pins = {key: port.x for key, port in ports.items()}
    stack(group, rows, channels, level, marks)


def _neighbours(group: Box) -> set[tuple[Box, Box]]:
    """The pairs that stand next to each other because they share a `row`, if nothing is inside them."""
    rows: dict[Hashable, list[Box]] = {}
    for box in group.inside:
        if box.row is not None and not box.inside:
            rows.setdefault(box.row, []).append(box)
    pairs = {pair for row in rows.values() for pair in pairwise(row)}
    return pairs | {(second, first) for first, second in pairs}


def _join(channel: Channel, net: Net, source: Pin, target: Pin) -> None:
    pins = channel.setdefault(net, [source])
    if target not in pins:
        pins.append(target)


def _order(
    rows: list[list[Box]], channels: list[Channel], beside: dict[Box, Box], listed: dict[Box, int]
) -> None:
    """Sort each row by where its lines go in the row above, then below, and so on; keep what crosses least.

    beside: what lines between boxes of one row pass, and the box that it has to stand before.
    """
    best, fewest = [list(row) for row in rows], None
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        for index in range(1, len(rows)) if down else range(len(rows) - 2, -1, -1):
            near = rows[index - 1] if down else rows[index + 1]
            at = {box: (position + 0.5) / len(near) for position, box in enumerate(near)}
            pulls: dict[Box, list[float]] = {}
            for pins in channels[index - 1 if down else index].values():
                far = [at[box] for box, _ in pins if box in at]
                for box, _ in pins:
                    if box not in at:
                        pulls.setdefault(box, []).extend(far)
            row = [box for box in rows[index] if box not in beside]
            own = {box: (position + 0.5) / len(row) for position, box in enumerate(row)}
            means = {box: sum(ends) / len(ends) for box in row for ends in [pulls.get(box) or [own[box]]]}
            row = _in_turn(sorted(row, key=means.__getitem__), listed)
            for box in rows[index]:
                if box in beside:
                    row.insert(row.index(beside[box]), box)
            rows[index] = row
        between = zip(pairwise(rows), channels, strict=True)
        crossings = sum(_crossings(upper, lower, channel) for (upper, lower), channel in between)
        if fewest is None or crossings < fewest:
            best, fewest = [list(row) for row in rows], crossings
    rows[:] = best


def _in_turn(row: list[Box], listed: dict[Box, int]) -> list[Box]:
    """The same row, boxes that share a `row` as they are listed, and no other box among them."""
    for shared in dict.fromkeys(box.row for box in row if box.row is not None):
        places = [index for index, box in enumerate(row) if box.row == shared]
        members = iter(sorted((row[index] for index in places), key=listed.__getitem__))
        span = [next(members) if box.row == shared else box for box in row[places[0] : places[-1] + 1]]
        kept = [box for box in span if box.row == shared or box.passing]
        row = [*row[: places[0]], *(box for box in span if box not in kept), *kept, *row[places[-1] + 1 :]]
    return row


def _crossings(upper: Sequence[Box], lower: Sequence[Box], channel: Channel) -> int:
    high, low = ({box: index for index, box in enumerate(row)} for row in (upper, lower))
    ends = [
        (high[top], low[bottom])
        for pins in channel.values()
        for top, side in pins
        for bottom, end in pins
        if side is Side.BOTTOM and end is Side.TOP
    ]
    return sum((a[0] - b[0]) * (a[1] - b[1]) < 0 for a, b in combinations(ends, 2))
