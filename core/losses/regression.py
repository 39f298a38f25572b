"""Losses of quantities: squared and absolute error, Huber."""

from __future__ import annotations

from .. import ops
from ..array import Array
from ..settings import POSITIVE
from ..tensor import Tensor
from .reduction import Reduction, compared, mean_of_outputs, reduced


def squared_error(
    prediction: Tensor, target: Tensor | Array, reduction: Reduction = "mean", weights: Array | None = None
) -> Tensor:
    """(prediction - target) ** 2, averaged over a sample's outputs. Both: (n, outputs)."""
    prediction, target = compared("squared_error", "target", prediction, target)
    difference = prediction - target
    squares = difference * difference
    if weights is None and reduction in ("mean", "sum"):
        counted = 1.0 if reduction == "mean" else prediction.shape[0]
        return ops.sum(squares) * (counted / max(prediction.size, 1))
    return reduced("squared_error", mean_of_outputs(squares), reduction, weights)


def absolute_error(
    prediction: Tensor, target: Tensor | Array, reduction: Reduction = "mean", weights: Array | None = None
) -> Tensor:
    """|prediction - target|, averaged over a sample's outputs. Both: (n, outputs)."""
    prediction, target = compared("absolute_error", "target", prediction, target)
    return reduced("absolute_error", mean_of_outputs(ops.absolute(prediction - target)), reduction, weights)


def huber(
    prediction: Tensor,
    target: Tensor | Array,
    reduction: Reduction = "mean",
    weights: Array | None = None,
    delta: float = 1.0,
) -> Tensor:
    """d² / 2 where |d| <= delta, else delta * (|d| - delta / 2), for d = prediction - target: Huber (1964).

    Averaged over a sample's outputs. Both: (n, outputs). With c = d clipped to ±delta it is c * (d - c / 2).
    """
    POSITIVE.check("huber", "delta", delta)
    prediction, target = compared("huber", "target", prediction, target)
    difference = prediction - target
    clipped = ops.clip(difference, low=-delta, high=delta)
    return reduced("huber", mean_of_outputs(clipped * (difference - 0.5 * clipped)), reduction, weights)
