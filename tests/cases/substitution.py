"""A layer with other tensors for parameters, so that derivatives with respect to them can be checked."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np

from chainrule.core import Tensor, nn
from chainrule.core.array import array_module
from chainrule.core.nn import ForwardContext

from .samples import beside, numbers

TRAINING = ForwardContext(training=True, seed=3, step=7, first_sample=5)


def with_parameters(layer: nn.Module, values: tuple[Tensor, ...]) -> nn.Module:
    """A copy of `layer` whose parameters are these very tensors, in order."""
    copy = deepcopy(layer)
    for name, value in zip(layer.parameters(), values, strict=True):
        *path, last = name.split(".")
        owner: Any = copy
        for step in path:
            owner = owner[int(step)] if step.isdigit() else getattr(owner, step)
        setattr(owner, last, value)
    for buffer in nn.buffers(copy).values() if values else ():
        own = array_module(values[0].data).empty(buffer.shape, buffer.dtype)  # a plan sees that it is new
        own[...] = beside(values[0], buffer.data)
        buffer.data = own
    return copy


def parameters_of(layer: nn.Module) -> list[np.ndarray]:
    """Values for the layer's parameters, none of them the zeros or ones that it starts with."""
    return [
        0.5 * numbers(*parameter.shape, seed=index) + 0.1
        for index, parameter in enumerate(layer.parameters().values(), start=1)
    ]


def runner(layer: nn.Module, context: ForwardContext = TRAINING) -> Callable[..., Tensor]:
    """The layer as a function of its input and its parameters."""
    return lambda x, *values: with_parameters(layer, values)(x, context)
