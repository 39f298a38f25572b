"""Every operation in bfloat16 and float16: computed in float32 and rounded, forward and backward."""

from __future__ import annotations

import array_cases
import numpy as np
import pytest
import spatial_cases
from half_precision import NAMES, check_half
from test_op_derivatives import CASES as FIRST_CASES

CASES = {**array_cases.CASES, **spatial_cases.CASES, **FIRST_CASES}
del CASES["cast"]  # to float64: what it gives is what was asked for


@pytest.mark.parametrize("dtype", NAMES)
@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients_are_those_of_float64_to_a_few_roundings(name: str, dtype: str) -> None:
    function, arrays = CASES[name]
    output = "float32" if name.startswith("loss") else dtype
    check_half(function, arrays, dtype, np.dtype(output), units=3)
