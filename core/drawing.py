"""A computational graph for people: as DOT for Graphviz, and as a table of its layers."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from .tracing import ComputationalGraph, GraphNode, NodeKind

_STYLES = {
    NodeKind.INPUT: 'shape=ellipse, style=filled, fillcolor="#dbeafe"',
    NodeKind.PARAMETER: 'shape=cylinder, style=filled, fillcolor="#fef3c7"',
    NodeKind.CONSTANT: 'shape=ellipse, style=filled, fillcolor="#f3f4f6"',
    NodeKind.FORWARD: 'shape=box, style="filled,rounded", fillcolor="#dcfce7"',
    NodeKind.BACKWARD: 'shape=box, style="filled,rounded", fillcolor="#fee2e2"',
}


@dataclass(frozen=True)
class LayerRow:
    """One layer: its path, its last output's shape (with the batch), and the sums over its operations.

    activations: bytes that its operations gave in the forward pass; backward_flops: 0 where none was traced.
    """

    layer: str
    output_shape: tuple[int, ...]
    parameters: int
    flops: int
    backward_flops: int
    activations: int


def layer_rows(graph: ComputationalGraph) -> list[LayerRow]:
    """The layers in the order in which they first ran; operations outside any layer are one row named ""."""
    layers: dict[str, list[GraphNode]] = {}
    for node in graph.nodes:
        if node.kind in (NodeKind.FORWARD, NodeKind.BACKWARD):
            layers.setdefault(node.layer, []).append(node)
    rows = []
    for layer, nodes in layers.items():
        forward = [node for node in nodes if node.kind is NodeKind.FORWARD]
        used = {source for node in forward for source in node.inputs}
        read = [n.parameters for n in graph.nodes if n.id in used and n.kind is NodeKind.PARAMETER]
        rows.append(
            LayerRow(
                layer,
                forward[-1].shape if forward else (),
                sum(read),
                sum(node.flops for node in forward),
                sum(node.flops for node in nodes if node.kind is NodeKind.BACKWARD),
                sum(node.bytes for node in forward),
            )
        )
    return rows


def table(graph: ComputationalGraph) -> str:
    """A line a layer, and the totals: output shape, parameters, FLOPs, activation memory in bytes."""
    rows = layer_rows(graph)
    header = ("layer", "output", "parameters", "FLOPs", "backward FLOPs", "activations")
    lines = []
    for row in rows:
        numbers = _numbers(row.parameters, row.flops, row.backward_flops, row.activations)
        lines.append((row.layer or "(outside)", str(row.output_shape), *numbers))
    parameters = sum(node.parameters for node in graph.nodes if node.kind is NodeKind.PARAMETER)
    totals = _numbers(
        parameters,
        sum(row.flops for row in rows),
        sum(row.backward_flops for row in rows),
        sum(row.activations for row in rows),
    )
    cells = [header, *lines, ("total", "", *totals)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(header))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    )


def to_dot(graph: ComputationalGraph) -> str:
    """The graph in Graphviz's language: a cluster a layer, shapes on the edges."""
    lines = ["digraph model {", "  rankdir=TB;", '  node [fontname="sans-serif", fontsize=10];']
    lines.append('  edge [fontname="sans-serif", fontsize=8, color="#6b7280"];')
    layers: dict[str, list[GraphNode]] = {}
    for node in graph.nodes:
        layers.setdefault(node.layer, []).append(node)
    for index, (layer, nodes) in enumerate(layers.items()):
        if layer:
            lines += [f"  subgraph cluster_{index} {{", f'    label={_quoted(layer)}; color="#9ca3af";']
        lines += [f"  {'  ' * bool(layer)}{_dot_node(node)}" for node in nodes]
        lines += ["  }"] * bool(layer)
    for node in graph.nodes:
        for source in dict.fromkeys(node.inputs):
            lines.append(f"  n{source} -> n{node.id} [label={_quoted(_shape(graph.nodes[source]))}];")
    return "\n".join([*lines, "}"]) + "\n"


def to_json(graph: ComputationalGraph) -> str:
    """The graph's nodes as a JSON document."""
    return json.dumps(graph.to_json(), indent=1)


def _dot_node(node: GraphNode) -> str:
    about = [node.name, f"{_shape(node)} {node.dtype}"]
    if node.kind is NodeKind.PARAMETER:
        about.append(f"{node.parameters:,} parameters")
    if node.flops:
        about.append(f"{node.flops:,} FLOPs")
    return f"n{node.id} [label={_quoted(chr(10).join(about))}, {_STYLES[node.kind]}];"


def _shape(node: GraphNode) -> str:
    return "×".join(map(str, node.shape)) or "scalar"


def _quoted(text: str) -> str:
    """A DOT string; its line breaks are written as \\n."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _numbers(*values: int) -> Iterable[str]:
    return (f"{value:,}" for value in values)
