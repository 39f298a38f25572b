"""What PyTorch has no equal of against its paper's formula; optimizers for 20 steps. float32 to 1e-5."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from coverage_table import Kind
from paper_formulas import (
    gauss_newton_bartlett,
    hessian_product,
    lamb,
    lion,
    mel_filters,
    muon,
    sophia,
)

from chainrule.core import Tensor, losses, ops, optim
from chainrule.core.flat import FlatLayout
from chainrule.core.optim import FlatUpdate
from chainrule.core.random import CURVATURE, normal, substream, uniform

Compared = Callable[..., None]
STEPS = 20
SHAPES = [(6, 9), (9, 6), (5, 5)]


def example(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A parameter, its gradients, and estimates of curvature of which some are negative; float32."""
    rng = np.random.default_rng(shape)
    parameter = rng.standard_normal(shape).astype(np.float32)
    gradients = rng.standard_normal((STEPS, *shape)).astype(np.float32)
    estimates = (rng.standard_normal((STEPS, *shape)) ** 3 * 10).astype(np.float32)
    return parameter, gradients, estimates


def steps(
    rule: optim.Rule | optim.WholeRule,
    parameter: np.ndarray,
    gradients: np.ndarray,
    estimates: np.ndarray | None = None,
) -> np.ndarray:
    """(STEPS, *shape): the parameter after each step."""
    size = parameter.size
    update = FlatUpdate(FlatLayout.of({"weight": parameter.shape}), rule)
    total = -(-size // 16) * 16
    state = np.zeros((len(update.slots), total), np.float32)
    values, flat = np.zeros((2, total), np.float32)
    values[:size] = parameter.ravel()
    history = []
    for step, gradient in enumerate(gradients, start=1):
        flat[:size] = gradient.ravel()
        if estimates is not None:
            assert isinstance(rule, optim.Sophia)
            if rule.observes(step):
                estimate = np.zeros(total, np.float32)
                estimate[:size] = estimates[(step - 1) // rule.interval].ravel()
                rule.observe(estimate, list(state), list(state))
        update.update(step, flat, values, list(state), values, list(state))
        history.append(values[:size].reshape(parameter.shape).copy())
    return np.stack(history)


@pytest.mark.parametrize("shape", SHAPES)
def test_lion_agrees_with_its_paper(shape: tuple[int, ...], compared: Compared) -> None:
    parameter, gradients, _ = example(shape)
    rule = optim.Lion(0.01, beta1=0.8, beta2=0.95, weight_decay=0.1)
    expected = lion(parameter, gradients, 0.01, 0.8, 0.95, 0.1)
    compared(Kind.OPTIMIZER, "Lion", [steps(rule, parameter, gradients)], [expected], "Chen et al. (2023)")


@pytest.mark.parametrize("shape", [*SHAPES, (30,)])
def test_lamb_agrees_with_its_paper(shape: tuple[int, ...], compared: Compared) -> None:
    parameter, gradients, _ = example(shape)
    rule = optim.LAMB(0.02, beta1=0.8, beta2=0.95, weight_decay=0.1)
    expected = lamb(parameter, gradients, 0.02, 0.8, 0.95, 1e-6, 0.1)
    compared(Kind.OPTIMIZER, "LAMB", [steps(rule, parameter, gradients)], [expected], "You et al. (2020)")


@pytest.mark.parametrize("shape", SHAPES)
def test_muon_agrees_with_its_formula(shape: tuple[int, ...], compared: Compared) -> None:
    parameter, gradients, _ = example(shape)
    rule = optim.Muon(0.02, momentum=0.9)
    expected = muon(parameter, gradients, 0.02, 0.9, 0.1)
    compared(Kind.OPTIMIZER, "Muon", [steps(rule, parameter, gradients)], [expected], "Jordan et al. (2024)")


@pytest.mark.parametrize("shape", SHAPES)
def test_sophia_agrees_with_its_paper(shape: tuple[int, ...], compared: Compared) -> None:
    parameter, gradients, estimates = example(shape)
    rule = optim.Sophia(0.02, beta1=0.9, beta2=0.8, gamma=0.3, interval=3)
    expected = sophia(parameter, gradients, estimates, 0.02, (0.9, 0.8), 0.3, 1e-12, 0.1, 3)
    actual = steps(rule, parameter, gradients, estimates)
    compared(Kind.OPTIMIZER, "Sophia", [actual], [expected], "Liu et al. (2024)")


def logistic_regression() -> tuple[np.ndarray, np.ndarray, Tensor]:
    """Inputs (6, 4), labels (6,) and a weight (4, 3): the Hessian of its loss is known in closed form."""
    rng = np.random.default_rng(4)
    x, weight = (rng.standard_normal(shape).astype(np.float32) for shape in ((6, 4), (4, 3)))
    return x, rng.integers(0, 3, 6), Tensor(weight, requires_grad=True)


def test_hutchinsons_estimate_agrees_with_the_hessian_written_out(compared: Compared) -> None:
    x, labels, weight = logistic_regression()
    loss = losses.softmax_cross_entropy(ops.matmul(Tensor(x), weight), labels)
    u = normal(3, substream(CURVATURE, 0), 5, 0, weight.size).reshape(weight.shape).astype(np.float32)
    actual = optim.hutchinson(loss, [weight], seed=3, step=5)
    expected = [u * hessian_product(x, weight.data, u)]
    compared(Kind.UPDATE, "hutchinson", actual, expected, "Liu et al. (2024)")


def test_gauss_newton_bartletts_estimate_agrees_with_its_paper(compared: Compared) -> None:
    x, _, weight = logistic_regression()
    actual = optim.gauss_newton_bartlett(ops.matmul(Tensor(x), weight), [weight], seed=3, step=5)
    draws = uniform(3, substream(CURVATURE, 0), 5, 0, len(x))
    expected = [gauss_newton_bartlett(x, weight.data, draws)]
    compared(Kind.UPDATE, "gauss_newton_bartlett", actual, expected, "Liu et al. (2024)")


@pytest.mark.parametrize(
    "settings",
    [(20, 512, 16000.0, 0.0, 8000.0), (7, 400, 16000.0, 125.0, 7600.0), (4, 31, 8000.0, 0.0, 4000.0)],
)
def test_the_mel_filters_agree_with_their_formula(
    settings: tuple[int, int, float, float, float], compared: Compared
) -> None:
    expected = np.array(mel_filters(*settings))
    actual = ops.mel_filters(*settings).astype(np.float32)
    compared(Kind.OPERATION, "mel_filters", [actual], [expected], "O'Shaughnessy (1987)")
