"""Weights of an installed PyTorch's modules, imported: the same outputs from fresh inputs."""

from __future__ import annotations

import pytest
import weights_torch
from weight_cases import WEIGHT_CASES, agree, outputs_after_import


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", WEIGHT_CASES)
def test_imported_weights_give_the_outputs_of_pytorch(name: str, seed: int) -> None:
    case = WEIGHT_CASES[name]
    state, theirs = weights_torch.run_case(name, case.inputs(seed), seed)
    agree(outputs_after_import(case, state, case.inputs(seed)), theirs)
