"""Every operation in bfloat16 and float16: computed in float32 and rounded, forward and backward."""

from __future__ import annotations

import numpy as np
import pytest
from cases import OPS as ALL
from half_precision import NAMES, check_half

CASES = {name: case for name, case in ALL.items() if name != "cast"}  # cast gives what was asked for


@pytest.mark.parametrize("dtype", NAMES)
@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients_are_those_of_float64_to_a_few_roundings(name: str, dtype: str) -> None:
    function, arrays = CASES[name]
    check_half(function, arrays, dtype, np.dtype(dtype), units=3)
