"""Losses and metrics: values worked out by hand, and parts that add up to the whole."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from chainrule.core import Tensor, grad, losses, metrics, ops
from chainrule.core.errors import ShapeError

RNG = np.random.default_rng(0)
LOGITS = RNG.standard_normal((12, 5))
LABELS = RNG.integers(0, 5, 12)
TARGETS = RNG.standard_normal((12, 5))


def test_squared_error_is_the_mean_over_samples_and_outputs() -> None:
    prediction = Tensor(np.array([[1.0, 2.0], [3.0, 4.0]]))
    assert losses.squared_error(prediction, np.array([[1.0, 0.0], [0.0, 4.0]])).item() == pytest.approx(
        13 / 4
    )


def test_softmax_cross_entropy_of_equal_logits_is_the_log_of_the_classes() -> None:
    assert losses.softmax_cross_entropy(Tensor(np.zeros((3, 10))), np.arange(3)).item() == pytest.approx(
        np.log(10)
    )


def test_fused_cross_entropy_agrees_with_the_composed_form_in_value_and_gradient() -> None:
    x = Tensor(LOGITS, requires_grad=True)
    fused = losses.softmax_cross_entropy(x, LABELS)
    composed = -ops.mean(ops.log_softmax(x)[np.arange(12), LABELS])
    assert fused.item() == pytest.approx(composed.item(), rel=1e-14)
    np.testing.assert_allclose(grad(fused, [x])[0].data, grad(composed, [x])[0].data, rtol=1e-12, atol=1e-15)


def test_fused_linear_agrees_with_the_composed_form_in_value_and_gradient() -> None:
    tensors = [Tensor(RNG.standard_normal(shape), requires_grad=True) for shape in ((6, 4), (4, 3), (3,))]
    x, weight, bias = tensors
    fused, composed = ops.linear(x, weight, bias), x @ weight + bias
    np.testing.assert_allclose(fused.data, composed.data, rtol=1e-14)
    pairs = zip(grad((fused * fused).sum(), tensors), grad((composed * composed).sum(), tensors), strict=True)
    for one, other in pairs:
        np.testing.assert_allclose(one.data, other.data, rtol=1e-12)


@pytest.mark.parametrize(("name", "targets"), [("squared_error", TARGETS), ("softmax_cross_entropy", LABELS)])
@pytest.mark.parametrize("bounds", [[0, 12], [0, 5, 12], [0, 1, 3, 12]])
def test_sums_over_parts_divided_by_the_samples_are_the_mean(name: str, targets, bounds: list[int]) -> None:
    loss = losses.LOSSES[name]
    parts = [
        loss(Tensor(LOGITS[start:stop]), targets[start:stop], reduction="sum").item()
        for start, stop in pairwise(bounds)
    ]
    assert sum(parts) / 12 == pytest.approx(loss(Tensor(LOGITS), targets).item(), rel=1e-12)


def test_a_target_that_would_broadcast_is_refused() -> None:
    with pytest.raises(
        ShapeError, match=r"squared_error, argument target: expected shape \(4, 1\), got shape \(4,\)"
    ):
        losses.squared_error(Tensor(np.zeros((4, 1))), np.zeros(4))


def test_metrics_are_sums_over_samples() -> None:
    outputs = np.array([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]])
    assert metrics.accuracy(outputs, np.array([1, 1, 1])) == 2.0
    assert (
        metrics.mean_absolute_error(np.array([[1.0, 2.0], [0.0, 0.0]]), np.array([[0.0, 0.0], [1.0, 0.0]]))
        == 2.0
    )
    assert metrics.mean_absolute_error(np.zeros((0, 2)), np.zeros((0, 2))) == 0.0


def test_metrics_over_chunks_add_up_to_the_whole() -> None:
    for name, targets in (("accuracy", LABELS), ("mean_absolute_error", TARGETS)):
        metric = metrics.METRICS[name]
        parts = sum(metric(LOGITS[at : at + 5], targets[at : at + 5]) for at in (0, 5, 10))
        assert parts == pytest.approx(metric(LOGITS, targets), rel=1e-14)


def test_metrics_refuse_targets_of_another_shape() -> None:
    with pytest.raises(ShapeError, match="accuracy"):
        metrics.accuracy(np.zeros((3, 2)), np.zeros((3, 1)))
    with pytest.raises(ShapeError, match="mean_absolute_error"):
        metrics.mean_absolute_error(np.zeros((3, 1)), np.zeros(3))


def test_only_known_metrics_are_better_when_higher() -> None:
    assert set(metrics.METRICS) > metrics.HIGHER_IS_BETTER
