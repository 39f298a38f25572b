"""Optimizers (20 steps, float32, 1e-5) and schedules (float64, 1e-12) against PyTorch's recorded answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from agreement import agree
from optimizer_cases import PLATEAUS, RULES, SCHEDULES
from optimizers_ours import run_plateau, run_rule, run_schedule


@pytest.fixture(scope="module")
def answers() -> dict[str, np.ndarray]:
    with np.load(Path(__file__).parent / "vectors" / "rules_and_schedules.npz") as file:
        return dict(file)


@pytest.mark.parametrize("name", RULES)
def test_twenty_steps_agree_with_recorded_answers(name: str, answers: dict[str, np.ndarray]) -> None:
    agree([run_rule(RULES[name], 0)], [answers[f"rule/{name}"]])


@pytest.mark.parametrize("name", SCHEDULES)
def test_learning_rates_agree_with_recorded_answers(name: str, answers: dict[str, np.ndarray]) -> None:
    expected = answers[f"schedule/{name}"]
    np.testing.assert_allclose(run_schedule(SCHEDULES[name]), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", PLATEAUS)
def test_plateaus_agree_with_recorded_answers(name: str, answers: dict[str, np.ndarray]) -> None:
    np.testing.assert_allclose(run_plateau(PLATEAUS[name][0]), answers[f"plateau/{name}"], rtol=1e-12)
