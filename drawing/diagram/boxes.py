"""What is placed, boxes in boxes, and the lines that join them."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

Net = Hashable
"""What lines that branch from one another carry: one value."""


class Side(Enum):
    """Of a box, where a line meets it."""

    TOP = 0
    BOTTOM = 1


@dataclass(eq=False)
class Box:
    """A box with others inside, or one with a size of its own; `arrange` sets x, y and the former's size.

    What is inside is listed so that values go from earlier to later ones, or, from upward ones, to earlier.
    header: the width of what stands in its upper left corner. upward: what it gives goes up, not down.
    partner: a box inside the same one, beside which this one is to stand, or, in a row, below. row: those
    that share it stand side by side, though one feeds the next. show: what it stands for.
    """

    show: Any = None
    width: float = 0.0
    height: float = 0.0
    header: float = 0.0
    upward: bool = False
    partner: Box | None = None
    row: Hashable = None
    inside: list[Box] = field(default_factory=list)
    x: float = 0.0
    y: float = 0.0
    pins: dict[tuple[Net, Side], float] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)

    @property
    def passing(self) -> bool:
        """It only keeps the place of lines that cross a row or a border."""
        return self.show is None

    def across(self, net: Net, side: Side) -> float:
        """Where a net meets it, from the left."""
        return self.x + self.pins.get((net, side), 0.0)

    def everything(self) -> Iterator[Box]:
        """It and all inside it, the outer ones first."""
        yield self
        for inner in self.inside:
            yield from inner.everything()


@dataclass(frozen=True)
class Link:
    """A value on its way between two boxes that have nothing inside.

    label: the width of what stands on it. weight: where not all lines of a box can be straight, the
    heaviest are.
    """

    source: Box
    target: Box
    net: Net
    label: float = 0.0
    weight: float = 1.0


@dataclass(frozen=True)
class Line:
    """Corners of a part of a net's line. arrow: it ends at a box. at: where its label stands, if any."""

    net: Any
    corners: tuple[tuple[float, float], ...]
    arrow: bool = False
    at: tuple[float, float] | None = None

    def moved(self, x: float, y: float) -> Line:
        """The same line elsewhere."""
        at = None if self.at is None else (self.at[0] + x, self.at[1] + y)
        return Line(self.net, tuple((a + x, b + y) for a, b in self.corners), self.arrow, at)


Pin = tuple[Box, Side]
Edge = tuple[Net, Pin, Pin]
Channel = dict[Net, list[Pin]]
"""Between two rows, by net: the pins that it joins there, first the one that it comes from."""


@dataclass(frozen=True)
class Marks:
    """labels: the width of what stands where a net leaves a box. weights: of the nets."""

    labels: dict[tuple[Box, Net], float]
    weights: dict[Net, float]

    def extent(self, box: Box) -> float:
        """How far a box reaches to the right, with what stands on the lines that start at it."""
        ends = [
            x + 6 + self.labels[box, net] for (net, _), x in box.pins.items() if (box, net) in self.labels
        ]
        return max([box.width, *ends])
