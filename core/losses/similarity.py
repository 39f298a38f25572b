"""Losses of pairs and triplets of embeddings: cosine, contrastive, triplet margin."""

from __future__ import annotations

from typing import Any

from .. import ops
from ..array import Array
from ..settings import NOT_NEGATIVE, Limit
from ..tensor import Tensor
from .reduction import Reduction, compared, constant, reduced

COSINE = Limit("from -1 to 1", lambda value: -1 <= value <= 1)
_EPSILON = 1e-12
"""Added to squared lengths, so that the derivative of a length is finite at 0."""


def cosine(
    a: Tensor,
    b: Tensor | Array,
    target: Array,
    reduction: Reduction = "mean",
    weights: Array | None = None,
    margin: float = 0.0,
) -> Tensor:
    """1 - cos(a, b) for pairs that belong together, max(0, cos(a, b) - margin) for the others.

    a, b: (n, features); target: 1 for together, -1 for not (n,).
    """
    COSINE.check("cosine", "margin", margin)
    a, b = compared("cosine", "b", a, b)
    together = _together("cosine", a, target)
    lengths = ops.sqrt(ops.sum(a * a, axis=-1) + _EPSILON) * ops.sqrt(ops.sum(b * b, axis=-1) + _EPSILON)
    similarity = ops.sum(a * b, axis=-1) / lengths
    losses = together * (1 - similarity) + (1 - together) * ops.relu(similarity - margin)
    return reduced("cosine", losses, reduction, weights)


def contrastive(
    a: Tensor,
    b: Tensor | Array,
    target: Array,
    reduction: Reduction = "mean",
    weights: Array | None = None,
    margin: float = 1.0,
) -> Tensor:
    """d² / 2 for pairs that belong together, max(0, margin - d)² / 2 for the others, with d = |a - b|.

    Hadsell, Chopra & LeCun, CVPR 2006. a, b: (n, features); target: 1 for together, -1 or 0 for not (n,).
    """
    NOT_NEGATIVE.check("contrastive", "margin", margin)
    a, b = compared("contrastive", "b", a, b)
    together = _together("contrastive", a, target)
    difference = a - b
    squares = ops.sum(difference * difference, axis=-1)
    gap = ops.relu(margin - ops.sqrt(squares + _EPSILON))
    losses = together * (0.5 * squares) + (1 - together) * (0.5 * gap * gap)
    return reduced("contrastive", losses, reduction, weights)


def triplet_margin(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    reduction: Reduction = "mean",
    weights: Array | None = None,
    margin: float = 1.0,
) -> Tensor:
    """max(0, |anchor - positive| - |anchor - negative| + margin). All: (n, features).

    Schroff, Kalenichenko & Philbin, "FaceNet", CVPR 2015, with distances that are not squared.
    """
    NOT_NEGATIVE.check("triplet_margin", "margin", margin)
    anchor, positive = compared("triplet_margin", "positive", anchor, positive)
    anchor, negative = compared("triplet_margin", "negative", anchor, negative)
    losses = ops.relu(distance(anchor, positive) - distance(anchor, negative) + margin)
    return reduced("triplet_margin", losses, reduction, weights)


def distance(a: Any, b: Any) -> Any:
    """|a - b| over the last axis, and at least 1e-6."""
    difference = a - b
    return ops.sqrt(ops.sum(difference * difference, axis=-1) + _EPSILON)


def _together(loss: str, a: Tensor, target: Array) -> Array:
    """1 for pairs that belong together, else 0: (n,)."""
    return constant(constant(target, a, f"{loss}, argument target", a.shape[:-1]) > 0, a)
