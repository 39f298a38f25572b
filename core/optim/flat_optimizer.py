"""An update rule on a model's parameters in one flat buffer: the optimizer for hand-written loops."""

from __future__ import annotations

from ..array import array_module
from ..flat import FlatLayout, bind
from ..nn import Module
from .rule import Rule


class FlatOptimizer:
    """Moves the model's parameters into one flat buffer and updates all of them in one pass a step."""

    def __init__(self, rule: Rule, model: Module) -> None:
        tensors = model.parameters()
        layout = FlatLayout.of({name: tensor.shape for name, tensor in tensors.items()})
        sample = next(iter(tensors.values())).data
        xp = array_module(sample)
        self.rule = rule
        self.steps = 0
        self.parameters = xp.zeros(layout.size, sample.dtype)
        self.gradient = xp.zeros(layout.size, sample.dtype)
        self.state = tuple(xp.zeros(layout.size, sample.dtype) for _ in rule.slots)
        for name, view in layout.views(self.parameters).items():
            view[...] = tensors[name].data
        bind(model, self.parameters)
        self._pairs = [(tensors[name], view) for name, view in layout.views(self.gradient).items()]

    def step(self) -> None:
        """Update the parameters from their `.grad` (none counts as zero) and clear it."""
        for tensor, view in self._pairs:
            view[...] = 0 if tensor.grad is None else tensor.grad.data
            tensor.grad = None
        self.steps += 1
        self.rule.update(self.steps, self.gradient, self.parameters, self.state, self.parameters, self.state)
