"""Losses: how far a batch of outputs is from its targets, as one number to be made small.

"mean" is the mean over the samples. "sum" is the sum over the samples of the same per-sample value, so that
the parts of a mini-batch add up to the whole: sum / n == mean.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from . import ops
from .array import Array
from .errors import ShapeError
from .tensor import Tensor

Reduction = Literal["mean", "sum"]


def squared_error(prediction: Tensor, target: Tensor | Array, reduction: Reduction = "mean") -> Tensor:
    """(prediction - target) ** 2, averaged over a sample's outputs. Both: (n, outputs)."""
    if prediction.shape != target.shape:
        raise ShapeError(
            "squared_error, argument target", f"shape {prediction.shape}", f"shape {target.shape}"
        )
    difference = prediction - target
    return ops.sum(difference * difference) * _weight(prediction, reduction, prediction.size)


def softmax_cross_entropy(logits: Tensor, labels: Tensor | Array, reduction: Reduction = "mean") -> Tensor:
    """-log(softmax(logits)[label]). logits: (n, classes); labels: integers 0 .. classes - 1 (n,)."""
    total = ops.softmax_cross_entropy(logits, labels)
    return total if reduction == "sum" else total * _weight(logits, reduction, logits.shape[0])


def _weight(outputs: Tensor, reduction: Reduction, count: int) -> float:
    """What the sum over `count` values is multiplied by, where one sample has count / n of them."""
    if reduction == "mean":
        return 1.0 / count
    return outputs.shape[0] / count


LOSSES: dict[str, Callable[..., Any]] = {
    "squared_error": squared_error,
    "softmax_cross_entropy": softmax_cross_entropy,
}
