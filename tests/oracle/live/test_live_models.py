"""Whole models trained beside an installed PyTorch: 200 steps from the same weights and batches."""

from __future__ import annotations

import models_ours
import models_torch
import pytest
from coverage_table import PYTORCH, CoverageTable, Kind
from model_cases import MODEL_CASES, agree


@pytest.mark.parametrize("name", MODEL_CASES)
def test_the_losses_of_200_steps_agree_with_pytorch(name: str, coverage: CoverageTable) -> None:
    case = MODEL_CASES[name]
    error = agree(models_ours.train(case), models_torch.train(name, case))
    coverage.add(Kind.MODEL, name, error, f"{PYTORCH}, {type(case.rule).__name__}")
