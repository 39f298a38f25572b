"""Between the rows: how high the channels are, and where in them the lines go sideways."""

from __future__ import annotations

from collections.abc import Sequence

from .boxes import Box, Channel, Line, Marks, Net, Pin, Side

_HEADER, _LABEL, _LANE, _ROOM = 24.0, 14.0, 9.0, 12.0


def stack(
    group: Box,
    rows: Sequence[Sequence[Box]],
    channels: Sequence[Channel],
    level: Sequence[tuple[Net, Box, Box]],
    marks: Marks,
) -> None:
    """Put the rows below one another, as far apart as the lines between them need, and draw those lines.

    level: nets that go straight from one box to the next in its row.
    """
    y, tracks = 0.0, []
    for index, row in enumerate(rows):
        height = max((box.height for box in row), default=0.0)
        if index in (0, len(rows) - 1):
            height = _HEADER if group.header and not index else _ROOM / 2
        for box in row:
            box.height = height if box.passing else box.height
            box.y = y + (height - box.height) / 2
        y += height
        if index < len(channels):
            lanes = _lanes(channels[index])
            named = {pins[0][1] for net, pins in channels[index].items() if (pins[0][0], net) in marks.labels}
            over, under = (_LABEL * (side in named) for side in (Side.BOTTOM, Side.TOP))
            tracks.append({net: y + over + _LANE * (lane + 0.5) for net, lane in lanes.items()})
            y += over + _LANE * (1 + max(lanes.values(), default=-1)) + under
            y += _ROOM if index < len(channels) - 1 or lanes else 0.0
    group.height = y + _ROOM / 2
    for channel, track in zip(channels, tracks, strict=True):
        for net, (root, *others) in channel.items():
            start = _point(root, net)
            at = (
                (start[0] + 5, start[1] + (11 if root[1] is Side.BOTTOM else -5))
                if (root[0], net) in marks.labels
                else None
            )
            for pin in others:
                x, end = _point(pin, net)
                bend = ((start[0], track[net]), (x, track[net])) if net in track else ()
                arrow = not pin[0].passing and not pin[0].inside
                group.lines.append(Line(net, (start, *bend, (x if bend else start[0], end)), arrow, at))
                at = None
    for box in (box for row in rows for box in row if box.passing):
        low = group.height if box in rows[-1] else box.y + box.height
        group.lines += [Line(net, ((box.x, box.y), (box.x, low))) for net, _ in box.pins]
    for net, source, target in level:
        first, second = sorted((source, target), key=lambda box: box.x)
        ends = [(first.x + first.width, first.y + first.height / 2), (second.x, first.y + first.height / 2)]
        at = (ends[0][0] + 8, ends[0][1] - 4)
        group.lines.append(Line(net, tuple(ends if first is source else ends[::-1]), True, at))


def _point(pin: Pin, net: Net) -> tuple[float, float]:
    box, side = pin
    return box.across(net, side), box.y + box.height * side.value


def _lanes(channel: Channel) -> dict[Net, int]:
    """The track of each net that has to go sideways: no two overlap, nor do their ways to and from them."""
    ends = {net: [(box.across(net, side), side) for box, side in pins] for net, pins in channel.items()}
    spans = {net: (min(x for x, _ in at), max(x for x, _ in at)) for net, at in ends.items()}
    bent = [
        net
        for net, at in ends.items()
        if spans[net][1] - spans[net][0] > 0.5 or len({end for _, end in at}) == 1
    ]
    left = sorted(bent, key=spans.__getitem__)
    above = {
        net: {
            other
            for other in left
            for x, side in ends[net]
            for z, end in ends[other]
            if other is not net and side is Side.TOP and end is Side.BOTTOM and abs(x - z) < _LANE
        }
        for net in left
    }
    lanes: dict[Net, int] = {}
    lane = 0
    while left:
        reached = float("-inf")
        for net in [net for net in left if not above[net] & set(left)] or left[:1]:
            if spans[net][0] > reached + _LANE:
                lanes[net], reached = lane, spans[net][1]
        left = [net for net in left if net not in lanes]
        lane += 1
    return lanes
