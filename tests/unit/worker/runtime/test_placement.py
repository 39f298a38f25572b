"""Which nodes a job is laid out over."""

from __future__ import annotations

import pytest

from chainrule.worker.runtime.placement import NODE_LABEL, Node, Share, arrange, room
from chainrule.worker.spec import PlacementSpec

CPU = Share(1.0, 0.0)


def node(name: str, cpus: float, free: float | None = None, gpus: float = 0, **labels: str) -> Node:
    total = {"CPU": cpus, "GPU": gpus}
    return Node(name, f"host-{name}", total, {**total, "CPU": cpus if free is None else free}, labels)


def laid_out(workers: int, *nodes: Node, share: Share = CPU, driver: str = "a", **placement):
    layout = arrange(PlacementSpec(**placement), share, workers, nodes, driver)
    return layout.strategy, layout.workers, layout.pinned


@pytest.mark.parametrize(
    ("workers", "nodes", "expected"),
    [
        (2, [node("a", 4), node("b", 8)], ((2,), "a")),
        (6, [node("a", 4), node("b", 8)], ((4, 1, 1), "a")),
        (2, [node("a", 4, free=1), node("b", 8)], ((1, 1), "a")),
        (2, [node("a", 4, free=0), node("b", 8)], ((0, 1, 1), "a")),
        # Without room for any worker there, home is where most of them have room.
        (6, [node("a", 0), node("b", 2), node("c", 4)], ((4, 1, 1), None)),
        # Not free yet: it waits for what could be.
        (2, [node("a", 2, free=1), node("b", 1, free=0)], ((2,), "a")),
        (9, [node("a", 2)], ((2, 1, 1, 1, 1, 1, 1, 1), "a")),
        (3, [], ((3,), None)),
    ],
)
def test_pack_takes_the_drivers_node_first_and_then_single_places(workers, nodes, expected):
    assert laid_out(workers, *nodes) == ("PACK", *expected)


@pytest.mark.parametrize(
    ("workers", "expected"), [(1, (1,)), (2, (1, 1)), (3, (1, 1, 1)), (5, (2, 2, 1)), (6, (2, 2, 2))]
)
def test_spread_deals_workers_out_evenly(workers, expected):
    nodes = [node("a", 4), node("b", 4), node("c", 4)]
    assert laid_out(workers, *nodes, strategy="spread") == ("SPREAD", expected, "a")


@pytest.mark.parametrize(
    ("workers", "cpus", "pinned"), [(2, 4, "a"), (6, 4, None)], ids=["the driver's", "where there is room"]
)
def test_a_job_that_needs_one_node_gets_one_bundle_and_further_workers_there(workers, cpus, pinned):
    nodes = [node("a", cpus), node("b", 8)]
    layout = arrange(PlacementSpec(), CPU, workers, nodes, "a", together=True)
    assert (layout.strategy, layout.workers, layout.pinned) == ("STRICT_PACK", (workers,), pinned)
    assert layout.of_one_more("home").selectors() == [{NODE_LABEL: "home"}]


def test_a_further_worker_of_a_job_over_several_nodes_goes_anywhere_with_its_labels():
    layout = arrange(PlacementSpec(node_labels={"zone": "x"}), CPU, 1, [node("a", 1, zone="x")], "a")
    further = layout.of_one_more("a")
    assert (further.bundles(), further.selectors()) == ([{"CPU": 1.0}], [{"zone": "x"}])


def test_only_nodes_with_the_labels_count():
    nodes = [node("a", 8), node("b", 8, zone="x"), node("c", 8, zone="x"), node("d", 8, zone="y")]
    labels = {"zone": "x"}
    assert laid_out(4, *nodes, strategy="spread", node_labels=labels) == ("SPREAD", (2, 2), None)
    layout = arrange(PlacementSpec(node_labels=labels), CPU, 9, nodes, "b")
    assert layout.selectors() == [{"zone": "x", NODE_LABEL: "b"}, {"zone": "x"}]


def test_fractions_of_gpus_share_one_and_above_one_only_whole_ones_are_asked_for():
    half = Share(0.5, 0.5)
    assert [half.of(workers) for workers in (1, 2, 3)] == [
        {"CPU": 0.5, "GPU": 0.5},
        {"CPU": 1.0, "GPU": 1.0},
        {"CPU": 1.5, "GPU": 2},
    ]
    nodes = [node("a", 8, gpus=1), node("b", 8, gpus=1)]
    assert laid_out(3, *nodes, share=half) == ("PACK", (2, 1), "a")


def test_a_home_without_workers_asks_for_next_to_nothing():
    layout = arrange(PlacementSpec(), CPU, 1, [node("a", 1, free=0), node("b", 1)], "a")
    assert layout.bundles() == [{"memory": 1}, {"CPU": 1.0}]


def test_what_the_nodes_have_is_told_with_what_they_lack():
    nodes = [node("a", 4, free=1), Node("b", "host-b", {"memory": 9.0}, {}, {})]
    assert room(nodes, {"zone": "x"}) == (
        "host-a (1 of 4 CPU free, 0 of 0 GPU free, without the label zone: x); "
        "host-b (no CPU, without the label zone: x)"
    )
