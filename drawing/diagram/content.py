"""What is written in boxes and on lines, and how much room it takes."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

from .boxes import Box

TITLE, SMALL = 12.0, 10.0
"""Sizes of text in pixels; the font is monospaced, a character 0.6 of that wide."""
LINE, CHIP = 15.0, 17.0


@dataclass(frozen=True)
class Chip:
    """A part of a box that is a small box itself."""

    text: str
    style: str


@dataclass(frozen=True)
class Content:
    """A box: its title, the place beside it, a line below, chips, and `about`, seen where it is pointed at.

    style: the class that colours it. stripe: that of a stripe at its left.
    """

    title: str
    place: str = ""
    style: str = ""
    note: str = ""
    chips: tuple[Chip, ...] = ()
    about: str = ""
    stripe: str = ""
    round: bool = False


@dataclass(frozen=True)
class Carried:
    """What a line carries: the same on all lines of one net, which `key` tells from others."""

    key: Hashable
    style: str = ""
    text: str = field(default="", compare=False)


def text_width(text: str, size: float = SMALL) -> float:
    """In pixels."""
    return 0.6 * size * len(text)


def leaf(content: Content, upward: bool = False) -> Box:
    """A box with nothing inside, as large as what is written in it."""
    lines = [text_width(content.title, TITLE) + text_width(content.place) + 6 * bool(content.place)]
    lines += [text_width(content.note), *(text_width(chip.text) + 10 for chip in content.chips)]
    height = 22 + LINE * bool(content.note) + CHIP * len(content.chips)
    return Box(content, max(lines) + (34 if content.round else 24), height, upward=upward)


def group(content: Content, inside: Sequence[Box]) -> Box:
    """A box around others, its title in the corner."""
    header = text_width(content.title, TITLE) + text_width(content.place) + 10
    return Box(content, header=header, inside=list(inside))
