"""Activations in one pass: NumPy's values and derivatives, from end to end of the numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from chainrule.core import Tensor, native, ops

ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "sigmoid": ops.sigmoid,
    "silu": ops.silu,
    "gelu": ops.gelu,
    "gelu by tanh": lambda x: ops.gelu(x, approximate=True),
}


def value_and_derivative(name: str, data: np.ndarray) -> list[np.ndarray]:
    x = Tensor(data, requires_grad=True)
    y = ACTIVATIONS[name](x)
    (y * np.linspace(1, 2, data.size, dtype=np.float32).reshape(data.shape)).sum().backward()
    assert x.grad is not None
    return [y.numpy(), x.grad.numpy()]


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("shape", [(), (1,), (17,), (64, 10), (3, 5, 7000)])
def test_values_and_derivatives_are_those_of_numpys_formula(
    name: str, shape: tuple[int, ...], by_numpy: Callable[[Callable[[], Any]], Any]
) -> None:
    x = np.asarray(np.random.default_rng(0).standard_normal(shape), np.float32) * np.float32(3)
    expected = by_numpy(lambda: value_and_derivative(name, np.asarray(x)))
    for ours, numpys in zip(value_and_derivative(name, np.asarray(x)), expected, strict=True):
        np.testing.assert_allclose(ours, numpys, rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_far_from_zero_and_at_nan_they_are_what_numpys_formula_gives(
    name: str, by_numpy: Callable[[Callable[[], Any]], Any]
) -> None:
    x = np.array([0, -0.0, 5, -5, 80, -80, 89, -89, 200, -200, 1e4, -1e4, np.inf, np.nan], np.float32)
    expected = by_numpy(lambda: ACTIVATIONS[name](x))
    np.testing.assert_allclose(ACTIVATIONS[name](x), expected, rtol=1e-5, atol=1e-36)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_number_of_threads_changes_no_bit(name: str) -> None:
    x = np.random.default_rng(0).standard_normal(30_001, np.float32)
    found = []
    for threads in (1, 2):
        native.use_threads(threads)
        found.append([array.tobytes() for array in value_and_derivative(name, x)])
    assert found[0] == found[1]
