"""Measures of a model on held-out data, each a SUM over samples, so that chunks add up to the whole."""

from __future__ import annotations

from collections.abc import Callable

from .array import Array, array_module
from .errors import ShapeError


def accuracy(outputs: Array, targets: Array) -> float:
    """How many samples' largest output is at their label. outputs: (n, classes); targets: class ids (n,)."""
    if outputs.ndim != 2 or targets.shape != outputs.shape[:1]:
        raise ShapeError(
            "accuracy", "outputs (n, classes), targets (n,)", f"{outputs.shape}, {targets.shape}"
        )
    xp = array_module(outputs)
    return float(xp.count_nonzero(outputs.argmax(axis=1) == targets))


def mean_absolute_error(outputs: Array, targets: Array) -> float:
    """The sum over samples of the mean of |output - target| over a sample's outputs. Both: (n, outputs)."""
    if outputs.shape != targets.shape:
        raise ShapeError("mean_absolute_error", f"targets {outputs.shape}", f"{targets.shape}")
    xp = array_module(outputs)
    errors = xp.abs(outputs.astype(xp.float64) - targets)
    return float(errors.reshape(len(errors), -1).mean(axis=1).sum()) if errors.size else 0.0


METRICS: dict[str, Callable[[Array, Array], float]] = {
    "accuracy": accuracy,
    "mean_absolute_error": mean_absolute_error,
}

HIGHER_IS_BETTER = frozenset({"accuracy"})
