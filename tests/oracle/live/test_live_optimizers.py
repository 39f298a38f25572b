"""Optimizers against an installed PyTorch, fresh gradients; collected by `pytest tests/oracle/live` only."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import optimizers_ours
import optimizers_torch
import pytest
import torch
from agreement import relative_error
from coverage_table import PYTORCH, CoverageTable, Kind
from optimizer_cases import PLATEAUS, RULES, SCHEDULES

from chainrule.core.optim import Muon


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", RULES)
def test_twenty_steps_agree_with_pytorch(name: str, seed: int, compared: Callable[..., None]) -> None:
    ours, theirs = (side.run_rule(RULES[name], seed) for side in (optimizers_ours, optimizers_torch))
    compared(Kind.OPTIMIZER, type(RULES[name].rule).__name__, [ours], [theirs])


@pytest.mark.parametrize("name", SCHEDULES)
def test_learning_rates_agree_with_pytorch(name: str, coverage: CoverageTable) -> None:
    ours, theirs = (side.run_schedule(SCHEDULES[name]) for side in (optimizers_ours, optimizers_torch))
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-14)
    schedule = type(SCHEDULES[name].schedule).__name__
    coverage.add(Kind.SCHEDULE, schedule, relative_error([ours], [theirs]), PYTORCH)


@pytest.mark.parametrize("name", PLATEAUS)
def test_learning_rates_of_plateaus_agree_with_pytorch(name: str, coverage: CoverageTable) -> None:
    plateau, arguments = PLATEAUS[name]
    ours, theirs = optimizers_ours.run_plateau(plateau), optimizers_torch.run_plateau(arguments)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)
    coverage.add(Kind.SCHEDULE, "Plateau", relative_error([ours], [theirs]), PYTORCH)


@pytest.mark.parametrize("shape", [(16, 32), (32, 16)])
def test_muon_agrees_with_pytorch_as_far_as_its_bfloat16_allows(shape: tuple[int, int]) -> None:
    weight, *steps = np.random.default_rng(0).standard_normal((21, *shape)).astype(np.float32)
    theirs = torch.nn.Parameter(torch.tensor(weight.T.copy()))
    optimizer = torch.optim.Muon([theirs], lr=0.02, weight_decay=0.1)
    state = [np.zeros_like(weight)]
    for step, gradient in enumerate(steps, start=1):
        theirs.grad = torch.tensor(gradient.T.copy())
        optimizer.step()
        Muon(0.02, weight_decay=0.1).update(step, gradient, weight, state, weight, state)
    np.testing.assert_allclose(weight, theirs.detach().numpy().T, atol=0.01)
