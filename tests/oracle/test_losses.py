"""Losses against PyTorch's recorded answers, float32, to 1e-5."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from agreement import agree
from loss_cases import LOSS_CASES, PENALTY_CASES, VARIANTS
from losses_ours import run_loss


@pytest.fixture(scope="module")
def answers() -> dict[str, np.ndarray]:
    with np.load(Path(__file__).parent / "vectors" / "losses.npz") as file:
        return dict(file)


@pytest.mark.parametrize(("name", "reduction", "weighted"), VARIANTS)
def test_values_and_gradients_agree_with_recorded_answers(
    name: str, reduction: str, weighted: bool, answers: dict[str, np.ndarray]
) -> None:
    case = {**LOSS_CASES, **PENALTY_CASES}[name]
    actual = run_loss(case, case.inputs(0), reduction, weighted)
    agree(actual, [answers[f"{name}/{reduction}/{weighted}/{index}"] for index in range(len(actual))])
