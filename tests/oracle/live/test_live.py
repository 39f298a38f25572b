"""chainrule against an installed PyTorch on fresh inputs; collected by `pytest tests/oracle/live` only."""

from __future__ import annotations

from collections.abc import Callable

import our_side
import pytest
import torch_side
from agreement import agree
from coverage_table import Kind, subject
from oracle_cases import CASES, OPTIMIZERS


@pytest.mark.parametrize("seed", [2, 3, 4])
@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients_agree_with_pytorch(name: str, seed: int, compared: Callable[..., None]) -> None:
    case = CASES[name]
    ours, theirs = (side.run_case(case, case.inputs(seed)) for side in (our_side, torch_side))
    compared(Kind.OPERATION, subject(Kind.OPERATION, name), ours, theirs, case.against)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizer_steps_agree_with_pytorch(name: str, seed: int) -> None:
    ours, theirs = (side.run_optimizer(OPTIMIZERS[name], seed) for side in (our_side, torch_side))
    agree([ours], [theirs])
