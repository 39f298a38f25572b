"""A timed step as a picture: phases, layers and kernels along time, what holds each back, and the memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from html import escape
from itertools import groupby

from ..core.machine_limits import MachineLimits
from ..core.timing import StepTiming, TimedCall
from .blocks import amount
from .diagram import text_width
from .svg import Picture
from .time_table import bound_shares, layer_name

_LEFT, _WIDTH, _RIGHT = 74.0, 1060.0, 16.0
_HEAD, _ROW, _GAP, _MEMORY, _FOOT = 66.0, 26.0, 3.0, 90.0, 30.0
_STRIP = 8.0  # the row that says what holds each call back
_TIMES = 8  # marks on the axis of time, about
_CUT = 5  # characters: what a label that does not fit is cut to, at least
_PATCH = 1.0  # pixels: kernels that are narrower are drawn together

_LEGEND = {
    "product": "products", "arithmetic": "other arithmetic", "move": "moves", "update": "update",
    "compute": "bound by compute", "memory": "bound by memory", "overhead": "bound by neither: overhead",
}  # fmt: skip
_STYLE = """
svg { font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, "Liberation Mono", monospace; }
text { font-size: 10px; fill: #475569; } .title { font-size: 12px; font-weight: 600; fill: #0f172a; }
.page { fill: #ffffff; } rect { stroke-width: 1; } .inside { fill: #0f172a; pointer-events: none; }
.phase { fill: #f1f5f9; stroke: #94a3b8; } .layer { fill: #dbeafe; stroke: #93c5fd; }
.product { fill: #a7f3d0; stroke: #34d399; } .arithmetic { fill: #fef3c7; stroke: #fbbf24; }
.move { fill: #e2e8f0; stroke: #94a3b8; } .update { fill: #e9d5ff; stroke: #c084fc; }
.compute { fill: #10b981; } .memory { fill: #3b82f6; } .overhead { fill: #fb7185; }
.grid { stroke: #e2e8f0; fill: none; } .curve { fill: #bfdbfe; stroke: #3b82f6; stroke-width: 1.2; }
.thin { stroke: none; } g:hover > rect { stroke: #0f172a; }
"""


def to_flame(timing: StepTiming, limits: MachineLimits, name: str = "") -> Picture:
    """The step as an SVG document; the same step gives the same bytes. name: what stands before the totals.

    Three rows (phases, layers in them, kernels in these) as wide as their time, then a strip that says what
    holds each kernel back, and the memory in use. What is pointed at tells its numbers.
    """
    end = max((call.start + call.seconds for call in timing.calls), default=0.0) or 1.0
    scale = _WIDTH / end
    calls = timing.calls
    tops = [_HEAD + row * (_ROW + _GAP) for row in range(4)]
    memory_top = tops[3] + _STRIP + 16
    height = memory_top + _MEMORY + _FOOT
    body = [*_axis(end, scale, tops[0], memory_top + _MEMORY)]
    rows = [(tops[0], "phase", lambda call: call.phase), (tops[1], "layer", _place)]
    for top, style, key in rows:
        for run in _runs(calls, key):
            about = _about(key(run[0]) if style == "phase" else layer_name(run[0]), run, limits)
            body += _bar(run, scale, top, _ROW, style, _labels(style, run), about)
    for run in _patches(calls, scale):
        title = run[0].kernel if len(run) == 1 else f"{len(run)} calls: {_names(run)}"
        about = _about(title, run, limits)
        body += _bar(run, scale, tops[2], _ROW, _kind(_longest(run)), _labels("kernel", run), about)
    for run in _runs(calls, lambda call: limits.bound(call).value):
        style = limits.bound(run[0]).value
        body += _bar(run, scale, tops[3], _STRIP, style, (), _about(f"bound: {style}", run, limits))
    body += _memory(timing, scale, memory_top)
    labels = zip(("phase", "layer", "kernel"), tops, strict=False)
    body += [_text(word, 16, top + 17) for word, top in labels]
    body += [_text("bound", 16, tops[3] + 8), _text("memory", 16, memory_top + 10)]
    width = _LEFT + _WIDTH + _RIGHT
    size = f'viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}"'
    start = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>'
    page = f'<style>{_STYLE}</style>\n<rect class="page" width="100%" height="100%"/>'
    return Picture("\n".join([start, page, *_head(timing, limits, name), *body, "</svg>"]) + "\n")


def _head(timing: StepTiming, limits: MachineLimits, name: str) -> Iterator[str]:
    way = "planned" if timing.planned else "eager"
    shares = bound_shares(timing.calls, limits)
    words = [name] * bool(name)
    words += [f"{way} step of {_time(timing.seconds)}", f"{len(timing.calls)} calls"]
    words += [f"{amount(timing.arena_bytes, 'B')} at most"]
    words += [", ".join(f"{share:.0%} {bound.value}" for bound, share in shares.items() if share)]
    yield _text(" · ".join(word for word in words if word), 16, 24, "title")
    x = 16.0
    kinds = {_kind(call) for call in timing.calls} | {bound.value for bound, share in shares.items() if share}
    for style, words_of in _LEGEND.items():
        if style in kinds:
            yield f'<rect class="{style}" x="{x:g}" y="36" width="14" height="10" rx="3"/>'
            yield _text(words_of, x + 20, 45)
            x += 36 + text_width(words_of)


def _axis(end: float, scale: float, top: float, bottom: float) -> Iterator[str]:
    """Lines at round times."""
    step = _round_step(end / _TIMES)
    for mark in range(int(end / step) + 1):
        x = _LEFT + mark * step * scale
        yield f'<path class="grid" d="M{x:.6g},{top:g}V{bottom + 4:g}"/>'
        text = _time(mark * step) if mark else "0"
        yield _text(text, min(x, _LEFT + _WIDTH - text_width(text) / 2) - text_width(text) / 2, bottom + 16)


def _round_step(least: float) -> float:
    """1, 2 or 5 times a power of ten, `least` or more."""
    power = 1e-9
    while True:
        for factor in (1, 2, 5):
            if factor * power >= least:
                return factor * power
        power *= 10


def _bar(
    run: Sequence[TimedCall],
    scale: float,
    top: float,
    height: float,
    style: str,
    labels: Sequence[str],
    about: str,
) -> Iterator[str]:
    """A box over the time of the run, with the longest of the labels that fits."""
    x = _LEFT + run[0].start * scale
    width = (run[-1].start + run[-1].seconds - run[0].start) * scale
    gap = 1.0 if width > 3 else 0.0  # neighbours stay apart where there is room
    style += " thin" * (width <= 3)
    size = f'width="{max(width - gap, 0.3):.4g}" height="{height:g}" rx="{gap:g}"'
    yield f"<g><title>{escape(about)}</title>"
    yield f'<rect class="{style}" x="{x:.6g}" y="{top:g}" {size}/>'
    room = int((width - 6) / text_width("x"))
    text = next((label for label in labels if len(label) <= room), None)
    if text is None and labels and room >= _CUT:
        text = labels[0][: room - 1] + "…"
    if text:
        yield _text(text, x + (width - text_width(text)) / 2, top + height / 2 + 3.5, "inside")
    yield "</g>"


def _labels(style: str, run: Sequence[TimedCall]) -> Sequence[str]:
    """What may stand in a box, the fullest first."""
    if style == "phase":
        return (run[0].phase,)
    if style == "kernel":
        name = _longest(run).kernel
        return (name, name.removesuffix(" backward")) if len(run) == 1 else ()
    name = layer_name(run[0])
    *places, kind = name.split(".")
    number = ".".join(place for place in places if place != "layers")
    return (name, f"{number} {kind}".strip(), number, kind) if places else (name,)


def _memory(timing: StepTiming, scale: float, top: float) -> Iterator[str]:
    """The memory in use as steps, and the most of it."""
    most = max((call.live_bytes for call in timing.calls), default=0) or 1
    bottom = top + _MEMORY
    path = [f"M{_LEFT:g},{bottom:g}"]
    for call in timing.calls:
        y = bottom - call.live_bytes / most * (_MEMORY - 4)
        path.append(
            f"L{_LEFT + call.start * scale:.6g},{y:.5g}H{_LEFT + (call.start + call.seconds) * scale:.6g}"
        )
    yield f'<path class="curve" d="{"".join(path)}V{bottom:g}z"/>'
    yield _text(amount(most, "B"), 16, top + 24)
    yield _text("at most", 16, top + 37)
    yield _text("0", _LEFT - 12, bottom + 2)


def _about(title: str, run: Sequence[TimedCall], limits: MachineLimits) -> str:
    """All numbers, in lines."""
    seconds = sum(call.seconds for call in run)
    flops, moved = sum(call.flops for call in run), sum(call.bytes for call in run)
    places = dict.fromkeys(layer_name(call) for call in run)
    lines = [title, f"{_time(seconds)} from {_time(run[0].start)}"]
    lines += [f"{', '.join(list(places)[:3])}"] if title not in places and len(places) <= 3 else []
    lines += [f"{len(run)} calls"] * (len(run) > 1)
    if seconds and flops:
        part = flops / seconds / limits.flops_per_second
        lines.append(
            f"{amount(flops)} FLOPs: {amount(round(flops / seconds), 'FLOP/s')}, {part:.1%} of the limit"
        )
    if seconds and moved:
        part = moved / seconds / limits.bytes_per_second
        lines.append(
            f"{amount(moved, 'B')}: {amount(round(moved / seconds), 'B/s')}, {part:.1%} of the limit"
        )
    shares = bound_shares(run, limits)
    bounds = [f"{bound.value} {share:.0%}" for bound, share in shares.items() if share]
    lines.append("bound by " + ", ".join(bounds if len(bounds) > 1 else [next(iter(shares)).value]))
    lines.append(f"{amount(max(call.live_bytes for call in run), 'B')} in use")
    return "\n".join(lines)


def _runs(calls: Sequence[TimedCall], key: Callable[[TimedCall], object]) -> Iterator[list[TimedCall]]:
    for _, run in groupby(calls, key=key):
        yield list(run)


def _place(call: TimedCall) -> tuple[str, str]:
    return call.phase, layer_name(call)


def _patches(calls: Sequence[TimedCall], scale: float) -> Iterator[list[TimedCall]]:
    """Each call alone, but those of one layer and kind that would be too narrow to see, together."""

    def narrow(call: TimedCall) -> bool:
        return call.seconds * scale < _PATCH

    for (_, _, small), run in groupby(calls, key=lambda call: (_place(call), _kind(call), narrow(call))):
        if small:
            yield list(run)
        else:
            yield from ([call] for call in run)


def _kind(call: TimedCall) -> str:
    """The class that colours a kernel; one is a product where it computes more than it moves."""
    if call.phase == "update":
        return "update"
    if not call.flops:
        return "move"
    return "product" if call.flops >= call.bytes else "arithmetic"


def _longest(run: Sequence[TimedCall]) -> TimedCall:
    return max(run, key=lambda call: call.seconds)


def _names(run: Sequence[TimedCall]) -> str:
    names = list(dict.fromkeys(call.kernel for call in run))
    return ", ".join(names[:4]) + (", …" if len(names) > 4 else "")


def _time(seconds: float) -> str:
    """`850 ns`, `12.3 µs`, `4.56 ms`."""
    return amount(round(seconds * 1e9), "ns") if seconds < 1e-6 else _scaled(seconds)


def _scaled(seconds: float) -> str:
    for size, unit in ((1e-6, "µs"), (1e-3, "ms")):
        if seconds < 999.5 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"


def _text(text: str, x: float, y: float, style: str = "small") -> str:
    return f'<text class="{style}" x="{x:.6g}" y="{y:g}">{escape(text)}</text>'
