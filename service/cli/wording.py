"""Numbers, times and names as people read them; plain ASCII, so that every terminal can show them."""

from __future__ import annotations

import math
import shlex
import shutil
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

NOTABLE_WAITING = 0.01


def count(number: int, noun: str) -> str:
    """`1 worker`, `1,437 workers`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def significant(value: float) -> str:
    """Four significant digits where the value is of a readable size (`0.9722`, `12.35`, `1.2e-07`)."""
    if not math.isfinite(value):
        return str(value)
    if value == 0:
        return "0"
    magnitude = abs(value)
    if magnitude < 1e-4 or magnitude >= 1e6:
        return f"{value:.3g}"
    decimals = max(0, 3 - max(math.floor(math.log10(magnitude)), -1))
    return f"{value:.{decimals}f}"


def duration(seconds: float) -> str:
    """`0:07`, `12:30`, `1:02:03`, `3 d 04:00`."""
    if not math.isfinite(seconds) or seconds < 0:
        return "-:--"
    whole = round(seconds)
    days, rest = divmod(whole, 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, secs = divmod(rest, 60)
    if days:
        return f"{days} d {hours:02d}:{minutes:02d}"
    if hours:
        return f"{hours}:{minutes:02d}:{secs:02d}"
    return f"{minutes}:{secs:02d}"


def ago(moment: datetime, now: datetime | None = None) -> str:
    """How long before `now` something was: `12 s ago`, `5 min ago`, `3 h ago`, `2 d ago`."""
    seconds = ((now or datetime.now(timezone.utc)) - moment).total_seconds()
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit} ago"
    return f"{max(0, int(seconds))} s ago"


def size(byte_count: int) -> str:
    """`812 B`, `38.2 kB`, `1.4 MB` (powers of 1000)."""
    if byte_count < 1000:
        return f"{byte_count} B"
    value = float(byte_count)
    for unit in ("kB", "MB", "GB", "TB"):
        value /= 1000
        if value < 999.95 or unit == "TB":
            return f"{value:.1f} {unit}"
    raise AssertionError("unreachable")


def span(seconds: float) -> str:
    """A short time: `850 ns`, `12.3 us`, `4.56 ms`, `1.23 s`."""
    for size, unit in ((1e-9, "ns"), (1e-6, "us"), (1e-3, "ms")):
        if seconds < 999.5 * size:
            return f"{_three_digits(seconds / size)} {unit}"
    return f"{_three_digits(seconds)} s"


def rate(value: float) -> str:
    """`178`, `12.3`, `0.04`."""
    return _three_digits(value) if value >= 1 else f"{value:.2f}"


def _three_digits(value: float) -> str:
    """Three significant digits, all of a larger number: `1.20`, `12.3`, `178`, `1,234`."""
    return f"{value:.2f}" if value < 9.995 else f"{value:.1f}" if value < 99.95 else f"{value:,.0f}"


def shape(dimensions: Sequence[int]) -> str:
    """`784`, `28 x 28`; a single value is `1`."""
    return " x ".join(str(dimension) for dimension in dimensions) or "1"


def member_name(kind: str, member: int) -> str:
    """`worker 3`, `parameter server 0`."""
    return f"{kind.replace('_', ' ')} {member}"


def command_line(*words: str) -> str:
    """A chainrule command that can be pasted into the shell that this one was typed in."""
    return " ".join(shlex.quote(word) for word in (_program(), *words))


def _program() -> str:
    """`chainrule`, or the path it was called by where the shell knows none, or another, by that name."""
    called, found = Path(sys.argv[0]), shutil.which("chainrule")
    if called.name != "chainrule" or (found is not None and called.exists() and called.samefile(found)):
        return "chainrule"
    return str(called)


def short_path(path: Path) -> str:
    """`path` from the present folder where it lies in it, else as it is."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def one_paragraph(text: str) -> str:
    """`text` without control characters (a file name or a server may hold some) and without empty lines."""
    lines = ("".join(c if c.isprintable() else " " for c in line).rstrip() for line in text.splitlines())
    return "\n".join(line for line in lines if line)


def waited_for_samples(fraction: float) -> str | None:
    """The part of their time that workers waited for samples, where it is worth a word."""
    return f"waited for samples {fraction:.0%} of the time" if fraction > NOTABLE_WAITING else None
