"""Every operation: arrays alone against tensors, float32 throughout."""

from __future__ import annotations

import numpy as np
import pytest
from cases import OPS as CASES

from chainrule.core import Tensor, grad


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
    assert y.dtype == (np.float64 if name == "cast" else np.float32)
    for gradient in grad(y.sum(), tensors):
        assert gradient.dtype == np.float32
        assert isinstance(gradient.data, np.ndarray)
