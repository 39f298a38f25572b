"""Half-precision parameters."""

from __future__ import annotations

from typing import Any

from ..array import floating
from .module import Module


def cast(model: Module, dtype: Any) -> None:
    """Store the parameters in this dtype, such as "bfloat16", from now on; buffers stay as they are.

    A `FlatOptimizer` made after this keeps float32 masters of half parameters, and refreshes these from them.
    """
    for parameter in model.parameters().values():
        parameter.data = parameter.data.astype(floating(dtype))
        parameter.grad = None
