"""Whole models in training against PyTorch's recorded losses: 200 steps, each to 1e-3."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from model_cases import MODEL_CASES, agree
from models_ours import train


@pytest.mark.parametrize("name", MODEL_CASES)
def test_the_losses_of_200_steps_agree_with_recorded_ones(name: str) -> None:
    with np.load(Path(__file__).parent / "vectors" / "models.npz") as file:
        agree(train(MODEL_CASES[name]), file[name])
