"""Starting a model: keyed, so that one seed gives one model on every machine."""

from __future__ import annotations

from ..array import array_module
from ..init import Initializer, is_unallocated
from .dropout import number_dropouts
from .module import Module


def initialize(model: Module, seed: int) -> None:
    """Give every parameter of `model` its starting value, in place, as its layer's `start` says."""
    number_dropouts(model)
    index = 0
    for module in model.modules():
        for name, parameter in module.own_parameters().items():
            shape = parameter.shape
            if module.initializer is not None and len(shape) > 1:
                values = module.initializer(shape, seed, index)
            else:
                values = module.start(name, shape, seed, index)
            if is_unallocated(parameter.data):
                parameter.data = values
            else:
                parameter.data[...] = array_module(parameter.data).asarray(values)
            index += 1


def initialize_with(module: Module, initializer: Initializer) -> None:
    """Let `initialize` start all matrices and kernels of `module`, and of those inside it, so."""
    for part in module.modules():
        part.initializer = initializer
