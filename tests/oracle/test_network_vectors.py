"""What networks are made of against PyTorch's recorded answers, float32, to 1e-5."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from agreement import agree
from network_cases import CASES
from network_ours import run_case


@pytest.fixture(scope="module")
def answers() -> dict[str, np.ndarray]:
    with np.load(Path(__file__).parent / "vectors" / "network.npz") as file:
        return dict(file)


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients_agree_with_recorded_answers(name: str, answers: dict[str, np.ndarray]) -> None:
    actual = run_case(CASES[name], CASES[name].inputs(0))
    agree(actual, [answers[f"{name}/answer/{index}"] for index in range(len(actual))])
