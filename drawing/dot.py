"""A computational graph as text for other programs: DOT for Graphviz, and JSON."""

from __future__ import annotations

import json

from ..core.tracing import ComputationalGraph, GraphNode, NodeKind
from .blocks import shape_text

_STYLES = {
    NodeKind.INPUT: 'shape=ellipse, style=filled, fillcolor="#dbeafe"',
    NodeKind.PARAMETER: 'shape=cylinder, style=filled, fillcolor="#fef3c7"',
    NodeKind.CONSTANT: 'shape=ellipse, style=filled, fillcolor="#f3f4f6"',
    NodeKind.FORWARD: 'shape=box, style="filled,rounded", fillcolor="#dcfce7"',
    NodeKind.BACKWARD: 'shape=box, style="filled,rounded", fillcolor="#fee2e2"',
}


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
            lines.append(f"  n{source} -> n{node.id} [label={_quoted(shape_text(graph.nodes[source]))}];")
    return "\n".join([*lines, "}"]) + "\n"


def to_json(graph: ComputationalGraph) -> str:
    """The graph's nodes as a JSON document."""
    return json.dumps(graph.to_json(), indent=1)


def _dot_node(node: GraphNode) -> str:
    about = [node.name, f"{shape_text(node)}"]
    if node.kind is NodeKind.PARAMETER:
        about.append(f"{node.parameters:,} parameters")
    if node.flops:
        about.append(f"{node.flops:,} FLOPs")
    return f"n{node.id} [label={_quoted(chr(10).join(about))}, {_STYLES[node.kind]}];"


def _quoted(text: str) -> str:
    """A DOT string; its line breaks are written as \\n."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
