"""A computational graph for people and for other programs: an SVG, a table of its layers, DOT and JSON."""

from .dot import to_dot, to_json
from .svg import to_svg
from .table import LayerRow, layer_rows, table, total_row

__all__ = ["LayerRow", "layer_rows", "table", "to_dot", "to_json", "to_svg", "total_row"]
