"""Pictures of graphs: nothing overlaps, all of the graph is in them, and what is written is escaped."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import numpy as np
import pytest
from drawn_graphs import MODELS, SVG, Drawing, faults, read, traced

from chainrule import drawing
from chainrule.core import Tensor, nn, trace
from chainrule.core.tracing import NodeKind

LEVELS = [pytest.param(False, id="layers"), pytest.param(True, id="operations")]


@pytest.mark.parametrize("operations", LEVELS)
@pytest.mark.parametrize("backward", [pytest.param(False, id="forward"), pytest.param(True, id="backward")])
@pytest.mark.parametrize("name", MODELS)
def test_nothing_overlaps_and_no_line_crosses_a_box_or_a_word(
    name: str, backward: bool, operations: bool
) -> None:
    assert faults(read(drawing.to_svg(traced(name, backward), operations))) == []


def test_what_would_be_wrong_with_a_drawing_is_found() -> None:
    good = read(drawing.to_svg(traced("mlp"), operations=True))
    node, line = good.nodes[1], good.lines[0]
    shifted = replace(node, left=node.left - 200)

    def wrong(**changes: object) -> str:
        return " ".join(faults(replace(good, **changes)))  # pyright: ignore[reportArgumentType]

    assert "boxes overlap" in wrong(nodes=(*good.nodes, node))
    assert "a box is half in a group" in wrong(nodes=(shifted,))
    assert "groups overlap" in wrong(groups=(*good.groups, replace(good.groups[0], left=50.0, right=400.0)))
    assert "words overlap" in wrong(values=(*good.values, good.values[0]))
    assert "words on a box" in wrong(values=(node,))
    assert "words do not fit" in wrong(inner_words=((node, good.nodes[0]),))
    assert "a line crosses" in wrong(lines=(replace(line, bottom=line.bottom + 500),))


def test_by_default_each_layer_is_one_box_with_its_cost() -> None:
    words = [node.words for node in read(drawing.to_svg(traced("cnn"))).nodes]
    assert len(words) == 20 + 3
    assert words[:3] == [
        "input",
        "conv2d layers.0 40 parameters · 77.8 k FLOPs",
        "batch_norm layers.1 8 parameters · 12.3 k FLOPs",
    ]
    assert words[-2:] == ["loss 13 FLOPs", "output"]


def test_each_operation_is_one_box_with_what_it_reads_where_that_is_asked_for() -> None:
    graph = traced("cnn", backward=True)
    computed = [node for node in graph.nodes if node.kind in (NodeKind.FORWARD, NodeKind.BACKWARD)]
    words = [node.words for node in read(drawing.to_svg(graph, operations=True)).nodes]
    assert len(words) == len(computed) + 2
    assert "convolve_bias weight 4×1×3×3 bias 4" in words


def test_every_value_stands_on_a_line_with_its_shape_and_its_dtype_if_that_is_unusual() -> None:
    values = [value.words for value in read(drawing.to_svg(traced("transformer"))).values]
    assert values[:3] == ["4×10 int64", "4×10×8", "4×10×8"]
    assert "scalar" in values


@pytest.mark.parametrize("operations", LEVELS)
@pytest.mark.parametrize("name", ["rnn", "lstm"])
def test_the_steps_of_an_unrolled_layer_stand_side_by_side_in_the_order_of_time(
    name: str, operations: bool
) -> None:
    shown = read(drawing.to_svg(traced(name), operations))
    places = shown.titles if operations else shown.nodes
    steps = {place.words.split(" ")[1]: place for place in places if place.words.startswith("step ")}
    assert list(steps) == [str(number) for number in range(1, 11)]
    lefts = [place.left for place in steps.values()]
    assert lefts == sorted(lefts)
    assert max(place.top for place in steps.values()) < min(place.bottom for place in steps.values()) + 40


def test_a_layer_of_many_steps_is_one_box() -> None:
    graph = trace(nn.Sequential(nn.RNN(3, 4)), Tensor(np.ones((2, 40, 3), np.float32)))
    assert [node.words.split(" ")[0] for node in read(drawing.to_svg(graph)).nodes] == [
        "input",
        "rnn",
        "output",
    ]


def test_gradients_have_their_own_colour_and_stand_beside_their_layer_against_the_current() -> None:
    assert 'class="backward"' not in drawing.to_svg(traced("mlp"))
    boxes = {
        node.words.partition(" layers.")[0]: node for node in read(drawing.to_svg(traced("mlp", True))).nodes
    }
    assert 'class="backward"' in drawing.to_svg(traced("mlp", True))
    relu, gradient = boxes["relu"], next(box for words, box in boxes.items() if words.startswith("∂ relu"))
    assert relu.top == gradient.top
    assert relu.right < gradient.left


def test_layers_inside_others_are_drawn_inside_them() -> None:
    shown = read(drawing.to_svg(traced("resnet")))
    (inner,) = (node for node in shown.nodes if node.words.startswith("conv2d shortcut"))
    around = [group for group in shown.groups if group.holds(inner)]
    held = [title.words for title in shown.titles if any(group.holds(title) for group in around)]
    assert held[:2] == ["residual", "layers.3"]


def test_weights_used_more_than_once_are_marked() -> None:
    assert 'class="parameter shared"' in drawing.to_svg(traced("shared"), operations=True)
    assert 'class="parameter shared"' not in drawing.to_svg(traced("mlp"), operations=True)
    shown = [node.words for node in read(drawing.to_svg(traced("shared"))).nodes]
    assert "linear layers.0 42 parameters, shared · 312 FLOPs" in shown


def test_the_head_has_the_totals_and_the_legend_of_what_is_there() -> None:
    texts = [text.text for text in ElementTree.fromstring(drawing.to_svg(traced("mlp"))).iter(f"{SVG}text")]
    assert texts[0] == "83 parameters · 665 FLOPs forward · 376 B of activations"
    assert texts[1:4] == ["operations", "input, output", "parameters"]


def test_what_is_pointed_at_tells_everything() -> None:
    titles = [
        title.text for title in ElementTree.fromstring(drawing.to_svg(traced("mlp"))).iter(f"{SVG}title")
    ]
    assert (
        titles[1]
        == "linear, layers.0.linear\ngives 4×5, float32, 80 bytes\nreads 35 parameters\ntakes 260 FLOPs"
    )


def test_what_is_written_is_escaped() -> None:
    class Odd(nn.Linear):
        kind = "<script>\"&'"

    svg = drawing.to_svg(trace(nn.Sequential(Odd(6, 3)), Tensor(np.ones((4, 6), np.float32))))
    assert "<script>" not in svg
    assert any("<script>\"&'" in node.words for node in read(svg).nodes)


@pytest.mark.parametrize("operations", LEVELS)
def test_the_same_graph_gives_the_same_bytes(operations: bool) -> None:
    assert drawing.to_svg(traced("lstm", True), operations) == drawing.to_svg(
        traced("lstm", True), operations
    )


def test_an_svg_needs_nothing_from_elsewhere_and_brings_its_background() -> None:
    svg = drawing.to_svg(traced("cnn"))
    assert re.findall(r"https?://[^\"]+", svg) == ["http://www.w3.org/2000/svg"]
    assert 'class="page" width="100%" height="100%"' in svg


def test_a_notebook_shows_the_picture_and_not_its_text() -> None:
    picture = drawing.to_svg(traced("mlp"))
    assert picture._repr_svg_() == picture


def test_a_drawing_lies_within_its_page() -> None:
    shown: Drawing = read(drawing.to_svg(traced("resnet", True), operations=True))
    width = max(group.right for group in shown.groups) - min(group.left for group in shown.groups)
    assert width <= shown.page.right
    assert max(node.bottom for node in shown.nodes) <= shown.page.bottom
