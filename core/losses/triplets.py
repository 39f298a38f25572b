"""Triplets found in a batch of labelled embeddings: hard, semi-hard and all of them."""

from __future__ import annotations

from typing import Literal

import numpy as np

from .. import ops
from ..array import Array, array_module, to_numpy
from ..errors import ChainruleError, ShapeError
from ..ops.constant import value
from ..precision import wide
from ..settings import NOT_NEGATIVE
from ..tensor import Tensor
from .reduction import Reduction, constant, reduced
from .similarity import triplet_margin

Mining = Literal["hard", "semi_hard", "all"]


def mined_triplet_margin(
    embeddings: Tensor,
    labels: Array,
    reduction: Reduction = "mean",
    weights: Array | None = None,
    margin: float = 1.0,
    mining: Mining = "semi_hard",
) -> Tensor:
    """`triplet_margin` of triplets chosen in the batch: an anchor, one with its label, one with another.

    hard: each anchor with its farthest positive and nearest negative (Hermans et al., 2017).
    semi_hard: each anchor and positive with the nearest negative that is farther than the positive, or, where
    there is none, with the farthest (Schroff et al., 2015).
    all: every triplet there is; n embeddings can have about n³.
    embeddings: (n, features); labels: integers (n,). A triplet has the weight of its anchor; "none" gives a
    value a triplet, in the order of anchors. Without a triplet the loss is 0.
    """
    name = "mined_triplet_margin"
    NOT_NEGATIVE.check(name, "margin", margin)
    embeddings = wide(embeddings)
    ids = to_numpy(value(labels))
    if embeddings.ndim != 2:
        raise ShapeError(f"{name}, argument embeddings", "shape (n, features)", f"shape {embeddings.shape}")
    if ids.shape != embeddings.shape[:1]:
        raise ShapeError(f"{name}, argument labels", f"shape {embeddings.shape[:1]}", f"shape {ids.shape}")
    if weights is not None:
        weights = constant(weights, embeddings, f"{name}, argument weights", ids.shape)
    found = find_triplets(to_numpy(embeddings.data), ids, mining)
    xp = array_module(embeddings.data)
    anchor, positive, negative = (xp.asarray(part) for part in found)
    if not len(anchor):
        nothing = ops.reshape(embeddings, (embeddings.size,))[:0]
        return reduced(name, nothing, reduction)
    own = None if weights is None else weights[anchor]
    return triplet_margin(
        embeddings[anchor], embeddings[positive], embeddings[negative], reduction, own, margin
    )


def find_triplets(
    embeddings: np.ndarray, labels: np.ndarray, mining: Mining
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions of anchors, positives, negatives, each (triplets,). Of equal distances the first counts."""
    if not len(labels):
        return labels, labels, labels
    distances = _squared_distances(embeddings)
    same = labels[:, None] == labels
    positives, negatives = same & ~np.eye(len(labels), dtype=bool), ~same
    if mining == "hard":
        anchors = np.flatnonzero(positives.any(axis=1) & negatives.any(axis=1))
        farthest = np.where(positives, distances, -np.inf)[anchors]
        nearest = np.where(negatives, distances, np.inf)[anchors]
        if not len(anchors):
            return anchors, anchors, anchors
        return anchors, farthest.argmax(axis=1), nearest.argmin(axis=1)
    pairs = np.nonzero(positives & negatives.any(axis=1)[:, None])
    if mining == "semi_hard":
        from_anchor, allowed = distances[pairs[0]], negatives[pairs[0]]
        beyond = allowed & (from_anchor > distances[pairs][:, None])
        nearest = np.where(beyond, from_anchor, np.inf).argmin(axis=1)
        farthest = np.where(allowed, from_anchor, -np.inf).argmax(axis=1)
        return pairs[0], pairs[1], np.where(beyond.any(axis=1), nearest, farthest)
    if mining != "all":
        raise ChainruleError(f"mined_triplet_margin: expected mining hard, semi_hard or all, got {mining!r}")
    pair, negative = np.nonzero(negatives[pairs[0]])
    return pairs[0][pair], pairs[1][pair], negative


def _squared_distances(x: np.ndarray) -> np.ndarray:
    """|x_i - x_j|² in float64: (n, features) -> (n, n). Centered first, so that little is lost."""
    x = x.astype(np.float64)
    x -= x.mean(axis=0)
    squares = (x * x).sum(axis=1)
    return squares[:, None] + squares - 2 * (x @ x.T)
