"""A planned step, timed kernel by kernel: all of it, in its layers, with what each computes and moves."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.core import Tensor, losses, native, nn
from chainrule.core.array import Array
from chainrule.core.eager_timing import Mark
from chainrule.core.plan import Plan
from chainrule.core.planned_timing import PlannedStep, time_planned
from chainrule.core.timing import StepTiming

ROWS, INPUTS, UNITS = 32, 48, 64


def planned(model: nn.Module, x: np.ndarray, labels: np.ndarray) -> StepTiming | None:
    """The timing of a step of `model`, with an update that does nothing."""
    nn.initialize(model, 0)
    parameters = list(model.parameters().values())
    out = [np.zeros_like(parameter.data) for parameter in parameters]
    context = nn.ForwardContext(training=True)

    def compute(x: Array, labels: Array, context: nn.ForwardContext) -> tuple[Tensor, list[Array]]:
        loss = losses.softmax_cross_entropy(model(Tensor(x), context), labels)
        return loss, [loss.data]

    plan = Plan(compute, parameters)

    def prepare(mark: Mark) -> list[np.ndarray]:
        mark("take", "samples", "forward", bytes=7)
        return [x, labels]

    def finish(mark: Mark) -> None:
        mark("adam", "", "update", flops=5)

    return time_planned(
        PlannedStep(plan, prepare, out, context, finish, lambda: [plan([x, labels], out, context), None][1]),
        3,
    )


@pytest.fixture
def timing() -> StepTiming:
    model = nn.Sequential(nn.Linear(INPUTS, UNITS), nn.ReLU(), nn.Linear(UNITS, 10))
    x = np.random.default_rng(0).standard_normal((ROWS, INPUTS)).astype(np.float32)
    found = planned(model, x, np.arange(ROWS) % 10)
    assert found is not None
    return found


def test_what_is_around_the_plan_has_its_place_before_and_behind_it(timing: StepTiming) -> None:
    assert (timing.planned, timing.repeats, timing.reason) == (True, 3, "")
    first, last = timing.calls[0], timing.calls[-1]
    assert (first.kernel, first.layer, first.phase, first.bytes) == ("take", "samples", "forward", 7)
    assert (last.kernel, last.phase, last.flops) == ("adam", "update", 5)
    assert timing.seconds > 0
    assert all(call.seconds >= 0 for call in timing.calls)
    ends = [call.start + call.seconds for call in timing.calls]
    assert [call.start for call in timing.calls[1:]] == pytest.approx(ends[:-1])


def test_calls_that_lead_back_through_a_layer_are_that_layers(timing: StepTiming) -> None:
    seen = [(call.layer, call.phase) for call in timing.calls]
    assert ("layers.0.linear", "forward") in seen
    assert ("layers.0.linear", "backward") in seen
    assert ("layers.2.linear", "backward") in seen
    assert ("loss", "backward") in seen
    backward = [layer for layer, phase in seen if phase == "backward"]
    assert backward.index("layers.2.linear") < backward.index("layers.0.linear")


def test_products_count_what_they_multiply_and_move(timing: StepTiming) -> None:
    products = [
        call for call in timing.calls if call.kernel.startswith("matmul") and call.layer == "layers.0.linear"
    ]
    flops = 2 * ROWS * INPUTS * UNITS
    assert [call.flops for call in products][:1] == [flops]
    assert products[0].bytes == 4 * (ROWS * INPUTS + INPUTS * UNITS + ROWS * UNITS)
    assert flops in [call.flops for call in products if call.phase == "backward"]


def test_memory_is_that_of_all_values_that_live_and_never_more_than_the_arena(timing: StepTiming) -> None:
    live = [call.live_bytes for call in timing.calls]
    assert max(live) >= 4 * ROWS * UNITS
    assert max(live) <= timing.arena_bytes


def test_kernels_of_recurrent_and_convolutional_layers_count_as_what_they_stand_for() -> None:
    n, time, units = 4, 6, 16
    lstm = nn.Sequential(nn.LSTM(8, units, outputs="last"), nn.Linear(units, 10))
    found = planned(lstm, np.ones((n, time, 8), np.float32), np.arange(n))
    assert found is not None
    (step,) = (call for call in found.calls if call.kernel == "lstm_f32")
    assert step.flops == 2 * n * time * units * 4 * units
    convolution = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(8 * 4 * 4, 10))
    found = planned(convolution, np.ones((n, 3, 6, 6), np.float32), np.arange(n))
    assert found is not None
    counts = {call.kernel: call.flops for call in found.calls if call.kernel.startswith("convolve")}
    product = 2 * n * 8 * 4 * 4 * 3 * 3 * 3
    assert counts == {"convolve_f32": product, "convolve_weight_f32": product}


def test_a_step_that_is_not_planned_has_no_planned_timing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "library", None)
    model = nn.Sequential(nn.Linear(4, 10))
    assert planned(model, np.ones((3, 4), np.float32), np.arange(3)) is None
