"""The cases that are compared with PyTorch, in bfloat16 and float16: as in float64 to a few roundings."""

from __future__ import annotations

import loss_cases
import network_cases
import network_ours
import numpy as np
import pytest
from half_precision import NAMES, check_half

from chainrule.core import losses

LOSSES = {**loss_cases.LOSS_CASES, **loss_cases.PENALTY_CASES}


@pytest.mark.parametrize("dtype", NAMES)
@pytest.mark.parametrize("name", network_cases.CASES)
def test_operations_and_layers(name: str, dtype: str) -> None:
    case = network_cases.CASES[name]
    check_half(
        lambda *inputs: case.formula(network_ours.FUNCTIONS, *inputs),
        case.inputs(0), dtype, np.dtype(dtype), units=4,
    )  # fmt: skip


@pytest.mark.parametrize("dtype", NAMES)
@pytest.mark.parametrize("reduction", loss_cases.REDUCTIONS)
@pytest.mark.parametrize("name", LOSSES)
def test_losses_are_float32(name: str, reduction: str, dtype: str) -> None:
    case = LOSSES[name]
    check_half(
        lambda *inputs: case.formula(losses, *inputs, reduction),
        case.inputs(0), dtype, np.dtype(np.float32), units=1,
    )  # fmt: skip
