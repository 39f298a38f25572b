"""Losses against PyTorch's recorded answers, float32, to 1e-5."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from loss_cases import LOSS_CASES, REDUCTIONS
from losses_ours import run_loss


@pytest.fixture(scope="module")
def answers() -> dict[str, np.ndarray]:
    with np.load(Path(__file__).parent / "vectors" / "losses.npz") as file:
        return dict(file)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", LOSS_CASES)
def test_values_and_gradients_agree_with_recorded_answers(
    name: str, reduction: str, answers: dict[str, np.ndarray]
) -> None:
    case = LOSS_CASES[name]
    inputs = [answers[f"{name}/input/{index}"] for index in range(len(case.shapes))]
    expected = [answers[f"{name}/{reduction}/{index}"] for index in range(len(inputs) + 1)]
    for actual, answer in zip(run_loss(case, inputs, reduction), expected, strict=True):
        assert actual.dtype == answer.dtype == np.float32
        np.testing.assert_allclose(actual, answer, rtol=1e-5, atol=1e-6 * max(1, np.abs(answer).max()))
