"""Draws a diagram as an SVG document that needs nothing else, on a background of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape

from .arrange import arrange
from .boxes import Box, Line, Link
from .content import CHIP, TITLE, Carried, Content, text_width

_HEAD, _CORNER, _ARROW = 58.0, 6.0, 3.5
_STYLE = """
svg { font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, "Liberation Mono", monospace; }
text { font-size: 10px; fill: #475569; } .title { font-size: 12px; font-weight: 600; fill: #0f172a; }
.page { fill: #ffffff; } .group > rect { fill: #64748b; fill-opacity: .055; stroke: #cbd5e1; }
.edge { fill: none; stroke: #64748b; stroke-width: 1.3; } .arrow { fill: #64748b; }
"""


def draw(root: Box, links: Sequence[Link], title: str, legend: Mapping[str, str], colours: str) -> str:
    """Arrange what is inside `root`, and draw it with its links, each of which has a `Carried` for its net.

    legend: what a style means, written where the style occurs. colours: the styles, as CSS.
    """
    lines = arrange(root, links)
    boxes = list(root.everything())[1:]
    body = [_group(box) for box in boxes if box.inside]
    body += [part for line in lines for part in _line(line)]
    body += [part for box in boxes if not box.inside for part in _leaf(box)]
    head, width = _head(title, legend, "".join(body))
    width, height = max(root.width, width), root.height + _HEAD
    size = f'viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}"'
    start = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>'
    page = f'<style>{_STYLE}{colours}</style>\n<rect class="page" width="100%" height="100%"/>'
    place = f'<g transform="translate({(width - root.width) / 2:g} {_HEAD:g})">'
    return "\n".join([start, page, *head, place, *body, "</g>", "</svg>"]) + "\n"


def _head(title: str, legend: Mapping[str, str], body: str) -> tuple[list[str], float]:
    """The title, what the styles in the body mean, and the width of the two."""
    parts, x = [_text(title, 16, 24, "title")], 16.0
    for style, name in legend.items():
        if f'class="{style}"' in body:
            line = style.startswith("edge")
            mark = f'd="M{x:g},41h16"' if line else f'x="{x:g}" y="36" width="14" height="10" rx="3"'
            parts += [f'<{"path" if line else "rect"} class="{style}" {mark}/>', _text(name, x + 20, 45)]
            x += 36 + text_width(name)
    return parts, max(32 + text_width(title, TITLE), x)


def _text(text: str, x: float, y: float, style: str = "small") -> str:
    return f'<text class="{style}" x="{x:g}" y="{y:g}">{escape(text)}</text>'


def _rect(style: str, x: float, y: float, width: float, height: float, radius: float) -> str:
    return (
        f'<rect class="{style}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="{radius:g}"/>'
    )


def _group(box: Box) -> str:
    content: Content = box.show
    title = _text(content.title, box.x + 8, box.y + 16, "title") if content.title else ""
    x = box.x + 8 + text_width(f"{content.title} " if content.title else "", TITLE)
    place = _text(content.place, x, box.y + 16) if content.place else ""
    return f'<g class="group">{_rect("frame", box.x, box.y, box.width, box.height, 8)}{title}{place}</g>'


def _leaf(box: Box) -> Iterator[str]:
    content: Content = box.show
    yield f'<g class="node"><title>{escape(content.about)}</title>'
    yield _rect(content.style, box.x, box.y, box.width, box.height, 12 if content.round else 5)
    title, middle = text_width(content.title, TITLE), box.x + box.width / 2
    x = middle - (title + text_width(content.place) + 6 * bool(content.place)) / 2
    yield _text(content.title, x, box.y + 15.5, "title")
    if content.place:
        yield _text(content.place, x + title + 6, box.y + 15.5)
    if content.note:
        yield _text(content.note, middle - text_width(content.note) / 2, box.y + 30)
    for index, chip in enumerate(content.chips):
        width, y = text_width(chip.text) + 10, box.y + 21 + CHIP * index
        yield _rect(chip.style, middle - width / 2, y, width, 14, 3)
        yield _text(chip.text, middle - width / 2 + 5, y + 10.5)
    if content.stripe:
        yield _rect(content.stripe, box.x, box.y + 5, 4, box.height - 10, 0)
    yield "</g>"


def _line(line: Line) -> Iterator[str]:
    carried: Carried = line.net
    style = f" {carried.style}" if carried.style else ""
    corners = line.corners
    path = f"M{corners[0][0]:g},{corners[0][1]:g}"
    for before, (x, y), after in zip(corners, corners[1:], corners[2:], strict=False):
        ends = []
        for near in (before, after):
            far = abs(near[0] - x) + abs(near[1] - y)
            part = min(_CORNER, far / 2) / far if far else 0.0
            ends.append(f"{x + (near[0] - x) * part:g},{y + (near[1] - y) * part:g}")
        path += f"L{ends[0]}Q{x:g},{y:g} {ends[1]}"
    x, y = corners[-1]
    yield f'<path class="edge{style}" d="{path}L{x:g},{y:g}"/>'
    if line.arrow:
        dx, dy = ((to > back) - (to < back) for to, back in zip(corners[-1], corners[-2], strict=True))
        ends = f"l{-6 * dx - _ARROW * dy:g},{-6 * dy - _ARROW * dx:g}l{2 * _ARROW * dy:g},{2 * _ARROW * dx:g}"
        yield f'<path class="arrow{style}" d="M{x:g},{y:g}{ends}z"/>'
    if line.at is not None:
        yield _text(carried.text, *line.at, f"value{style}")
