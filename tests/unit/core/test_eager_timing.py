"""A step that runs eagerly, timed by what the engine tells: nothing missed, nothing kept, nothing changed."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest

from chainrule.core import Tensor, losses, nn
from chainrule.core.backward import watchers
from chainrule.core.eager_timing import Mark, time_eagerly
from chainrule.core.errors import ChainruleError
from chainrule.core.graph import observers
from chainrule.core.timing import StepTiming

ROWS, INPUTS, UNITS = 64, 128, 256


@pytest.fixture
def step() -> Callable[[Mark], None]:
    """A linear layer, a relu, another linear layer and a loss, forward and backward."""
    model = nn.Sequential(nn.Linear(INPUTS, UNITS), nn.ReLU(), nn.Linear(UNITS, 10))
    nn.initialize(model, 0)
    x = Tensor(np.random.default_rng(0).standard_normal((ROWS, INPUTS)).astype(np.float32))
    labels = np.arange(ROWS) % 10

    def run(mark: Mark) -> None:
        losses.softmax_cross_entropy(model(x, nn.ForwardContext(training=True)), labels).backward()
        for parameter in model.parameters().values():
            parameter.grad = None
        mark("nothing", "", "update")

    return run


@pytest.fixture
def timing(step: Callable[[Mark], None]) -> StepTiming:
    return time_eagerly(step, 3, "because")


def test_each_operation_and_each_derivative_is_a_call_with_its_layer_and_phase(timing: StepTiming) -> None:
    seen = [(call.kernel, call.layer, call.phase) for call in timing.calls]
    assert seen[:3] == [
        ("linear", "layers.0.linear", "forward"),
        ("relu", "layers.1.relu", "forward"),
        ("linear", "layers.2.linear", "forward"),
    ]
    assert seen[3][1:] == ("loss", "forward")
    assert seen[-5:] == [
        ("linear backward", "layers.2.linear", "backward"),
        ("relu backward", "layers.1.relu", "backward"),
        ("linear backward", "layers.0.linear", "backward"),
        ("linear backward", "layers.0.linear", "backward"),
        ("nothing", "", "update"),
    ]


def test_the_calls_follow_one_another_from_the_beginning(timing: StepTiming) -> None:
    end = 0.0
    for call in timing.calls:
        assert call.start == pytest.approx(end, abs=1e-12)
        assert call.seconds >= 0
        end = call.start + call.seconds
    assert end > 0
    assert timing.seconds > 0
    assert (timing.repeats, timing.planned, timing.reason) == (3, False, "because")


def test_a_product_and_its_two_gradients_take_as_many_operations_each(timing: StepTiming) -> None:
    product = ROWS * UNITS * (2 * INPUTS + 1)
    first, weight, bias = (call for call in timing.calls if call.layer == "layers.0.linear")
    assert (first.flops, weight.flops, bias.flops) == (product, product, ROWS * UNITS)
    assert first.bytes == 4 * (ROWS * INPUTS + INPUTS * UNITS + UNITS + ROWS * UNITS)
    assert weight.bytes == 4 * (ROWS * UNITS + ROWS * INPUTS + INPUTS * UNITS)


def test_what_gives_a_view_neither_computes_nor_moves() -> None:
    x = Tensor(np.ones((4, 6), np.float32), requires_grad=True)
    timing = time_eagerly(lambda mark: (x.reshape(24) + 0.0).sum().backward(), 1)
    calls = {call.kernel: (call.flops, call.bytes) for call in timing.calls}
    assert calls["reshape"] == calls["reshape backward"] == calls["add backward"] == (0, 0)
    assert calls["add"][0] == 24


def test_memory_in_use_counts_what_a_call_gives_and_what_is_kept_for_later(timing: StepTiming) -> None:
    hidden = 4 * ROWS * UNITS
    live = [call.live_bytes for call in timing.calls]
    assert hidden <= live[0] < 2 * hidden  # NumPy may take a buffer for itself
    assert live[1] >= 2 * hidden  # relu is given the product, and gives as much
    assert timing.arena_bytes == max(live)
    assert not tracemalloc.is_tracing()


def test_nobody_watches_when_the_step_is_over_or_has_failed(step: Callable[[Mark], None]) -> None:
    before = list(observers), list(watchers)
    time_eagerly(step, 1)

    def fails(mark: Mark) -> None:
        raise ValueError("as it should")

    with pytest.raises(ValueError, match="as it should"):
        time_eagerly(fails, 1)
    assert (observers, watchers) == before


def test_a_step_that_is_another_each_time_is_refused() -> None:
    runs: list[int] = []

    def grows(mark: Mark) -> None:
        runs.append(0)
        for _ in runs:
            mark("more", "", "forward")

    with pytest.raises(ChainruleError, match="something else each time"):
        time_eagerly(grows, 2)
