"""Running a step eagerly, as a recording and as a replay, on data that changes from run to run."""

# ruff: noqa: E501
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.core import Tensor
from chainrule.core.array import is_floating, same_bits
from chainrule.core.nn import ForwardContext
from chainrule.core.plan import Plan


class Step:
    """A function of tensors and the gradients of a weighted sum of it, planned and not."""

    def __init__(self, function: Callable[..., Any], arrays: Sequence[np.ndarray], seed: int = 0) -> None:
        self.tensors = [Tensor(array.copy(), requires_grad=is_floating(array.dtype)) for array in arrays]
        self.leaves = [tensor for tensor in self.tensors if tensor.requires_grad]
        self._function, self._random = function, np.random.default_rng(seed)
        self.plan = Plan(self._compute, self.leaves)

    def _compute(self, context: ForwardContext) -> tuple[Tensor, list[Any]]:
        y = self._function(*self.tensors)
        weights = np.random.default_rng(1).uniform(0.5, 1.5, y.shape).astype(y.dtype)
        return (y * weights).sum(), [y.data]

    def change(self) -> None:
        """The leaves' numbers in another order: where only some are allowed, such as positive ones, they stay."""
        for leaf in self.leaves:
            leaf.data = self._random.permutation(leaf.data.reshape(-1)).reshape(leaf.shape)

    def run(self, context: ForwardContext | None = None) -> list[np.ndarray]:
        """Output and gradients, by whatever way the plan takes."""
        return self._results(self.plan, context)

    def eager(self, context: ForwardContext | None = None) -> list[np.ndarray]:
        """The same by a plan that is new, whose first run is eager."""
        return self._results(Plan(self._compute, self.leaves), context)

    def _results(self, plan: Plan, context: ForwardContext | None) -> list[np.ndarray]:
        gradients = [np.full_like(leaf.data, np.nan) for leaf in self.leaves]
        with np.errstate(all="ignore"):
            outputs = plan([], gradients, context or ForwardContext(training=True))
        return [np.array(array) for array in (*outputs, *gradients)]

    def check(self, replays: int = 3) -> str:
        """That every run gives the bits of the eager one; returns why it is not planned, or nothing."""
        for _ in range(3 + replays):
            actual, expected = self.run(), self.eager()
            assert all(map(same_bits, actual, expected)), "a replay differs from the eager step"
            self.change()
        return "; ".join(self.plan.reasons)
