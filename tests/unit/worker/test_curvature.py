"""Estimates of the curvature from micro-batches add up to one of the mini-batch."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from chainrule.core import nn
from chainrule.core.nn import ForwardContext
from chainrule.worker.data.dataset import Dataset
from chainrule.worker.data.transform import FeatureTransform
from chainrule.worker.gradient_worker import GradientComputer
from chainrule.worker.objective import Objective
from chainrule.worker.optimization import Estimator
from chainrule.worker.spec import parse_spec

SAMPLES = 24


def objective(dataset: Dataset) -> Objective:
    described = {"model": ["relu"], "loss": "softmax_cross_entropy", "optimizer": "adam"}
    return Objective(parse_spec({"dataset": {"source": "digits"}, **described}), dataset)


def test_elements_of_a_sequence_that_the_loss_ignores_are_not_in_the_estimate() -> None:
    def estimated(labels: list[list[int]]) -> np.ndarray:
        model = nn.Sequential(nn.TimeLinear(3, 4))
        nn.initialize(model, 0)
        features = np.random.default_rng(0).standard_normal((2, 3, 3), np.float32)
        features[:, 2] = 1000.0
        targets = np.array(labels)
        dataset = Dataset(features, targets, features, targets, 4, FeatureTransform.identity())
        loss = {"softmax_cross_entropy": {"ignored": -1}}
        described = {"model": ["relu"], "loss": loss, "optimizer": "adam"}
        spec = parse_spec({"dataset": {"source": "digits"}, **described})
        made = GradientComputer(model, dataset, Objective(spec, dataset), "cpu")
        made.use([tensor.data for tensor in model.parameters().values()])
        out = [np.zeros(tensor.shape, np.float32) for tensor in model.parameters().values()]
        context = ForwardContext(training=True, seed=5)
        made.curvature(np.arange(2), 2, context, out, "gauss_newton_bartlett")
        return out[0]

    assert 0 < np.abs(estimated([[0, 1, -1], [2, 3, -1]])).max() < 100
    np.testing.assert_array_equal(estimated([[-1, -1, -1], [-1, -1, -1]]), 0)


def computer() -> tuple[GradientComputer, nn.Module]:
    model = nn.Sequential(nn.Linear(3, 4))
    nn.initialize(model, 0)
    random = np.random.default_rng(0)
    features, targets = random.standard_normal((SAMPLES, 3), np.float32), random.integers(0, 4, SAMPLES)
    dataset = Dataset(features, targets, features, targets, 4, FeatureTransform.identity())
    made = GradientComputer(model, dataset, objective(dataset), "cpu")
    made.use([tensor.data for tensor in model.parameters().values()])
    return made, model


def estimate(estimator: Estimator, cuts: list[int], step: int = 0) -> np.ndarray:
    """The sum of the shares of the micro-batches between these bounds."""
    made, model = computer()
    total = np.zeros(sum(tensor.size for tensor in model.parameters().values()))
    for start, stop in pairwise(cuts):
        out = [np.zeros(tensor.shape, np.float32) for tensor in model.parameters().values()]
        context = ForwardContext(training=True, seed=5, step=step, first_sample=start)
        made.curvature(np.arange(start, stop), SAMPLES, context, out, estimator)
        total += np.concatenate([values.reshape(-1) for values in out])
    return total


def test_hutchinsons_shares_add_up_to_the_estimate_of_the_whole() -> None:
    whole = estimate("hutchinson", [0, SAMPLES])
    np.testing.assert_allclose(estimate("hutchinson", [0, 5, 11, SAMPLES]), whole, rtol=1e-4, atol=1e-6)
    assert np.abs(whole).max() > 0.01


@pytest.mark.parametrize("cuts", [[0, SAMPLES], [0, 7, SAMPLES], [0, 5, 11, SAMPLES]])
def test_gauss_newton_bartletts_shares_are_right_on_average(cuts: list[int]) -> None:
    _, model = computer()
    features = np.random.default_rng(0).standard_normal((SAMPLES, 3), np.float32)
    weight, bias = (tensor.data for tensor in model.parameters().values())
    logits = features @ weight + bias
    softmax = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    spread = softmax * (1 - softmax)
    diagonal = np.concatenate([(features**2).T @ spread, spread.sum(axis=0)[None]]).reshape(-1) / SAMPLES
    mean = np.mean([estimate("gauss_newton_bartlett", cuts, step) for step in range(1500)], axis=0)
    np.testing.assert_allclose(mean, diagonal, rtol=0.2)
