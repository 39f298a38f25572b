"""Draws the figures of `workloads.py` as bars, readable on a light and on a dark page.

python benchmarks/plot.py benchmarks/results/DATE.json docs/workloads.svg
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

COLOURS = {"ours": "#2563eb", "PyTorch eager": "#f97316", "torch.compile": "#a855f7", "JAX jit": "#14b8a6"}
LEFT, PANEL, GAP, TOP = 150, 290, 100, 84
BAR, GROUP = 11, 58
"""Pixels: a bar, and the bars of a workload with the space behind them."""
STYLE = """
text { font: 12px system-ui, "DejaVu Sans", sans-serif; fill: #334155; } .time { font-size: 10px; }
.small { fill: #64748b; font-size: 11px; } .heading { font-weight: 600; font-size: 14px; }
.best { stroke: #94a3b8; stroke-dasharray: 3 3; }
@media (prefers-color-scheme: dark) { text { fill: #e2e8f0; } .small { fill: #94a3b8; } }
"""


def text(x: float, y: float, content: str, kind: str = "", anchor: str = "start") -> str:
    return f'<text x="{x:g}" y="{y:g}" class="{kind}" text-anchor="{anchor}">{content}</text>'


def time(microseconds: float) -> str:
    value, unit = (microseconds / 1000, "ms") if microseconds >= 1000 else (microseconds, "µs")
    return f"{value:.0f} {unit}" if value >= 100 else f"{value:.3g} {unit}"


def label(figures: dict[str, float]) -> str:
    """`8.12 ms, 61 %`: the time, and how much of the machine's limit that is."""
    share = f", {100 * figures['of_limit']:.0f} %" if "of_limit" in figures else ""
    return time(figures["median_us"]) + share


def panel(rows: list[dict[str, Any]], left: float, widest: float) -> list[str]:
    """Bars as long as the best peer's time ÷ their own: those that reach the line are as fast as it is."""
    scale = PANEL / widest
    bottom = TOP + GROUP * len(rows) - 8
    parts = [
        text(left, TOP - 16, rows[0]["what"], "heading"),
        f'<path class="best" d="M{left + scale:g},{TOP - 6}V{bottom}"/>',
    ]
    for index, row in enumerate(rows):
        best = row["times"][row["best_peer"]]["median_us"]
        y = TOP + GROUP * index
        for name, figures in row["times"].items():
            width = best / figures["median_us"] * scale
            bar = f'x="{left:g}" y="{y:g}" width="{width:.1f}" height="{BAR - 1}" rx="2"'
            parts.append(f'<rect {bar} fill="{COLOURS[name]}"/>')
            parts.append(text(left + width + 5, y + BAR - 2, label(figures), "time"))
            y += BAR
    return parts


def svg(run: dict[str, Any]) -> str:
    """Training steps on the left, inference on the right."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in run["rows"]:
        rows.setdefault(row["what"], []).append(row)
    widest = max(1.0, *(row["ratio"] for row in run["rows"]))
    first = next(iter(rows.values()))
    width, height = LEFT + len(rows) * (PANEL + GAP), TOP + GROUP * len(first) + 22
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}">']
    parts.append(f"<style>{STYLE}</style>")
    x = float(LEFT)
    for name, colour in COLOURS.items():
        parts.append(f'<rect x="{x:g}" y="20" width="12" height="12" rx="2" fill="{colour}"/>')
        parts.append(text(x + 18, 30, name))
        x += 40 + 7 * len(name)
    for index, row in enumerate(first):
        network, batch = row["workload"].split(" @ ")
        y = TOP + GROUP * index + 2 * BAR
        parts += [
            text(LEFT - 12, y - 2, network, anchor="end"),
            text(LEFT - 12, y + 13, f"batch {batch}", "small", "end"),
        ]
    for index, part in enumerate(rows.values()):
        parts += panel(part, LEFT + index * (PANEL + GAP), widest)
    note = f"Longer is faster; the dashed line is the best peer. {run['threads']} threads, float32, medians"
    if limits := run.get("limits"):
        note += f"; %: of this machine's {limits['gflops']:.0f} GFLOP/s or {limits['gigabytes']:.0f} GB/s"
    parts.append(text(LEFT, height - 8, note + ".", "small"))
    return "\n".join([*parts, "</svg>", ""])


def main() -> None:
    results, picture = map(Path, sys.argv[1:])
    picture.write_text(svg(json.loads(results.read_text())["workloads"][0]))


if __name__ == "__main__":
    main()
