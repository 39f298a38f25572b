"""What NumPy's functions make of tensors: `np.exp(x)` and `np.mean(x)` are the operations of that name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .array import is_floating
from .tensor import Tensor

_SHARED = frozenset({
    "argmax", "argmin", "broadcast_to", "clip", "concatenate", "einsum", "max", "mean", "min", "reshape",
    "stack", "std", "sum", "tensordot", "transpose", "var", "where",
})  # fmt: skip
"""Functions with the arguments that the operation of the same name has."""


def apply_ufunc(tensor: Tensor, ufunc: Callable[..., Any], method: str, *inputs: Any, **options: Any) -> Any:
    """The operation of the ufunc's name, recorded as ever; any other ufunc on the arrays, to give arrays."""
    operation = getattr(ops, ufunc.__name__, None)
    if operation is not None and method == "__call__" and not options:
        return operation(*inputs)
    return _on_arrays(ufunc.__name__, tensor, getattr(ufunc, method), inputs, options)


def apply_function(
    tensor: Tensor, function: Callable[..., Any], types: Any, inputs: Any, options: dict[str, Any]
) -> Any:
    """The operation of the function's name, recorded as ever; any other on the arrays, to give arrays."""
    name = function.__name__
    if name in _SHARED and function.__module__ == "numpy":
        return getattr(ops, name)(*inputs, **options)
    return _on_arrays(name, tensor, function, inputs, options)


def _on_arrays(name: str, tensor: Tensor, function: Callable[..., Any], inputs: Any, options: Any) -> Any:
    """What NumPy computes; refused where the derivative would be lost unseen."""
    y = function(*_arrays(inputs), **_arrays(options))
    if tensor.requires_grad and is_floating(getattr(y, "dtype", np.dtype(bool))) and "like" not in name:
        raise TypeError(
            f"np.{name}: cannot be differentiated; give it x.numpy(), or take chainrule's operations"
        )
    return y


def _arrays(value: Any) -> Any:
    """Tensors, also those in tuples, lists and dictionaries, as their arrays."""
    if isinstance(value, Tensor):
        return value.data
    if isinstance(value, tuple | list):
        return type(value)(map(_arrays, value))
    return {name: _arrays(part) for name, part in value.items()} if isinstance(value, dict) else value


from . import ops  # noqa: E402
