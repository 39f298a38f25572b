"""Where in a model the program is just now, read from the call stack: nothing has to be kept for it."""

from __future__ import annotations

import sys
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
    if not modules:
        return ""
    places = []
    outer = modules.pop()
    while modules:
        inner = modules.pop()
        place = _place(outer, inner)
        if place is not None:
            places.append(place)
        outer = inner
    return ".".join([*places, outer.kind])


def _place(outer: Module, inner: Module) -> str | None:
    """The dotted name of `inner` inside `outer`."""
    for place, child in outer.children():
        if child is inner:
            return place
        deeper = _place(child, inner)
        if deeper is not None:
            return f"{place}.{deeper}"
    return None
