"""Starting a model: keyed, so that one seed gives one model on every machine."""

from __future__ import annotations

from ..array import array_module
from .dropout import number_dropouts
from .module import Module


def initialize(model: Module, seed: int) -> None:
    """Give every parameter of `model` its starting value, in place, as its layer's `start` says."""
    number_dropouts(model)
    index = 0
    for module in model.modules():
        for name, parameter in module.own_parameters().items():
            values = module.start(name, parameter.shape, seed, index)
            parameter.data[...] = array_module(parameter.data).asarray(values)
            index += 1
