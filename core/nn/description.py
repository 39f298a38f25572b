"""A model as text: one line a module, indented by what it is in, with settings and numbers of parameters."""

from __future__ import annotations

from inspect import signature
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .module import Module


def describe(module: Module, indent: str = "") -> str:
    """`Linear(inputs=64, units=10): 650 parameters`, and so each module inside, under its name.

    Of its settings those that its constructor would not have taken by itself.
    """
    constructor = signature(type(module)).parameters
    settings = [
        f"{name}={value!r}"
        for name, value in vars(module).items()
        if name in constructor and _is_setting(value) and not _is_default(value, constructor[name].default)
    ]
    count = sum(parameter.size for parameter in module.parameters().values())
    lines = [
        type(module).__name__
        + (f"({', '.join(settings)})" if settings else "")
        + (f": {count:,} parameter{'s' * (count != 1)}" if count else "")
    ]
    for name, child in module.children():
        lines.append(f"{indent}  {name}: {describe(child, indent + '  ')}")
    return "\n".join(lines)


def _is_setting(value: object) -> bool:
    if isinstance(value, tuple):
        return bool(value) and all(isinstance(part, int) for part in value)
    return isinstance(value, bool | int | float | str)


def _is_default(value: object, default: object) -> bool:
    return value == default or (isinstance(value, tuple) and value == (default,) * len(value))
