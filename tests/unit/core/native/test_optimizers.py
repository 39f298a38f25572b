"""Optimizers in one pass: the very bits of NumPy's formulas, wherever a slice begins, on any threads."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from chainrule.core import native, nn, optim
from chainrule.core.tensor import Tensor

RULES = [
    optim.SGD(0.1),
    optim.SGD(0.1, weight_decay=0.01),
    optim.SGD(0.1, momentum=0.9, weight_decay=0.01),
    optim.SGD(0.1, momentum=0.9, nesterov=True),
    optim.Adam(),
    optim.Adam(weight_decay=0.01),
    optim.AdamW(),
    optim.AMSGrad(weight_decay=0.01),
    optim.NAdam(),
    optim.RAdam(beta2=0.5),
    optim.RAdam(weight_decay=0.01),
    optim.AdaGrad(weight_decay=0.01),
    optim.RMSProp(),
    optim.RMSProp(momentum=0.9, weight_decay=0.01),
    optim.RMSProp(centered=True),
    optim.Lion(weight_decay=0.01),
    optim.AdaDelta(),
]


def trained(rule: optim.Rule, size: int, offset: int = 0) -> bytes:
    """Parameters and state after five steps on a slice that begins `offset` elements into its buffers."""
    rng = np.random.default_rng(size)

    def buffer(values: np.ndarray) -> np.ndarray:
        whole = np.empty(offset + size, np.float32)
        whole[offset:] = values
        return whole[offset:]

    parameters = buffer(rng.standard_normal(size))
    state = [buffer(np.zeros(size)) for _ in rule.slots]
    for step in range(1, 6):
        gradient = buffer(rng.standard_normal(size) * 10.0**-step)
        if size > 3:
            gradient[:3] = 0, -0.0, 1e-12
        rule.update(step, gradient, parameters, state, parameters, state)
    return b"".join(row.tobytes() for row in (parameters, *state))


@pytest.mark.parametrize("rule", RULES, ids=repr)
@pytest.mark.parametrize("size", [1, 17, 1000, 40_001])
def test_a_step_gives_the_bits_of_numpys_formula(
    rule: optim.Rule, size: int, by_numpy: Callable[[Callable[[], bytes]], bytes]
) -> None:
    assert trained(rule, size) == by_numpy(lambda: trained(rule, size))


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_where_a_slice_begins_and_how_many_threads_there_are_changes_no_bit(rule: optim.Rule) -> None:
    native.use_threads(1)
    alone = trained(rule, 70_001)
    native.use_threads(2)
    assert alone == trained(rule, 70_001) == trained(rule, 70_001, offset=3)


@pytest.mark.parametrize("rule", [optim.SGD(), optim.Adam(), optim.Lion()], ids=repr)
def test_nan_and_infinity_in_a_gradient_are_seen_in_the_parameters(rule: optim.Rule) -> None:
    for bad in (np.nan, np.inf):
        parameters, state = np.ones(40, np.float32), [np.zeros(40, np.float32) for _ in rule.slots]
        gradient = np.ones(40, np.float32)
        gradient[21] = bad
        rule.update(1, gradient, parameters, state, parameters, state)
        assert np.isfinite(parameters).sum() == (40 if bad == np.inf and rule.slots == ("momentum",) else 39)


def test_moments_too_small_for_normal_numbers_become_zero() -> None:
    parameters, state = np.ones(40, np.float32), [np.full(40, 1e-38, np.float32) for _ in range(2)]
    optim.Adam().update(9, np.zeros(40, np.float32), parameters, state, parameters, state)
    assert not state[0].any()
    assert not state[1].any()
    assert (np.full(4, 1e-38, np.float32) * np.float32(0.5)).all(), "NumPy itself computes as before"


def test_a_subclass_with_a_formula_of_its_own_is_not_given_the_kernel_of_its_parent() -> None:
    class Still(optim.SGD):
        def kernel(self, step, xp, number):
            return lambda gradient, state, new_state, spare, out: xp.multiply(gradient, 0, out=out)

    parameters = np.ones(10, np.float32)
    Still().update(1, np.ones(10, np.float32), parameters, [], parameters, [])
    assert (parameters == 1).all()


@pytest.mark.parametrize(
    "groups", [(), (optim.Group("*.bias", learning_rate=0.5), optim.Group("layers.0.weight", frozen=True))]
)
def test_an_optimizer_of_a_model_gives_the_bits_of_numpys_formula(
    groups: tuple[optim.Group, ...], by_numpy: Callable[[Callable[[], bytes]], bytes]
) -> None:
    def train() -> bytes:
        model = nn.Sequential(nn.Linear(20, 30), nn.ReLU(), nn.Linear(30, 3))
        nn.initialize(model, 0)
        optimizer = optim.FlatOptimizer(optim.Adam(), model, groups, schedule=optim.schedules.Cosine(9))
        rng = np.random.default_rng(0)
        for _ in range(5):
            for parameter in model.parameters().values():
                parameter.grad = Tensor(rng.standard_normal(parameter.shape, np.float32))
            optimizer.step()
        return b"".join(row.tobytes() for row in (optimizer.parameters, *optimizer.state))

    assert train() == by_numpy(train)


def test_versions_that_take_turns_and_new_buffers_are_each_written_where_they_are() -> None:
    layout = optim.flat_update.FlatLayout.of({"w": (50,)})
    update = optim.FlatUpdate(layout, optim.SGD(1.0))
    one, other = np.zeros(64, np.float32), np.zeros(64, np.float32)
    for step in range(1, 4):
        update.update(step, np.ones(64, np.float32), one, [], other, [])
        one, other = other, one
    update.update(4, np.ones(64, np.float32), one, [], third := np.zeros(64, np.float32), [])
    assert (one == -3).all()
    assert (other == -2).all()
    assert (third == -4).all()


@pytest.mark.parametrize("size", [1, 33, 20_000])
def test_a_moving_average_has_the_bits_of_numpys_formula(
    size: int, by_numpy: Callable[[Callable[[], bytes]], bytes]
) -> None:
    def averaged() -> bytes:
        rng = np.random.default_rng(size)
        average = rng.standard_normal(size, np.float32)
        for step in range(1, 4):
            optim.MovingAverage().update(step, rng.standard_normal(size, np.float32), average, average)
        return average.tobytes()

    assert averaged() == by_numpy(averaged)
