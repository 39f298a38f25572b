"""Losses against an installed PyTorch on fresh inputs; collected by `pytest tests/oracle/live` only."""

from __future__ import annotations

from collections.abc import Callable

import losses_ours
import losses_torch
import pytest
from coverage_table import Kind, subject
from loss_cases import LOSS_CASES, PENALTY_CASES, VARIANTS


@pytest.mark.parametrize("seed", [2, 3, 4])
@pytest.mark.parametrize(("name", "reduction", "weighted"), VARIANTS)
def test_values_and_gradients_agree_with_pytorch(
    name: str, reduction: str, weighted: bool, seed: int, compared: Callable[..., None]
) -> None:
    case = {**LOSS_CASES, **PENALTY_CASES}[name]
    ours, theirs = (
        side.run_loss(case, case.inputs(seed), reduction, weighted) for side in (losses_ours, losses_torch)
    )
    compared(Kind.LOSS, subject(Kind.LOSS, name), ours, theirs, case.against)
