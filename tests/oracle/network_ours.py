"""The cases of network_cases.py computed by chainrule."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from oracle_cases import Case, output_weights

from chainrule.core import Tensor, grad, ops


def _pad_last(x: Any, before: int, after: int, mode: str) -> Any:
    return ops.pad(x, [(0, 0), (0, 0), (before, after)], mode=mode)


FUNCTIONS = SimpleNamespace(
    **{name: getattr(ops, name) for name in ops.__all__},
    pad_last=_pad_last,
    scatter_rows=lambda x, rows, count: ops.scatter_add(x, (rows,), (count, *x.shape[1:])),
    gelu_by_tanh=lambda x: ops.gelu(x, approximate=True),
)


def run_case(case: Case, inputs: list[np.ndarray]) -> list[np.ndarray]:
    """The value of a case and its gradients."""
    tensors = [Tensor(array, requires_grad=True) for array in inputs]
    output = case.formula(FUNCTIONS, *tensors)
    gradients = grad(output, tensors, seed=Tensor(output_weights(output.shape)))
    return [output.data, *(gradient.data for gradient in gradients)]


def agree(actual: list[np.ndarray], expected: list[np.ndarray]) -> None:
    """Values and gradients to 1e-5 relative, or of the largest of the array where sums cancel to little."""
    assert len(actual) == len(expected)
    for ours, theirs in zip(actual, expected, strict=True):
        assert ours.dtype == theirs.dtype == np.float32
        scale = max(1, np.abs(theirs).max(initial=0))
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6 * scale)
