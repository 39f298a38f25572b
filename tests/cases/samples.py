"""Numbers on which a derivative can be checked by differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.core.array import array_module
from chainrule.core.ops.constant import value

Cases = dict[str, tuple[Callable[..., Any], list[np.ndarray]]]
"""By name, whose first word is the operation's: a function of tensors or arrays, and arrays to try it on."""


def numbers(*shape: int, low: float = -2.0, high: float = 2.3, seed: int = 0) -> np.ndarray:
    """Distinct values no closer to each other or to zero than 0.01, so that no difference crosses a kink."""
    count = int(np.prod(shape))
    values = np.linspace(low, high, count + 2)[1:-1]
    values = values + np.where(np.abs(values) < 0.01, 0.02, 0.0)
    return np.random.default_rng(seed).permutation(values).reshape(shape)


def beside(x: Any, array: np.ndarray) -> Any:
    """A constant on the device of x."""
    return array_module(value(x)).asarray(array)


A, B = numbers(3, 4), numbers(3, 4, low=-1.9, seed=1)
STACK = numbers(2, 3, 4)
