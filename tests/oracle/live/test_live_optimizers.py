"""Optimizers against an installed PyTorch, fresh gradients; collected by `pytest tests/oracle/live` only."""

from __future__ import annotations

import numpy as np
import optimizers_ours
import optimizers_torch
import pytest
from optimizer_cases import RULES, SCHEDULES


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", RULES)
def test_twenty_steps_agree_with_pytorch(name: str, seed: int) -> None:
    ours = optimizers_ours.run_rule(RULES[name], seed)
    theirs = optimizers_torch.run_rule(RULES[name], seed)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", SCHEDULES)
def test_learning_rates_agree_with_pytorch(name: str) -> None:
    ours, theirs = (side.run_schedule(SCHEDULES[name]) for side in (optimizers_ours, optimizers_torch))
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-14)
