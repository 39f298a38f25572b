"""Optimizers: the same bytes for every cut into shards, in place or not; hyperparameters that cannot work."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.core import ChainruleError, Tensor, nn, optim

RULES = [
    optim.SGD(0.1),
    optim.SGD(0.1, weight_decay=0.01),
    optim.SGD(0.1, momentum=0.9),
    optim.SGD(0.1, momentum=0.9, weight_decay=0.01),
    optim.SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    optim.Adam(),
    optim.Adam(weight_decay=0.01),
    optim.AdamW(),
    optim.AdaGrad(weight_decay=0.01),
    optim.AdaDelta(weight_decay=0.01),
    optim.RMSProp(weight_decay=0.01),
    optim.RMSProp(centered=True, momentum=0.9),
    optim.AMSGrad(weight_decay=0.01),
    optim.NAdam(weight_decay=0.01),
    optim.RAdam(beta2=0.5, weight_decay=0.01),
    optim.RAdam(),
    optim.Lion(weight_decay=0.01),
    optim.Sophia(),
]
NAMES = [repr(rule) for rule in RULES]


def start(rule: optim.Rule, size: int) -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray]]:
    """Parameters, gradients of three steps, and fresh state."""
    rng = np.random.default_rng(size)
    parameters = rng.standard_normal(size, dtype=np.float32)
    gradients = [rng.standard_normal(size, dtype=np.float32) * np.float32(10.0**-step) for step in range(3)]
    return parameters, gradients, [np.zeros(size, np.float32) for _ in rule.slots]


def run(rule: optim.Rule, size: int, cuts: list[int]) -> bytes:
    parameters, gradients, state = start(rule, size)
    bounds = [0, *sorted(min(cut, size) for cut in cuts), size]
    for step, gradient in enumerate(gradients, start=1):
        for left, right in pairwise(bounds):
            part = slice(left, right)
            own = [buffer[part] for buffer in state]
            rule.update(step, gradient[part], parameters[part], own, parameters[part], own)
    return b"".join(buffer.tobytes() for buffer in (parameters, *state))


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(0, 40_000), max_size=9))
def test_any_cut_into_shards_gives_the_same_bytes(rule: optim.Rule, cuts: list[int]) -> None:
    assert run(rule, 40_000, cuts) == run(rule, 40_000, [])


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
@pytest.mark.parametrize("size", [0, 1, 100, 40_000])
def test_writing_to_other_buffers_leaves_the_inputs_alone_and_gives_the_same_bytes(
    rule: optim.Rule, size: int
) -> None:
    parameters, gradients, state = start(rule, size)
    for step, gradient in enumerate(gradients, start=1):
        before = [buffer.copy() for buffer in (gradient, parameters, *state)]
        out_parameters = np.full_like(parameters, np.nan)
        out_state = [np.full_like(buffer, np.nan) for buffer in state]
        rule.update(step, gradient, parameters, state, out_parameters, out_state)
        for buffer, copy in zip((gradient, parameters, *state), before, strict=True):
            np.testing.assert_array_equal(buffer, copy)
        parameters, state = out_parameters, out_state
    assert b"".join(buffer.tobytes() for buffer in (parameters, *state)) == run(rule, size, [])


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_an_update_allocates_no_array_of_the_parameters_length(rule: optim.Rule) -> None:
    parameters, gradients, state = start(rule, 1_000_000)
    tracemalloc.start()
    try:
        rule.update(1, gradients[0], parameters, state, parameters, state)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < parameters.nbytes / 10


def test_adam_moves_each_parameter_by_the_learning_rate_at_the_first_step() -> None:
    parameters, gradients, state = start(optim.Adam(), 100)
    before = parameters.copy()
    optim.Adam(learning_rate=0.01).update(1, gradients[0], parameters, state, parameters, state)
    np.testing.assert_allclose(before - parameters, 0.01 * np.sign(gradients[0]), rtol=1e-3)


def test_an_optimizer_without_gradients_counts_them_as_zero_and_clears_those_it_used() -> None:
    model = nn.Linear(2, 2)
    optimizer = optim.FlatOptimizer(optim.SGD(1.0), model)
    assert model.bias is not None
    before = model.weight.data.copy()
    model.bias.grad = Tensor(np.ones(2, np.float32))
    optimizer.step()
    np.testing.assert_array_equal(model.weight.data, before)
    np.testing.assert_array_equal(model.bias.data, [-1, -1])
    assert model.bias.grad is None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optim.SGD(0), "sgd: expected learning_rate finite and above 0, got 0"),
        (lambda: optim.Adam(float("nan")), "adam: expected learning_rate finite and above 0, got nan"),
        (lambda: optim.AdamW(beta1=1.0), "adamw: expected beta1 at least 0 and below 1, got 1.0"),
        (lambda: optim.Adam(epsilon=-1), "adam: expected epsilon finite and at least 0, got -1"),
        (lambda: optim.SGD(momentum=float("inf")), "sgd: expected momentum finite and at least 0, got inf"),
        (lambda: optim.AdaGrad(-1), "adagrad: expected learning_rate finite and above 0, got -1"),
        (lambda: optim.AdaDelta(rho=1), "adadelta: expected rho at least 0 and below 1, got 1"),
        (lambda: optim.RMSProp(momentum=-1), "rmsprop: expected momentum finite and at least 0, got -1"),
        (lambda: optim.AMSGrad(beta1=-1), "amsgrad: expected beta1 at least 0 and below 1, got -1"),
        (lambda: optim.NAdam(momentum_decay=-1), "nadam: expected momentum_decay finite and at least 0"),
        (lambda: optim.RAdam(beta2=1), "radam: expected beta2 at least 0 and below 1, got 1"),
        (lambda: optim.Lion(weight_decay=-1), "lion: expected weight_decay finite and at least 0, got -1"),
        (lambda: optim.LAMB(epsilon=-1), "lamb: expected epsilon finite and at least 0, got -1"),
        (lambda: optim.Muon(iterations=0), "muon: expected iterations a whole number of at least 1, got 0"),
        (lambda: optim.Sophia(gamma=0), "sophia: expected gamma finite and above 0, got 0"),
        (lambda: optim.MovingAverage(1.0), "moving average: expected decay at least 0 and below 1, got 1.0"),
        (lambda: optim.SGD(nesterov=True), "sgd: nesterov needs a momentum above 0"),
    ],
)
def test_hyperparameters_that_cannot_work_are_refused(make, message: str) -> None:
    with pytest.raises(ChainruleError) as caught:
        make()
    assert str(caught.value).startswith(message)
