"""Graphs and timed steps for people and other programs: SVGs, tables, DOT, JSON and Chrome traces."""

from .chrome_trace import to_chrome_trace
from .dot import to_dot, to_json
from .flame import to_flame
from .svg import to_svg
from .table import LayerRow, layer_rows, table, total_row
from .time_table import TimedBy, TimeRow, bound_shares, time_rows, time_total

__all__ = [
    "LayerRow", "TimeRow", "TimedBy", "bound_shares", "layer_rows", "table", "time_rows", "time_total",
    "to_chrome_trace", "to_dot", "to_flame", "to_json", "to_svg", "total_row",
]  # fmt: skip
