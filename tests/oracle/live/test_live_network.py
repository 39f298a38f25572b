"""What networks are made of against an installed PyTorch on fresh inputs."""

from __future__ import annotations

import network_ours
import network_torch
import pytest
from network_cases import CASES


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients_agree_with_pytorch(name: str, seed: int) -> None:
    inputs = CASES[name].inputs(seed)
    network_ours.agree(
        network_ours.run_case(CASES[name], inputs), network_torch.run_case(CASES[name], inputs)
    )
