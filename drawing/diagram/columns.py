"""Where in their rows boxes stand, so that lines are as straight as they can be."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from .boxes import Box, Channel, Marks, Net, Pin, Side

_GAP, _PASSING_GAP, _PIN = 18.0, 14.0, 16.0
_SWEEPS = 48

_Pins = list[tuple[Net, Side, list[Pin]]]
"""Of one box: its nets, where they meet it, and what they join it with."""


def columns(
    rows: Sequence[Sequence[Box]], channels: Sequence[Channel], marks: Marks, gaps: dict[Box, float]
) -> None:
    """Move each box to where its lines are straight, as far as its neighbours let it, the long lines first.

    First all lines pull together what belongs together, then the heaviest ones are made straight.
    gaps: what has to be free to the right of some boxes. The first box of all gives way to the others.
    """
    pins: dict[Box, _Pins] = {box: [] for row in rows for box in row}
    for channel in channels:
        for net, joined in channel.items():
            for box, side in joined:
                others = [pin for pin in joined if pin[1] is not side] or joined
                pins[box].append((net, side, [pin for pin in others if pin[0] is not box]))
    for row in rows:
        for box in row:
            _spread(box, pins[box], marks)
        for box, x in zip(row, accumulate(_spans(row, marks, gaps), initial=0.0), strict=False):
            box.x = x
    for sweep in range(_SWEEPS):
        near = (Side.TOP, Side.BOTTOM)[sweep % 2]
        for row in rows if near is Side.TOP else reversed(rows):
            wanted, weights = [], []
            for box in row:
                _spread(box, pins[box], marks)
                pulls = [
                    (marks.weights[net], side, other.across(net, end) - box.pins.get((net, side), 0.0), other)
                    for net, side, others in pins[box]
                    for other, end in others
                ]
                if sweep >= _SWEEPS // 2:
                    heaviest = max((weight for weight, *_ in pulls), default=0.0)
                    pulls = [pull for pull in pulls if pull[0] == heaviest]
                    pulls = [pull for pull in pulls if pull[1] is near] or pulls
                stiff = [weight * (8 if box.passing and other.passing else 1) for weight, *_, other in pulls]
                weights.append(sum(stiff) or 0.01)
                first = (other.x for row in rows for other in row if other is not box)
                place = min(first) if box is rows[0][0] else box.x
                drawn = sum(x * weight for (_, _, x, _), weight in zip(pulls, stiff, strict=True))
                wanted.append(drawn / weights[-1] if pulls else place)
            for box, x in zip(row, _spaced(wanted, weights, _spans(row, marks, gaps)), strict=True):
                box.x = x


def _spans(row: Sequence[Box], marks: Marks, gaps: dict[Box, float]) -> list[float]:
    """From the left of each box to the left of the next one."""
    return [
        max(marks.extent(box), box.width + gaps.get(box, 0.0)) + (_PASSING_GAP if box.passing else _GAP)
        for box in row
    ]


def _spread(box: Box, pins: _Pins, marks: Marks) -> None:
    """Put the pins of a box with nothing inside in the order of what they lead to, the straightest midway."""
    if box.passing or box.inside:
        return
    for side in Side:
        met = [(net, others) for net, at, others in pins if at is side]
        ends = {
            net: sum(other.across(net, end) for other, end in others) / len(others) for net, others in met
        }
        nets = sorted(ends, key=ends.__getitem__)
        if not nets:
            continue
        places = list(
            accumulate((max(_PIN, marks.labels.get((box, net), 0.0) + 12) for net in nets), initial=0.0)
        )
        box.width = max(box.width, places.pop() + _PIN)
        middle = box.x + box.width / 2
        weights = [marks.weights[net] for net in nets]
        main = min(range(len(nets)), key=lambda index: (-weights[index], abs(ends[nets[index]] - middle)))
        if min(weights) < weights[main]:
            box.width = max(box.width, 2 * max(places[main], places[-1] - places[main]) + _PIN)
        shift = min(box.width / 2 - places[main], box.width - _PIN / 2 - places[-1])
        box.pins.update({(net, side): max(shift, _PIN / 2) + x for net, x in zip(nets, places, strict=True)})


def _spaced(wanted: Sequence[float], weights: Sequence[float], spans: Sequence[float]) -> list[float]:
    """The places nearest to the wanted ones, in weighted least squares, at least `spans` apart.

    By pooling those that would be too close: Barlow and others, Statistical Inference under Order
    Restrictions, 1972.
    """
    pools: list[tuple[float, float, int]] = []
    before = list(accumulate(spans, initial=0.0))
    for place, weight, offset in zip(wanted, weights, before, strict=False):
        pools.append((place - offset, weight, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (a, m, i), (b, n, j) = pools[-2:]
            pools[-2:] = [((a * m + b * n) / (m + n), m + n, i + j)]
    places = [place for place, _, members in pools for _ in range(members)]
    return [place + offset for place, offset in zip(places, before, strict=False)]
