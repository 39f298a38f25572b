"""Gradients of a job in half precision: float32 outside, scaled where needed; evaluation is in float32."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from chainrule.core import nn
from chainrule.core.nn import ForwardContext
from chainrule.worker.data.dataset import Dataset
from chainrule.worker.data.transform import FeatureTransform
from chainrule.worker.gradient_worker import GradientComputer
from chainrule.worker.objective import Objective
from chainrule.worker.spec import parse_spec

SAMPLES = np.arange(16)
TRAINING = ForwardContext(training=True, seed=1)


def objective(dataset: Dataset) -> Objective:
    described = {"model": ["relu"], "loss": "softmax_cross_entropy", "optimizer": "adam"}
    spec = parse_spec({"dataset": {"source": "digits"}, "metrics": ["accuracy"], **described})
    return Objective(spec, dataset)


def computer(
    precision: str, parameters: Sequence[np.ndarray] = ()
) -> tuple[GradientComputer, list[np.ndarray]]:
    """A computer at the given parameters, or at those that the model starts with; and these."""
    model = nn.Sequential(nn.Linear(6, 12), nn.BatchNorm(12), nn.ReLU(), nn.Linear(12, 3))
    nn.initialize(model, 0)
    rng = np.random.default_rng(0)
    features, targets = rng.standard_normal((16, 6), np.float32), rng.integers(0, 3, 16)
    dataset = Dataset(features, targets, features, targets, 3, FeatureTransform.identity())
    made = GradientComputer(model, dataset, objective(dataset), "cpu", precision)
    used = list(parameters) or [tensor.data.copy() for tensor in model.parameters().values()]
    made.use(used)
    return made, used


def gradient(precision: str, loss_scale: float = 1.0, samples: int = 16) -> tuple[float, np.ndarray]:
    made, parameters = computer(precision)
    out = [np.full_like(values, np.nan) for values in parameters]
    loss = made.gradient(SAMPLES, samples, TRAINING, out, loss_scale)
    return loss, np.concatenate([values.reshape(-1) for values in out])


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_gradients_arrive_in_float32_and_are_nearly_those_of_float32(precision: str) -> None:
    loss, exact = gradient("float32")
    half_loss, half = gradient(precision)
    eps = {"bfloat16": 2.0**-7, "float16": 2.0**-10}[precision]
    assert half.dtype == np.float32
    assert half_loss == pytest.approx(loss, rel=4 * eps)
    assert half_loss != loss
    np.testing.assert_allclose(half, exact, atol=4 * eps * np.abs(exact).max())


def test_a_scaled_loss_saves_gradients_that_float16_cannot_hold() -> None:
    _, exact = gradient("float32", samples=1 << 28)
    _, lost = gradient("float16", samples=1 << 28)
    _, saved = gradient("float16", loss_scale=2.0**18, samples=1 << 28)
    assert np.abs(exact).max() < 2.0**-24
    assert not lost.any()
    np.testing.assert_allclose(saved / 2.0**18, exact, atol=0.01 * np.abs(exact).max())


@pytest.mark.filterwarnings("error")
def test_an_overflow_of_float16_is_a_gradient_that_is_not_finite_and_no_warning() -> None:
    _, overflowed = gradient("float16", loss_scale=2.0**24)
    assert not np.isfinite(overflowed).all()


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_evaluation_is_that_of_the_float32_model_and_training_goes_on_in_halves(precision: str) -> None:
    made, parameters = computer(precision)
    exact, _ = computer("float32", parameters)
    assert made.evaluate(0, 16) == exact.evaluate(0, 16)
    out = [np.empty_like(values) for values in parameters]
    made.gradient(SAMPLES, 16, TRAINING, out)
    np.testing.assert_array_equal(
        np.concatenate([values.reshape(-1) for values in out]), gradient(precision)[1]
    )
