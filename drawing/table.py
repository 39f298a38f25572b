"""What the layers of a computational graph give and cost, as rows and as a table."""

from __future__ import annotations

from dataclasses import dataclass

from ..core.tracing import ComputationalGraph, GraphNode, NodeKind


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


def total_row(graph: ComputationalGraph) -> LayerRow:
    """The sums over all layers, shared parameters counting once, and the shape of what comes out."""
    rows = layer_rows(graph)
    return LayerRow(
        "total",
        rows[-1].output_shape if rows else (),
        sum(node.parameters for node in graph.nodes if node.kind is NodeKind.PARAMETER),
        sum(row.flops for row in rows),
        sum(row.backward_flops for row in rows),
        sum(row.activations for row in rows),
    )


def table(graph: ComputationalGraph) -> str:
    """A line a layer, and the totals: output shape, parameters, FLOPs, activation memory in bytes."""
    cells = [["layer", "output", "parameters", "FLOPs", "backward FLOPs", "activations"]]
    for row in (*layer_rows(graph), total_row(graph)):
        numbers = (row.parameters, row.flops, row.backward_flops, row.activations)
        cells.append([row.layer or "(outside)", str(row.output_shape), *(f"{n:,}" for n in numbers)])
    cells[-1][1] = ""
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    )
