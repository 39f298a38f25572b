"""chainrule in half precision against an installed PyTorch in the same; `pytest tests/oracle/live` only."""

from __future__ import annotations

from types import SimpleNamespace

import network_cases
import network_ours
import network_torch
import numpy as np
import oracle_cases
import our_side
import pytest
import torch
import torch_side
from half_precision import NAMES, value_and_gradients
from oracle_cases import Case

from chainrule.core.array import limits

CASES: dict[str, tuple[Case, SimpleNamespace, SimpleNamespace]] = {
    **{name: (case, our_side.FUNCTIONS, torch_side.FUNCTIONS) for name, case in oracle_cases.CASES.items()},
    **{
        name: (case, network_ours.FUNCTIONS, network_torch.FUNCTIONS)
        for name, case in network_cases.CASES.items()
    },
}
SEED = 7
"""Of inputs none of which, rounded to bfloat16, is on a kink or equal to another."""
MISSING = {"rfft", "rfft_odd", "BatchNorm evaluated"}
"""PyTorch transforms no halves on a CPU, and keeps statistics in float32 only beside weights in float32."""


@pytest.mark.parametrize("dtype", NAMES)
@pytest.mark.parametrize("name", sorted(CASES.keys() - MISSING))
def test_values_and_gradients_agree_with_pytorch_to_a_few_roundings(name: str, dtype: str) -> None:
    case, ours, theirs = CASES[name]
    stored = [array.astype(dtype) for array in case.inputs(SEED)]
    actual = value_and_gradients(lambda *inputs: case.formula(ours, *inputs), stored, dtype)
    tensors = [torch.tensor(array.astype(np.float32)).to(getattr(torch, dtype)) for array in stored]
    for tensor in tensors:
        tensor.requires_grad = True
    output = case.formula(theirs, *tensors)
    seed = np.random.default_rng(1).uniform(0.5, 1.5, tuple(output.shape)).astype(dtype)
    output.backward(torch.tensor(seed.astype(np.float32)).to(output.dtype))
    expected = [output.detach(), *(tensor.grad for tensor in tensors)]
    largest = max(float(gradient.abs().max()) for gradient in expected[1:])
    for half, theirs_half in zip(actual, expected, strict=True):
        values = theirs_half.float().numpy()
        scale = max(np.abs(values).max(initial=0), 0.1 * largest)
        tolerance = 3 * float(limits(np.dtype(dtype)).eps) * scale
        np.testing.assert_allclose(half.astype(np.float32), values, rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", sorted(MISSING))
def test_what_pytorch_lacks_it_still_lacks(name: str) -> None:
    case, _, theirs = CASES[name]
    with pytest.raises(RuntimeError, match="BFloat16"):
        case.formula(theirs, *(torch.tensor(array).bfloat16() for array in case.inputs(1)))
