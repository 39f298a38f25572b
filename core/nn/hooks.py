"""Functions called around a module's forward pass, which cost nothing where there are none.

A module with hooks has an instance attribute `forward` in front of its class's method; without, it has not.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, Any

from ..tensor import Tensor

if TYPE_CHECKING:
    from .module import Module


class Moment(Enum):
    """When a hook is called, and with what."""

    BEFORE = "before"  # (module, x) -> another x, or None
    AFTER = "after"  # (module, x, output) -> another output, or None
    GRADIENT = "gradient"  # (module, gradient of the output) -> another gradient, or None


class HookedForward:
    """Stands in for `module.forward`: the same call, with the module's hooks around it, first added first."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.hooks: list[tuple[Moment, Callable[..., Any]]] = []

    def __call__(self, x: Tensor, *arguments: Any, **options: Any) -> Any:
        for function in self._at(Moment.BEFORE):
            x = _replaced(x, function(self.module, x))
        output = type(self.module).forward(self.module, x, *arguments, **options)
        for function in self._at(Moment.AFTER):
            output = _replaced(output, function(self.module, x, output))
        if isinstance(output, Tensor) and output.requires_grad:
            for function in self._at(Moment.GRADIENT):
                output.register_hook(lambda gradient, function=function: function(self.module, gradient))
        return output

    def _at(self, moment: Moment) -> list[Callable[..., Any]]:
        return [function for when, function in self.hooks if when is moment]


def _replaced(value: Any, other: Any) -> Any:
    return value if other is None else other


def add_module_hook(module: Module, moment: Moment, function: Callable[..., Any]) -> Callable[[], None]:
    """Call `function` at that moment of each forward pass; returns what removes it."""
    hooked = vars(module).get("forward")
    if not isinstance(hooked, HookedForward):
        hooked = vars(module)["forward"] = HookedForward(module)
    entry = (moment, function)
    hooked.hooks.append(entry)

    def remove() -> None:
        if entry in hooked.hooks:
            hooked.hooks.remove(entry)
        if not hooked.hooks and vars(module).get("forward") is hooked:
            del vars(module)["forward"]

    return remove
