"""Where in a model the program is just now, read from the call stack: nothing has to be kept for it."""

from __future__ import annotations

import sys
from itertools import pairwise
from types import FrameType

from .module import Module


def layer_path() -> str:
    """The layer whose `forward` is running, as errors name it: `layers.3.linear`; "" outside any."""
    modules: list[Module] = []  # the innermost first
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name == "forward":
            module = frame.f_locals.get("self")
            if isinstance(module, Module) and (not modules or modules[-1] is not module):
                modules.append(module)
        frame = frame.f_back
    return ".".join([*_places(modules[::-1]), modules[0].kind]) if modules else ""


def raised_in(outer: Module, error: Exception) -> str:
    """The place inside `outer`, up to a module called on its own, where `error` was raised: `layers.3`."""
    modules = [outer]
    trace = error.__traceback__ and error.__traceback__.tb_next
    while trace is not None:
        module = trace.tb_frame.f_locals.get("self")
        if isinstance(module, Module) and modules[-1] is not module:
            modules.append(module)
        if trace.tb_frame.f_code is Module.__call__.__code__:
            break  # the error has its place inside this one already
        trace = trace.tb_next
    return ".".join(_places(modules))


def _places(modules: list[Module]) -> list[str]:
    """The dotted names of modules, the outermost first, each inside the one before."""
    found = (_place(outer, inner) for outer, inner in pairwise(modules))
    return [place for place in found if place is not None]


def _place(outer: Module, inner: Module) -> str | None:
    """The dotted name of `inner` inside `outer`."""
    for place, child in outer.children():
        if child is inner:
            return place
        deeper = _place(child, inner)
        if deeper is not None:
            return f"{place}.{deeper}"
    return None
