"""What networks are made of against an installed PyTorch on fresh inputs."""

from __future__ import annotations

from collections.abc import Callable

import network_ours
import network_torch
import pytest
from coverage_table import Kind, subject
from network_cases import CASES, OPERATION_CASES


@pytest.mark.parametrize("seed", [2, 3, 4])
@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients_agree_with_pytorch(name: str, seed: int, compared: Callable[..., None]) -> None:
    case = CASES[name]
    kind = Kind.OPERATION if name in OPERATION_CASES else Kind.LAYER
    ours, theirs = (side.run_case(case, case.inputs(seed)) for side in (network_ours, network_torch))
    compared(kind, subject(kind, name), ours, theirs, case.against)
