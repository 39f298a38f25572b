"""Operations of the user's own: a formula on arrays and its derivative rules, checked where they are used."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from .array import Array, on_host
from .errors import GraphError, ShapeError
from .graph import Vjp, primitive, vjp
from .tensor import Tensor


def custom_op(formula: Callable[..., Array], *rules: Vjp | None) -> Callable[..., Tensor]:
    """An operation that computes `formula` on arrays and is differentiated by `rules`, one an argument.

    A rule is called as rule(g, y, *arguments, **options), g being the gradient with respect to the output y,
    and gives the gradient with respect to its argument; None stands for an argument that has none. For second
    derivatives rules are called with tensors: those written with tensor arithmetic and chainrule's operations
    work for both, those that call NumPy have first derivatives only, and say so when asked for more.

        square = custom_op(lambda x: x * x, lambda g, y, x: g * 2 * x)
    """
    name = getattr(formula, "__name__", type(formula).__name__)
    positional = [
        parameter.name
        for parameter in inspect.signature(formula).parameters.values()
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        and parameter.default is parameter.empty
    ]
    if len(rules) < len(positional):
        raise GraphError(
            f"custom_op {name}: expected a rule for each of the arguments {', '.join(positional)}, got "
            f"{len(rules)}; None stands for one that has no derivative"
        )

    @wraps(formula)
    def computed(*values: Any, **options: Any) -> Array:
        y = formula(*values, **options)
        if not isinstance(y, np.ndarray | np.generic) and on_host(y):
            raise GraphError(f"custom_op {name}: expected its formula to return an array, got {_kind(y)}")
        return y

    computed.__name__ = name
    call = primitive(computed)
    vjp(call, *(rule and _checked(name, position, rule) for position, rule in enumerate(rules)))
    return call


def _checked(name: str, position: int, rule: Vjp) -> Vjp:
    """The rule, and an error that names the operation and the argument where it does not keep its promise."""
    where = f"custom_op {name}, rule for argument {position}"

    @wraps(rule)
    def checked(g: Any, y: Any, *arguments: Any, **options: Any) -> Any:
        again = isinstance(g, Tensor)
        try:
            cotangent = rule(g, y, *arguments, **options)
        except TypeError as error:
            if not again:
                raise
            raise GraphError(f"{where}: {_NOT_AGAIN}") from error
        if not hasattr(cotangent, "shape"):
            raise GraphError(f"{where}: expected it to return an array, got {_kind(cotangent)}")
        if again and not isinstance(cotangent, Tensor):
            raise GraphError(f"{where}: {_NOT_AGAIN}")
        expected = arguments[position].shape
        if cotangent.shape not in (expected, g.shape):
            raise ShapeError(where, f"a gradient of the argument's shape {expected}", f"{cotangent.shape}")
        return cotangent

    return checked


_NOT_AGAIN = (
    "it works on arrays only, so that its derivative has no derivative; write it with tensor arithmetic and "
    "chainrule's operations for second derivatives"
)


def _kind(value: Any) -> str:
    return "None" if value is None else f"a {type(value).__name__}"
