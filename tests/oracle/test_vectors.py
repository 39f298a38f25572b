"""chainrule against PyTorch's recorded answers, float32, to 1e-5."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
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
    for actual, expected in zip(run_case(CASES[name], inputs), answers, strict=True):
        assert actual.dtype == expected.dtype == np.float32
        np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6 * max(1, np.abs(expected).max()))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizer_steps_agree_with_recorded_answers(name: str) -> None:
    with np.load(VECTORS / "optimizers.npz") as file:
        expected = file[name]
    np.testing.assert_allclose(run_optimizer(OPTIMIZERS[name], 0), expected, rtol=1e-5, atol=1e-6)
