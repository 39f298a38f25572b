"""Measures of a model on held-out data, each a SUM over samples, so that chunks add up to the whole."""

from __future__ import annotations

from collections.abc import Callable

from .array import Array, array_module
from .errors import ShapeError


def accuracy(outputs: Array, targets: Array, ignored: int | None = None) -> float:
    """How many labels have the largest output. outputs: (..., classes); targets: class ids (...).

    Of samples with several labels, each label counts; those that are `ignored` do not.
    """
    return top_accuracy(outputs, targets, ignored, 1)


def top_accuracy(outputs: Array, targets: Array, ignored: int | None = None, places: int = 5) -> float:
    """How many labels have one of the `places` largest outputs; of equal ones, the first. See `accuracy`."""
    if outputs.ndim < 2 or targets.shape != outputs.shape[:-1]:
        expected = "outputs (..., classes), targets (...)"
        raise ShapeError("accuracy", expected, f"{outputs.shape}, {targets.shape}")
    xp = array_module(outputs)
    if places == 1:
        right = outputs.argmax(axis=-1) == targets
    else:
        largest = xp.argsort(-outputs, axis=-1, kind="stable")[..., :places]
        right = (largest == targets[..., None]).any(axis=-1)
    return float(xp.count_nonzero(right if ignored is None else right & (targets != ignored)))


def mean_absolute_error(outputs: Array, targets: Array) -> float:
    """The sum over samples of the mean of |output - target| over a sample's outputs. Both: (n, outputs)."""
    return _mean_of_outputs(abs(_difference("mean_absolute_error", outputs, targets)))


def mean_squared_error(outputs: Array, targets: Array) -> float:
    """The sum over samples of the mean of (output - target)² over a sample's outputs. Both: (n, outputs)."""
    return _mean_of_outputs(_difference("mean_squared_error", outputs, targets) ** 2)


def binary_accuracy(outputs: Array, targets: Array) -> float:
    """The sum over samples of the share of outputs on the right side of 0: above it where the target is 1.

    Both: (n, outputs); outputs: logits or scores; targets: 0 or 1, or -1 or 1.
    """
    _difference("binary_accuracy", outputs, targets)
    return _mean_of_outputs((outputs > 0) == (targets > 0.5))


def _difference(metric: str, outputs: Array, targets: Array) -> Array:
    if outputs.shape != targets.shape:
        raise ShapeError(metric, f"targets {outputs.shape}", f"{targets.shape}")
    return outputs.astype(array_module(outputs).float64) - targets


def _mean_of_outputs(values: Array) -> float:
    return float(values.reshape(len(values), -1).mean(axis=1).sum()) if values.size else 0.0


METRICS: dict[str, Callable[..., float]] = {
    "accuracy": accuracy,
    "mean_absolute_error": mean_absolute_error,
    "mean_squared_error": mean_squared_error,
    "top_5_accuracy": top_accuracy,
    "binary_accuracy": binary_accuracy,
}

HIGHER_IS_BETTER = frozenset({"accuracy", "top_5_accuracy", "binary_accuracy"})
