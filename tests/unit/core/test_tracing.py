"""The computational graph as data: what was computed, from what, in which layer, at what cost."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from chainrule.core import Tensor, losses, nn
from chainrule.core.backward import watchers
from chainrule.core.graph import observers
from chainrule.core.nn import ForwardContext
from chainrule.core.tracing import ComputationalGraph, NodeKind, trace
from chainrule.drawing import LayerRow, layer_rows, table, to_dot, to_json

BATCH = 4


@pytest.fixture(scope="module")
def model() -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), nn.Linear(6, 5), nn.ReLU(), nn.Sequential(nn.Linear(5, 3)))


def traced(model: nn.Sequential, backward: bool = False) -> ComputationalGraph:
    x = Tensor(np.ones((BATCH, 2, 3), np.float32))
    labels = np.arange(BATCH) % 3
    return trace(model, x, loss=lambda y: losses.softmax_cross_entropy(y, labels), backward=backward)


def test_the_forward_pass_is_listed_in_order_with_layers_shapes_and_sources(model: nn.Sequential) -> None:
    graph = traced(model)
    operations = [node for node in graph.nodes if node.kind is NodeKind.FORWARD]
    assert [(node.name, node.layer, node.shape) for node in operations[:4]] == [
        ("reshape", "layers.0.flatten", (BATCH, 6)),
        ("linear", "layers.1.linear", (BATCH, 5)),
        ("relu", "layers.2.relu", (BATCH, 5)),
        ("linear", "layers.3.layers.0.linear", (BATCH, 3)),
    ]
    names = [graph.nodes[source].name for source in operations[1].inputs]
    assert names == ["reshape", "layers.1.weight", "layers.1.bias"]
    assert graph.nodes[operations[0].inputs[0]].kind is NodeKind.INPUT
    assert all(source < node.id for node in graph.nodes for source in node.inputs)
    assert [node.id for node in graph.nodes] == list(range(len(graph.nodes)))


def test_costs_are_counted(model: nn.Sequential) -> None:
    linear = next(node for node in traced(model).nodes if node.name == "linear")
    assert linear.flops == BATCH * 5 * (2 * 6 + 1)
    assert linear.parameters == 6 * 5 + 5
    assert linear.bytes == BATCH * 5 * 4
    assert linear.dtype == "float32"


def test_the_backward_pass_is_added_on_request_in_the_layers_that_it_goes_through(model) -> None:
    assert not [node for node in traced(model).nodes if node.kind is NodeKind.BACKWARD]
    graph = traced(model, backward=True)
    backward = [node for node in graph.nodes if node.kind is NodeKind.BACKWARD]
    layers = list(dict.fromkeys(node.layer for node in backward if node.layer))
    assert layers == ["loss", "layers.3.layers.0.linear", "layers.2.relu", "layers.1.linear"]
    products = [node for node in backward if node.name == "matmul" and node.layer == "layers.1.linear"]
    assert [(node.shape, node.flops) for node in products] == [((6, 5), 2 * 6 * 5 * BATCH)]


def test_each_backward_operation_names_the_forward_one_that_it_leads_back_through(model) -> None:
    graph = traced(model, backward=True)
    backward = [node for node in graph.nodes if node.kind is NodeKind.BACKWARD]
    origins = [graph.nodes[node.derivative_of] for node in backward if node.derivative_of is not None]
    assert len(origins) == len(backward)
    assert all(origin.kind is NodeKind.FORWARD for origin in origins)
    assert [origin.layer for origin in origins] == [node.layer for node in backward]


def test_tracing_changes_nothing_and_is_over_afterwards(model: nn.Sequential) -> None:
    traced(model, backward=True)
    assert all(parameter.grad is None for parameter in model.parameters().values())
    assert not observers
    assert not watchers


def test_a_row_a_layer_adds_up_its_operations(model: nn.Sequential) -> None:
    rows = layer_rows(traced(model, backward=True))
    linear = next(row for row in rows if row.layer == "layers.1.linear")
    expected = LayerRow(
        "layers.1.linear", (BATCH, 5), 35, BATCH * 5 * 13, 2 * 6 * 5 * BATCH + BATCH * 5, BATCH * 5 * 4
    )
    assert linear == expected


def test_the_table_has_a_line_a_layer_and_totals(model: nn.Sequential) -> None:
    lines = table(traced(model)).splitlines()
    assert re.split(r"\s{2,}", lines[0]) == [
        "layer", "output", "parameters", "FLOPs", "backward FLOPs", "activations"
    ]  # fmt: skip
    assert lines[2].split() == ["layers.1.linear", "(4,", "5)", "35", "260", "0", "80"]
    assert lines[-1].split()[:2] == ["total", "53"]
    assert lines[-2].startswith("loss ")


def test_dot_and_json_hold_every_node_and_edge(model: nn.Sequential) -> None:
    graph = traced(model, backward=True)
    edges = {(source, node.id) for node in graph.nodes for source in node.inputs}
    dot = to_dot(graph)
    assert dot.startswith("digraph model {")
    assert dot.count("{") == dot.count("}")
    assert {tuple(map(int, edge)) for edge in re.findall(r"n(\d+) -> n(\d+)", dot)} == edges
    assert len(re.findall(r"^ +n\d+ \[label", dot, re.MULTILINE)) == len(graph.nodes)
    assert 'label="layers.1.linear"' in dot
    nodes = json.loads(to_json(graph))["nodes"]
    assert len(nodes) == len(graph.nodes)
    assert nodes[0] == {
        "id": 0, "kind": "input", "name": "input", "layer": "", "shape": [4, 2, 3], "dtype": "float32",
        "inputs": [], "parameters": 0, "flops": 0, "bytes": 96, "derivative_of": None,
    }  # fmt: skip


def test_shared_weights_count_once_and_dropout_is_seen_in_training() -> None:
    shared = nn.Linear(3, 3)
    model = nn.Sequential(shared, nn.Dropout(0.5), shared)
    graph = trace(model, Tensor(np.ones((2, 3), np.float32)), ForwardContext(training=True))
    parameters = {node.id for node in graph.nodes if node.kind is NodeKind.PARAMETER}
    used = {source for node in graph.nodes for source in node.inputs} & parameters
    assert used == parameters
    assert len(used) == 2
    assert [node.name for node in graph.nodes if node.layer == "layers.1.dropout"] == ["multiply"]
