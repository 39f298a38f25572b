"""Half precision: arrays stored in 16 bits, every formula computed in float32, its result rounded once.

What a call gives is stored in, for NumPy and CuPy alike:
- bfloat16 or float16, if all its floating arguments are that; Python numbers, integers and booleans follow;
- float32 for bfloat16 with float16;
- float32 or float64 for a half with that: NumPy's own rule, as for everything else.
A gradient has the dtype of what it is for; sums that undo a broadcast and sums where paths merge are float32.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

from .array import HALVES, Array, is_floating
from .errors import ShapeError
from .retention import reads

if TYPE_CHECKING:
    from .graph import Operation

Function = TypeVar("Function", bound=Callable[..., Any])
FLOAT32 = np.dtype(np.float32)


def compute(
    operation: Operation, formula: Callable[..., Array], values: Sequence[Any], options: dict[str, Any]
) -> tuple[Operation, Array]:
    """What a primitive with a half among its arguments gives, and the operation to record for it."""
    floats = {value.dtype for value in values if hasattr(value, "dtype") and is_floating(value.dtype)}
    halves = floats.intersection(HALVES)
    if not halves or (operation.moves and len(halves) == 1):
        return operation, formula(*values, **options)
    y = formula(*(wide(value) for value in values), **options)
    if len(floats) == 1 and y.dtype != bool:
        y = y.astype(*halves)
    if operation.narrow is None:
        operation.narrow = type(operation)(operation.name)
        operation.narrow.vjps = tuple(
            None if rule is None else _wide_rule(operation.name, rule, position)
            for position, rule in enumerate(operation.vjps)
        )
    return operation.narrow, y


def wide(x: Any) -> Any:
    """A half array or tensor in float32, for which it is differentiable; anything else as it is."""
    return ops.cast(x, FLOAT32) if getattr(x, "dtype", None) in HALVES else x


def rounded_once(function: Function) -> Function:
    """Let what is made of operations compute in float32 where its x is a half, and err in its own name."""

    @wraps(function)
    def computed(x: Any, *arguments: Any, **options: Any) -> Any:
        try:
            if x.dtype.itemsize > 2 or x.dtype not in HALVES:
                return function(x, *arguments, **options)
            return ops.cast(function(wide(x), *arguments, **options), x.dtype)
        except ShapeError as error:
            raise error.of(function.__name__) from error.__cause__

    return cast(Function, computed)


def _wide_rule(name: str, rule: Callable[..., Any], position: int) -> Callable[..., Any]:
    """The rule in float32, its cotangent summed to the argument's shape and then rounded to its dtype."""

    @cache
    def needed(count: int) -> list[bool]:
        return [reads(rule, index) for index in range(1, count + 1)]

    @wraps(rule)
    def gradient(g: Any, y: Any, *arguments: Any, **options: Any) -> Any:
        values = (y, *arguments)
        used = [wide(x) if read else x for x, read in zip(values, needed(len(values)), strict=True)]
        cotangent = rule(wide(g), *used, **options)
        argument = arguments[position]
        if cotangent.shape != argument.shape:
            cotangent = sum_to(cotangent, argument.shape, name, position)
        return ops.cast(cotangent, argument.dtype) if argument.dtype in HALVES else cotangent

    return gradient


from . import ops  # noqa: E402  The engine computes with the ops that it runs.
from .backward import sum_to  # noqa: E402
