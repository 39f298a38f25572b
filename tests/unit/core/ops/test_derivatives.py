"""Every operation: derivatives against differences, arrays alone against tensors, float32 throughout."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import array_cases
import numpy as np
import pytest
import spatial_cases

from chainrule.core import Tensor, grad, ops

CASES = {**array_cases.CASES, **spatial_cases.CASES}
WITHOUT_DERIVATIVE = {
    "argmax", "argmin", "hann", "mel_filters", "equal", "greater", "greater_equal", "less", "less_equal",
    "not_equal",
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_derivatives_agree_with_finite_differences(name: str, check_derivatives: Callable[..., None]) -> None:
    function, arrays = CASES[name]
    check_derivatives(function, *arrays)


@pytest.mark.parametrize("name", CASES)
def test_arrays_alone_give_arrays_with_the_values_that_tensors_give(name: str) -> None:
    function, arrays = CASES[name]
    y = function(*arrays)
    assert isinstance(y, np.ndarray | np.generic)
    np.testing.assert_array_equal(function(*map(Tensor, arrays)).data, y)


@pytest.mark.parametrize("name", CASES)
def test_float32_stays_float32_in_values_and_derivatives(name: str) -> None:
    function, arrays = CASES[name]
    tensors = [Tensor(array.astype(np.float32), requires_grad=True) for array in arrays]
    y = function(*tensors)
    assert y.dtype == np.float32
    for gradient in grad(y.sum(), tensors):
        assert gradient.dtype == np.float32
        assert isinstance(gradient.data, np.ndarray)


def test_every_public_operation_has_a_derivative_case() -> None:
    first_ones = Path(__file__).parents[1] / "test_op_derivatives.py"
    keys = {
        key.value
        for node in ast.walk(ast.parse(first_ones.read_text()))
        if isinstance(node, ast.Dict)
        for key in node.keys
        if isinstance(key, ast.Constant) and isinstance(key.value, str)
    }
    assert set(ops.__all__) <= {name.split()[0] for name in keys | set(CASES)} | WITHOUT_DERIVATIVE
