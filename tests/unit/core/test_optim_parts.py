"""What surrounds an update: clipping, the average of weights, schedules, curvature."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.core import ChainruleError, Tensor, losses, nn, ops, optim
from chainrule.core.optim import schedules
from chainrule.core.optim.muon import orthogonal
from chainrule.core.optim.norm import NORM_BLOCK, norm_of, squared_sums


def test_clipping_by_value_bounds_each_element() -> None:
    gradient = np.array([-3.0, 0.5, 1e4], np.float32)
    optim.clip_by_value(gradient, 1.0)
    np.testing.assert_array_equal(gradient, [-1, 0.5, 1])


def test_clipping_by_norm_scales_a_gradient_that_is_too_long_and_leaves_others_alone() -> None:
    gradient = np.array([3.0, 4.0], np.float32)
    assert optim.clip_by_norm(gradient, 10.0) == 5.0
    np.testing.assert_array_equal(gradient, [3, 4])
    assert optim.clip_by_norm(gradient, 1.0) == 5.0
    np.testing.assert_allclose(gradient, [0.6, 0.8], rtol=1e-6)


def test_clipping_shows_a_gradient_that_is_not_finite() -> None:
    gradient = np.array([np.inf, 1.0], np.float32)
    assert optim.clip_by_norm(gradient, 1.0) == np.inf
    assert gradient[0] == np.inf
    with pytest.raises(ChainruleError, match="clip_by_norm: expected limit above 0, got 0"):
        optim.clip_by_norm(gradient, 0)


def test_the_norm_of_large_float32_values_does_not_overflow() -> None:
    assert norm_of(squared_sums(np.full(5, 1e30, np.float32))) == pytest.approx(np.sqrt(5) * 1e30)


@settings(max_examples=30, deadline=None)
@given(blocks=st.integers(0, 80), rest=st.integers(0, NORM_BLOCK), cut=st.integers(0, 80))
def test_sums_of_squares_of_parts_are_those_of_the_whole(blocks: int, rest: int, cut: int) -> None:
    x = np.random.default_rng(rest).standard_normal(blocks * NORM_BLOCK + rest, dtype=np.float32)
    cut = min(cut, blocks) * NORM_BLOCK
    parts = np.concatenate([squared_sums(x[:cut]), squared_sums(x[cut:])])
    assert parts.tobytes() == squared_sums(x).tobytes()
    assert norm_of(parts) == pytest.approx(np.linalg.norm(x.astype(np.float64)), rel=1e-12)


def test_the_average_follows_its_formula_and_its_warm_up() -> None:
    weights = np.random.default_rng(0).standard_normal((6, 3)).astype(np.float32)
    for warm_up in (False, True):
        average, expected = weights[0].copy(), weights[0].astype(np.float64)
        for step, parameters in enumerate(weights[1:], start=1):
            optim.MovingAverage(0.7, warm_up).update(step, parameters, average, average)
            decay = min(0.7, (1 + step) / (10 + step)) if warm_up else 0.7
            expected = decay * expected + (1 - decay) * parameters
        np.testing.assert_allclose(average, expected, rtol=1e-5)


def test_muons_matrix_is_nearly_orthogonal_whatever_its_shape() -> None:
    for shape in ((4, 9), (9, 4), (6, 6)):
        matrix = np.random.default_rng(0).standard_normal(shape)
        values = np.linalg.svd(orthogonal(matrix), compute_uv=False)
        assert values.min() > 0.6
        assert values.max() < 1.3
    assert not orthogonal(np.zeros((3, 2), np.float32)).any()


def test_schedules_stay_where_they_end() -> None:
    for schedule, end in (
        (schedules.Polynomial(5, final=0.2), 0.2),
        (schedules.Cosine(5, final=0.2), 0.2),
        (schedules.OneCycle(10, final=0.2), 0.2),
    ):
        assert schedule(10_000) == pytest.approx(end)
        assert schedule(1) == pytest.approx(1 / 25 if isinstance(schedule, schedules.OneCycle) else 1)


@pytest.mark.parametrize("growth", [2, 3])
def test_restarts_are_where_the_cycles_lengths_put_them(growth: int) -> None:
    schedule = schedules.CosineRestarts(5, growth=growth)
    step, length = 1, 5
    for _ in range(7):
        assert schedule(step) == 1.0
        assert step == 1 or schedule(step - 1) < 0.1
        step, length = step + length, length * growth


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: schedules.StepDecay(0), "step decay: expected every a whole number of at least 1, got 0"),
        (
            lambda: schedules.OneCycle(10, peak=1.5),
            "one-cycle: expected a peak below 1, and more than 1 / peak steps",
        ),
        (lambda: schedules.Plateau(1.0), "plateau: expected factor above 0 and below 1, got 1.0"),
    ],
)
def test_schedules_that_cannot_work_are_refused(make, message: str) -> None:
    with pytest.raises(ChainruleError) as caught:
        make()
    assert str(caught.value).startswith(message)


def test_a_plateau_counts_what_is_not_a_number_as_no_better() -> None:
    plateau, state = schedules.Plateau(patience=1), schedules.PlateauState()
    for value in (1.0, float("nan"), float("nan")):
        state = plateau.observe(state, value)
    assert state == schedules.PlateauState(0.1, 1.0)


def test_hutchinsons_estimate_is_the_diagonal_of_the_hessian_on_average() -> None:
    rng = np.random.default_rng(0)
    matrix = rng.standard_normal((4, 4))
    hessian = matrix @ matrix.T
    x = Tensor(rng.standard_normal(4), requires_grad=True)
    loss = 0.5 * (x @ Tensor(hessian) @ x)
    estimates = [optim.hutchinson(loss, [x], seed=0, step=step)[0] for step in range(4000)]
    np.testing.assert_allclose(np.mean(estimates, axis=0), np.diag(hessian), atol=0.35)
    np.testing.assert_array_equal(optim.hutchinson(loss, [x], 0, 7)[0], estimates[7])


def test_hutchinsons_estimate_of_a_loss_without_curvature_is_0() -> None:
    x = Tensor(np.ones(3), requires_grad=True)
    assert not optim.hutchinson((2 * x).sum(), [x], seed=0, step=1)[0].any()


def test_gauss_newton_bartletts_estimate_is_the_diagonal_of_the_gauss_newton_matrix_on_average() -> None:
    rng = np.random.default_rng(1)
    features = rng.standard_normal((6, 3))
    weight = Tensor(rng.standard_normal((3, 4)), requires_grad=True)
    logits = ops.matmul(Tensor(features), weight)
    estimates = [optim.gauss_newton_bartlett(logits, [weight], seed=0, step=step)[0] for step in range(4000)]
    p = ops.softmax(logits.data)
    # For a linear model the diagonal is mean_i x_ij² p_ik (1 - p_ik).
    expected = (features**2).T @ (p * (1 - p)) / 6
    np.testing.assert_allclose(np.mean(estimates, axis=0), expected, rtol=0.12, atol=0.01)
    assert min(estimate.min() for estimate in estimates) >= 0


def test_sophia_learns_with_each_of_its_estimators() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((64, 5)).astype(np.float32)
    labels = (x[:, 0] * x[:, 1] > 0).astype(np.int64)
    for estimator in ("hutchinson", "gauss_newton_bartlett"):
        model = nn.Sequential(nn.Linear(5, 16), nn.Tanh(), nn.Linear(16, 2))
        nn.initialize(model, 0)
        rule = optim.Sophia(0.05, gamma=0.05, weight_decay=0.0)
        optimizer = optim.FlatOptimizer(rule, model)
        parameters = list(model.parameters().values())
        values = []
        for step in range(1, 101):
            logits = model(Tensor(x))
            loss = losses.softmax_cross_entropy(logits, labels)
            values.append(loss.item())
            if rule.observes(step) and estimator == "hutchinson":
                optimizer.observe_curvature(optim.hutchinson(loss, parameters, 0, step))
            elif rule.observes(step):
                optimizer.observe_curvature(optim.gauss_newton_bartlett(logits, parameters, 0, step))
            loss.backward()
            optimizer.step()
        assert values[-1] < 0.3 * values[0]


def test_only_sophia_takes_estimates_of_curvature() -> None:
    with pytest.raises(TypeError, match="expected the rule Sophia, got Adam"):
        optim.FlatOptimizer(optim.Adam(), nn.Linear(2, 2)).observe_curvature([])
