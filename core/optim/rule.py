"""What every update rule is: elementwise arithmetic on slices of flat buffers, block by block."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from math import inf
from typing import Any

import numpy as np

from ..array import Array, array_module
from ..errors import ChainruleError

_CPU_BLOCK = 16_384
"""Elements; the half dozen buffers of one float32 block then stay in a core's second-level cache."""
_GPU_BLOCK = 1 << 22

Kernel = Callable[[Array, Array, Sequence[Array], Array, Sequence[Array], Array, Array], None]
"""(gradient, parameters, state, out_parameters, out_state, scratch, scratch) -> None, on one block."""


class Rule(ABC):
    """One optimizer's arithmetic. Subclasses are frozen dataclasses of its hyperparameters.

    An element's new value depends on that element alone, so updating a slice gives the same bytes as updating
    the whole: parameter-server shards may be cut anywhere.
    """

    @property
    @abstractmethod
    def slots(self) -> tuple[str, ...]:
        """Names of the state buffers, each as long as the parameters and zero before the first step."""

    @abstractmethod
    def kernel(self, step: int, xp: Any, constant: Callable[[float], Array]) -> Kernel:
        """The arithmetic of step `step` on one block; `constant` makes its numbers in the arrays' dtype."""

    def update(
        self,
        step: int,
        gradient: Array,
        parameters: Array,
        state: Sequence[Array],
        out_parameters: Array,
        out_state: Sequence[Array],
    ) -> None:
        """Take step number `step` (from 1). Writes only to `out_*`, which may be the inputs themselves.

        All arrays: (n,), of one floating dtype. Allocates two blocks of scratch, whatever n is.
        """
        xp = array_module(parameters)
        dtype = parameters.dtype
        length = len(parameters)
        block = min(length, _CPU_BLOCK if xp is np else _GPU_BLOCK)
        first, second = xp.empty(block, dtype), xp.empty(block, dtype)
        kernel = self.kernel(step, xp, lambda value: xp.array(value, dtype))
        if block == length:
            kernel(gradient, parameters, state, out_parameters, out_state, first, second)
            return
        for start in range(0, length, block):
            part = slice(start, start + block)
            size = min(block, length - start)
            kernel(
                gradient[part],
                parameters[part],
                [buffer[part] for buffer in state],
                out_parameters[part],
                [buffer[part] for buffer in out_state],
                first[:size],
                second[:size],
            )


def add_decay(
    xp: Any, gradient: Array, parameters: Array, weight_decay: Array | None, scratch: Array
) -> Array:
    """gradient + weight_decay * parameters, in `scratch`; the gradient itself if there is no decay."""
    if weight_decay is None:
        return gradient
    xp.multiply(parameters, weight_decay, out=scratch)
    return xp.add(scratch, gradient, out=scratch)


def require_rate(rule: str, learning_rate: float) -> None:
    """Refuse a learning rate that is not finite and above 0."""
    require(rule, "learning_rate", learning_rate, 0 < learning_rate < inf, "finite and above 0")


def require_fraction(rule: str, **values: float) -> None:
    """Refuse weights of the past, such as beta1, that are not at least 0 and below 1."""
    for name, value in values.items():
        require(rule, name, value, 0 <= value < 1, "at least 0 and below 1")


def require_at_least_0(rule: str, **values: float) -> None:
    """Refuse values that are not finite and at least 0."""
    for name, value in values.items():
        require(rule, name, value, 0 <= value < inf, "finite and at least 0")


def require(rule: str, name: str, value: float, fits: bool, expected: str) -> None:
    """Refuse a hyperparameter that cannot work."""
    if not fits:
        raise ChainruleError(f"{rule}: expected {name} {expected}, got {value}")
