"""From one value a sample to one number: mean, sum, none, with sample weights. And what arguments must be."""

from __future__ import annotations

from math import prod
from typing import Any, Literal

from .. import ops
from ..array import Array, array_module
from ..errors import ChainruleError, ShapeError
from ..ops.constant import value
from ..tensor import Tensor

Reduction = Literal["mean", "sum", "none"]


def reduced(
    loss: str, values: Any, reduction: Reduction, weights: Array | None = None, total: float | None = None
) -> Tensor:
    """Reduce one value a sample. weights: one a value, or None for 1 each.

    total: what "mean" divides by where it is not the sum of the weights. Of no weight at all the mean is 0.
    """
    counts: Any = 1.0
    if weights is not None:
        counts = constant(weights, values)
        if counts.shape != values.shape:
            raise ShapeError(f"{loss}, argument weights", f"shape {values.shape}", f"shape {counts.shape}")
        values = values * counts
    if reduction == "none":
        return values
    if reduction == "sum":
        return ops.sum(values)
    if reduction != "mean":
        raise ChainruleError(f"{loss}: expected the reduction mean, sum or none, got {reduction!r}")
    if total is None:
        total = float(values.size if weights is None else counts.sum())
    return ops.sum(values) * (1.0 / total if total else 0.0)


def constant(x: Any, like: Any) -> Array:
    """x as an array of the dtype and on the device of `like`."""
    return array_module(value(like)).asarray(value(x), dtype=like.dtype)


def mean_of_outputs(values: Any) -> Any:
    """The mean over each sample's outputs: (n, ...) -> (n,)."""
    outputs = prod(values.shape[1:])
    return ops.sum(ops.reshape(values, (values.shape[0], outputs)), axis=1) * (1.0 / max(outputs, 1))


def require_same_shape(loss: str, argument: str, expected: Any, actual: Any) -> None:
    """Refuse what would only broadcast."""
    if expected.shape != actual.shape:
        raise ShapeError(f"{loss}, argument {argument}", f"shape {expected.shape}", f"shape {actual.shape}")


def require_labels(loss: str, outputs: Any, labels: Any, ignored: int | None = None) -> tuple[Array, Array]:
    """Class ids for outputs (..., classes), and where they count; 0 takes the place of an ignored one.

    labels: integers 0 .. classes - 1, or `ignored`, (...).
    """
    labels = value(labels)
    if outputs.ndim < 2:
        raise ShapeError(f"{loss}, argument outputs", "shape (n, classes)", f"shape {outputs.shape}")
    if labels.shape != outputs.shape[:-1]:
        raise ShapeError(f"{loss}, argument labels", f"shape {outputs.shape[:-1]}", f"shape {labels.shape}")
    if labels.dtype.kind not in "iu":
        raise ShapeError(f"{loss}, argument labels", "integers", f"{labels.dtype}")
    xp = array_module(labels)
    counted = xp.ones(labels.shape, bool) if ignored is None else labels != ignored
    labels = xp.where(counted, labels, 0)
    if labels.size and not (labels.min() >= 0 and labels.max() < outputs.shape[-1]):
        raise ShapeError(
            f"{loss}, argument labels",
            f"class ids from 0 to {outputs.shape[-1] - 1}",
            f"ids from {labels.min()} to {labels.max()}",
        )
    return labels, counted


def picked(outputs: Any, labels: Array) -> Any:
    """Each sample's output at its label. outputs: (..., classes), labels: (...) -> (...)."""
    rows = ops.reshape(outputs, (labels.size, outputs.shape[-1]))
    index = (array_module(labels).arange(labels.size), labels.reshape(-1))
    return ops.reshape(ops.getitem(rows, index=index), labels.shape)
