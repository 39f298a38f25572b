"""Optimizers that PyTorch has no equal of against their papers' formulas: 20 steps, float32 to 1e-5."""

from __future__ import annotations

import numpy as np
import pytest
from paper_formulas import lamb, lion, muon, sophia

from chainrule.core import optim
from chainrule.core.flat import FlatLayout
from chainrule.core.optim import FlatUpdate

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


def close(actual: np.ndarray, expected: np.ndarray) -> None:
    assert actual.dtype == np.float32
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_lion_agrees_with_its_paper(shape: tuple[int, ...]) -> None:
    parameter, gradients, _ = example(shape)
    rule = optim.Lion(0.01, beta1=0.8, beta2=0.95, weight_decay=0.1)
    close(steps(rule, parameter, gradients), lion(parameter, gradients, 0.01, 0.8, 0.95, 0.1))


@pytest.mark.parametrize("shape", [*SHAPES, (30,)])
def test_lamb_agrees_with_its_paper(shape: tuple[int, ...]) -> None:
    parameter, gradients, _ = example(shape)
    rule = optim.LAMB(0.02, beta1=0.8, beta2=0.95, weight_decay=0.1)
    close(steps(rule, parameter, gradients), lamb(parameter, gradients, 0.02, 0.8, 0.95, 1e-6, 0.1))


@pytest.mark.parametrize("shape", SHAPES)
def test_muon_agrees_with_its_formula(shape: tuple[int, ...]) -> None:
    parameter, gradients, _ = example(shape)
    rule = optim.Muon(0.02, momentum=0.9)
    close(steps(rule, parameter, gradients), muon(parameter, gradients, 0.02, 0.9, 0.1))


@pytest.mark.parametrize("shape", SHAPES)
def test_sophia_agrees_with_its_paper(shape: tuple[int, ...]) -> None:
    parameter, gradients, estimates = example(shape)
    rule = optim.Sophia(0.02, beta1=0.9, beta2=0.8, gamma=0.3, interval=3)
    expected = sophia(parameter, gradients, estimates, 0.02, (0.9, 0.8), 0.3, 1e-12, 0.1, 3)
    close(steps(rule, parameter, gradients, estimates), expected)
