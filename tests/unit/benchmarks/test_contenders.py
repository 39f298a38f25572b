"""The networks that the benchmarks time, as chainrule builds them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
NAMES = (
    "64-32-10", "784-128-10", "784-1024-1024-10", "LeNet", "8-layer CNN", "char LSTM",
    "char GRU", "depthwise CNN", "strided CNN", "BatchNorm ResNet-8", "LayerNorm transformer",
)  # fmt: skip


@pytest.fixture(scope="module")
def contenders() -> Iterator[Any]:
    """The package beside the scripts, which find it because they lie there."""
    sys.path.insert(0, str(BENCHMARKS))
    yield import_module("contenders")
    sys.path.remove(str(BENCHMARKS))


@pytest.fixture
def small(contenders: Any, request: pytest.FixtureRequest) -> Any:
    """The workload of that name, with a batch of three."""
    workloads = import_module("contenders.workload")
    named = {workload.name: workload for workload in (*workloads.WORKLOADS, *workloads.OTHERS)}
    assert set(named) == set(NAMES)
    return replace(named[request.param], batch=3)


@pytest.mark.parametrize("small", NAMES, indirect=True)
def test_a_network_learns_by_a_plan_to_the_bit_as_it_does_eagerly(contenders: Any, small: Any) -> None:
    planned, eager = (contenders.builder(place)(small) for place in ("ours.planned", "ours.eager"))
    losses = [[each.array(each.step()).tobytes() for _ in range(6)] for each in (planned, eager)]
    assert losses[0] == losses[1]
    assert planned.train.plan.programs, planned.train.plan.reasons


@pytest.mark.parametrize("small", NAMES, indirect=True)
def test_a_description_counts_the_parameters_that_the_network_has(contenders: Any, small: Any) -> None:
    weights = import_module("contenders.ours").initial_weights(small)
    assert small.bytes_moved("predict") == sum(array.nbytes for array in weights)


def test_arithmetic_is_counted_without_the_gradient_of_the_data(contenders: Any) -> None:
    workload = import_module("contenders.workload").WORKLOADS[0]
    assert workload.flops("predict") == 2 * 32 * (64 * 32 + 32 * 10)
    assert workload.flops("step") == 2 * 32 * (2 * 64 * 32 + 3 * 32 * 10)
