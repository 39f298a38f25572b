"""Losses against an installed PyTorch on fresh inputs; collected by `pytest tests/oracle/live` only."""

from __future__ import annotations

import losses_ours
import losses_torch
import numpy as np
import pytest
from loss_cases import LOSS_CASES, REDUCTIONS


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", LOSS_CASES)
def test_values_and_gradients_agree_with_pytorch(name: str, reduction: str, seed: int) -> None:
    case = LOSS_CASES[name]
    inputs = case.inputs(seed)
    ours, theirs = (side.run_loss(case, inputs, reduction) for side in (losses_ours, losses_torch))
    for actual, expected in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6 * max(1, np.abs(expected).max()))
