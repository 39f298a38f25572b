"""Draws the loss curves of `compression.py`, readable on a light and on a dark page.

python benchmarks/loss_curves.py benchmarks/results/DATE.json docs/compression.svg
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from plot import STYLE, text

COLOURS = ("#64748b", "#2563eb", "#14b8a6", "#a855f7", "#f97316", "#84cc16", "#ef4444", "#eab308")
LEFT, TOP, WIDTH, HEIGHT, GAP = 60, 50, 360, 240, 110


def panel(run: dict[str, Any], left: float, low: float, high: float) -> list[str]:
    """A curve a method, with the steps from left to right."""
    longest = max(len(row["losses"]) for row in run["rows"])

    def place(index: int, loss: float) -> str:
        x = left + WIDTH * (index + 1) / longest
        return f"{x:.1f},{TOP + HEIGHT * (high - min(loss, high)) / (high - low):.1f}"

    parts = [text(left, TOP - 16, f"training loss, {run['optimizer']}", "heading")]
    for tick in range(5):
        value = low + (high - low) * tick / 4
        y = TOP + HEIGHT * (1 - tick / 4)
        parts.append(f'<path d="M{left},{y:g}h{WIDTH}" stroke="#94a3b8" stroke-width="0.4"/>')
        parts.append(text(left - 8, y + 4, f"{value:.2f}", "small", "end"))
    parts.append(
        text(left + WIDTH, TOP + HEIGHT + 18, f"{longest * run['smoothed']:,} steps", "small", "end")
    )
    for index, row in enumerate(run["rows"]):
        points = " ".join(place(step, loss) for step, loss in enumerate(row["losses"]))
        colour, y = COLOURS[index % len(COLOURS)], TOP + 8 + 18 * index
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        parts.append(f'<path d="M{left + WIDTH + 8},{y}h14" stroke="{colour}" stroke-width="3"/>')
        parts.append(text(left + WIDTH + 27, y + 4, row["method"].strip("{}").partition(":")[0], "small"))
    return parts


def svg(runs: list[dict[str, Any]]) -> str:
    """A panel for each run."""
    width = LEFT + len(runs) * (WIDTH + GAP + LEFT)
    height = TOP + HEIGHT + 34
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}">']
    parts.append(f"<style>{STYLE}</style>")
    for index, run in enumerate(runs):
        ends = [loss for row in run["rows"] for loss in row["losses"][2:]]
        parts += panel(run, LEFT + index * (WIDTH + GAP + LEFT), min(ends) * 0.95, max(ends))
    return "\n".join([*parts, "</svg>", ""])


def main() -> None:
    results, picture = map(Path, sys.argv[1:])
    picture.write_text(svg(json.loads(results.read_text())["compression"]))


if __name__ == "__main__":
    main()
