"""Running a function in half precision, and how far it may be from the same in float64."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.core import Tensor, grad
from chainrule.core.array import limits

NAMES = ["bfloat16", "float16"]


def value_and_gradients(
    function: Callable[..., Any], arrays: Sequence[np.ndarray], dtype: Any
) -> list[np.ndarray]:
    """The function's value and its gradients, all in what `dtype` makes of them."""
    tensors = [Tensor(array.astype(dtype), requires_grad=True) for array in arrays]
    y = function(*tensors)
    seed = np.random.default_rng(1).uniform(0.5, 1.5, y.shape).astype(y.dtype)
    return [y.data, *(gradient.data for gradient in grad(y, tensors, seed=Tensor(seed)))]


def check_half(
    function: Callable[..., Any], arrays: Sequence[np.ndarray], dtype: str, output: Any, units: float
) -> None:
    """Value and gradients within `units` of the dtype's eps, relative to the largest of each array.

    One much smaller than the others is held against a hundredth of the largest of all.
    """
    stored = [array.astype(dtype) for array in arrays]
    halves = value_and_gradients(function, stored, dtype)
    exact = value_and_gradients(function, [array.astype(np.float64) for array in stored], np.float64)
    assert [half.dtype for half in halves] == [output, *[np.dtype(dtype)] * len(arrays)]
    overall = max(np.abs(array).max(initial=0) for array in exact[1:])
    for half, expected in zip(halves, exact, strict=True):
        scale = max(np.abs(expected).max(initial=0), 0.01 * overall)
        error = np.abs(half.astype(np.float64) - expected).max(initial=0)
        known = limits(np.dtype(dtype))
        assert error <= units * float(known.eps) * scale + float(known.smallest_subnormal)
