"""Arrays brought to mean 0 and variance 1, or to mean square 1, over chosen axes."""

from __future__ import annotations

from typing import Any

from ..array import Array, array_module
from ..graph import explain, primitive, vjp
from ..precision import rounded_once
from .arithmetic import sqrt, subtract
from .reduction import Axis, mean, var


@primitive
def standardize(x: Array, axis: Axis = -1, epsilon: float = 1e-5) -> Array:
    """(x - mean) / sqrt(variance + epsilon), both over `axis`. Any shape -> same shape."""
    centered = x - x.mean(axis=axis, keepdims=True)
    centered -= centered.mean(axis=axis, keepdims=True)  # what rounding left of a large mean
    variance = (centered * centered).mean(axis=axis, keepdims=True)
    centered /= array_module(x).sqrt(variance + epsilon)
    return centered


def _standardize_vjp(g: Any, y: Any, x: Any, axis: Axis = -1, epsilon: float = 1e-5) -> Any:
    """What changes the mean or the variance is taken out of g."""
    along = mean(g * y, axis=axis, keepdims=True)
    deviation = sqrt(var(x, axis=axis, keepdims=True) + epsilon)
    return subtract(g - mean(g, axis=axis, keepdims=True), y * along) / deviation


vjp(standardize, _standardize_vjp)
explain(
    standardize,
    lambda x, axis=-1, epsilon=1e-5: ("axis", f"different, nonempty axes of {x.shape}", f"{axis}"),
)


@rounded_once
def rms_normalize(x: Any, axis: Axis = -1, epsilon: float = 1e-5) -> Any:
    """x / sqrt(mean(x ** 2) + epsilon) over `axis`. Zhang and Sennrich, NeurIPS 2019."""
    return x / sqrt(mean(x * x, axis=axis, keepdims=True) + epsilon)
