"""The yardstick for derivatives: central differences in float64, first and second order."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from chainrule.core import Tensor, grad

STEP = 1e-5
TOLERANCE = 1e-6


def numerical_gradient(function: Callable[..., float], arrays: list[np.ndarray], which: int) -> np.ndarray:
    """d function / d arrays[which] by central differences, fourth order in STEP."""
    gradient = np.zeros_like(arrays[which])
    for position in np.ndindex(gradient.shape):

        def at(steps: int, position: tuple[int, ...] = position) -> float:
            moved = [array.copy() for array in arrays]
            moved[which][position] += steps * STEP
            return function(*moved)

        gradient[position] = (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * STEP)
    return gradient


def close(actual: np.ndarray, expected: np.ndarray) -> None:
    scale = max(1.0, float(np.abs(expected).max(initial=0)))
    np.testing.assert_allclose(actual, expected, rtol=TOLERANCE, atol=TOLERANCE * scale)


def assert_derivatives(function: Callable[..., Tensor], *arrays: np.ndarray, second: bool = True) -> None:
    """Compare first, and through create_graph second, derivatives of `function` with finite differences."""
    inputs = [np.asarray(array, dtype=np.float64) for array in arrays]
    weights = np.random.default_rng(1).uniform(0.5, 1.5, function(*map(Tensor, inputs)).shape)
    tangents = [np.random.default_rng(2 + i).uniform(0.5, 1.5, a.shape) for i, a in enumerate(inputs)]

    def weighted(*tensors: Tensor) -> Tensor:
        return (function(*tensors) * weights).sum()

    def value(*values: np.ndarray) -> float:
        return weighted(*map(Tensor, values)).item()

    def slope(*values: np.ndarray, create_graph: bool = True) -> tuple[Tensor, list[Tensor]]:
        tensors = [Tensor(array, requires_grad=True) for array in values]
        gradients = grad(weighted(*tensors), tensors, create_graph=create_graph)
        total = Tensor(np.zeros(()))
        for gradient, tangent in zip(gradients, tangents, strict=True):
            total = total + (gradient * tangent).sum()
        return total, tensors

    tensors = [Tensor(array, requires_grad=True) for array in inputs]
    strided = [Tensor(np.asfortranarray(array), requires_grad=True) for array in inputs]
    gradients = grad(weighted(*tensors), tensors)
    for which, gradient in enumerate(gradients):
        assert gradient.shape == inputs[which].shape
        close(gradient.data, numerical_gradient(value, inputs, which))
    for gradient, other in zip(gradients, grad(weighted(*strided), strided), strict=True):
        np.testing.assert_allclose(other.data, gradient.data, rtol=1e-12, atol=1e-12)

    if second:
        total, tensors = slope(*inputs)
        curvature = grad(total, tensors) if total.requires_grad else [Tensor(0 * a) for a in inputs]
        for which, actual in enumerate(curvature):
            expected = numerical_gradient(lambda *values: slope(*values)[0].item(), inputs, which)
            close(actual.data, expected)


@pytest.fixture
def check_derivatives() -> Callable[..., None]:
    return assert_derivatives
