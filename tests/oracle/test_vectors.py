"""chainrule against PyTorch's recorded answers, float32, to 1e-5."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from agreement import agree
from oracle_cases import CASES, OPTIMIZERS
from our_side import run_case, run_optimizer

VECTORS = Path(__file__).parent / "vectors"


@pytest.fixture(scope="module")
def operations() -> dict[str, np.ndarray]:
    with np.load(VECTORS / "operations.npz") as file:
        return dict(file)


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients_agree_with_recorded_answers(
    name: str, operations: dict[str, np.ndarray]
) -> None:
    inputs = [operations[f"{name}/input/{index}"] for index in range(len(CASES[name].shapes))]
    answers = [operations[f"{name}/answer/{index}"] for index in range(len(inputs) + 1)]
    agree(run_case(CASES[name], inputs), answers)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizer_steps_agree_with_recorded_answers(name: str) -> None:
    with np.load(VECTORS / "optimizers.npz") as file:
        expected = file[name]
    agree([run_optimizer(OPTIMIZERS[name], 0)], [expected])
