"""A computational graph as a picture, in a file that any browser shows."""

from __future__ import annotations

from ..core.tracing import ComputationalGraph
from .blocks import amount, blocks
from .diagram import draw
from .table import total_row

_LEGEND = {
    "forward": "operations", "backward": "their gradients", "edge saved": "kept for gradients",
    "end": "input, output", "parameter": "parameters", "parameter shared": "shared parameters",
    "constant": "constants",
}  # fmt: skip
_COLOURS = """
.forward { fill: #ecfdf5; stroke: #10b981; } .backward { fill: #fff1f2; stroke: #fb7185; }
.end { fill: #dbeafe; stroke: #3b82f6; } .parameter { fill: #fef3c7; stroke: #f59e0b; }
.constant { fill: #f1f5f9; stroke: #94a3b8; } .shared { stroke-dasharray: 3 2; }
.edge.gradient { stroke: #e11d48; } .arrow.gradient { fill: #e11d48; } .value.gradient { fill: #be123c; }
.edge.saved { stroke: #94a3b8; stroke-dasharray: 3 3; stroke-width: 1; } .arrow.saved { fill: #94a3b8; }
"""


class Picture(str):
    """The text of an SVG document, which a notebook shows as a picture."""

    def _repr_svg_(self) -> str:
        return str(self)


def to_svg(graph: ComputationalGraph, operations: bool = False) -> Picture:
    """The graph as an SVG document; the same graph gives the same bytes.

    A box a layer and, in layers unrolled over at most 16 steps, a step; operations: a box an operation. Each
    line carries a value from where it was computed, its shape written there; what is pointed at tells more.
    """
    total = total_row(graph)
    words = [f"{amount(total.parameters)} parameters", f"{amount(total.flops)} FLOPs forward"]
    words += [f"{amount(total.backward_flops)} backward"] * bool(total.backward_flops)
    title = " · ".join([*words, f"{amount(total.activations, 'B')} of activations"])
    return Picture(draw(*blocks(graph, operations), title, _LEGEND, _COLOURS))
