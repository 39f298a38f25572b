"""chainrule against an installed PyTorch on fresh inputs; collected by `pytest tests/oracle/live` only."""

from __future__ import annotations

import numpy as np
import our_side
import pytest
import torch_side
from oracle_cases import CASES, OPTIMIZERS


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients_agree_with_pytorch(name: str, seed: int) -> None:
    inputs = CASES[name].inputs(seed)
    answers = torch_side.run_case(CASES[name], inputs)
    for actual, expected in zip(our_side.run_case(CASES[name], inputs), answers, strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6 * max(1, np.abs(expected).max()))


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizer_steps_agree_with_pytorch(name: str, seed: int) -> None:
    ours, theirs = (
        our_side.run_optimizer(OPTIMIZERS[name], seed),
        torch_side.run_optimizer(OPTIMIZERS[name], seed),
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
