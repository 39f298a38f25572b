"""Models that start from PyTorch's recorded weights compute PyTorch's recorded outputs, to 1e-5."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from weight_cases import WEIGHT_CASES, agree, outputs_after_import


@pytest.fixture(scope="module")
def answers() -> dict[str, np.ndarray]:
    with np.load(Path(__file__).parent / "vectors" / "weights.npz") as file:
        return dict(file)


@pytest.mark.parametrize("name", WEIGHT_CASES)
def test_imported_weights_give_the_recorded_outputs(name: str, answers: dict[str, np.ndarray]) -> None:
    begin = f"{name}/state/"
    state = {key.removeprefix(begin): value for key, value in answers.items() if key.startswith(begin)}
    case = WEIGHT_CASES[name]
    agree(outputs_after_import(case, state, case.inputs(0)), answers[f"{name}/outputs"])
