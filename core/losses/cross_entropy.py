"""Losses of probabilities: softmax and binary cross-entropy, negative log-likelihood, KL divergence."""

from __future__ import annotations

from math import prod
from typing import Any

from .. import ops
from ..array import Array, array_module
from ..ops.constant import value
from ..precision import wide
from ..settings import NOT_NEGATIVE, SHARE
from ..tensor import Tensor
from .reduction import Reduction, compared, constant, mean_of_outputs, picked, reduced, require_labels


def softmax_cross_entropy(
    logits: Tensor,
    labels: Tensor | Array,
    reduction: Reduction = "mean",
    weights: Array | None = None,
    label_smoothing: float = 0.0,
    class_weights: Array | None = None,
    ignored: int | None = None,
) -> Tensor:
    """-log(softmax(logits)[label]). logits: (n, classes); labels: integers 0 .. classes - 1 (n,).

    Each position of a sequence can be a sample: logits (n, steps, classes), labels (n, steps).
    label_smoothing: this much of the target is spread evenly over the classes (Szegedy et al., CVPR 2016).
    class_weights: (classes,) multiply a sample's weight by its label's. Samples labelled `ignored` count for
    nothing.
    """
    logits = wide(logits)
    plain = weights is None and class_weights is None and ignored is None and not label_smoothing
    positions = logits.shape[:-1]
    if plain and logits.ndim > 2 and getattr(labels, "shape", None) == positions:
        logits = ops.reshape(logits, (prod(positions), logits.shape[-1]))
        labels = value(labels).reshape(-1)
    if plain and logits.ndim <= 2 and reduction in ("mean", "sum"):
        total = ops.softmax_cross_entropy(logits, labels)
        return total if reduction == "sum" else total * (1.0 / max(logits.shape[0], 1))
    name = "softmax_cross_entropy"
    SHARE.check(name, "label_smoothing", label_smoothing)
    ids, counted = require_labels(name, "logits", logits, labels, ignored)
    log_probabilities = ops.log_softmax(logits)
    by_class = _by_class(name, class_weights, logits)
    own = _label_weights(ids, counted, by_class, logits)
    losses = -picked(log_probabilities, ids) * own
    if label_smoothing:
        spread = log_probabilities if by_class is None else log_probabilities * by_class
        elsewhere = -ops.mean(spread, axis=-1) * constant(counted, logits)
        losses = (1 - label_smoothing) * losses + label_smoothing * elsewhere
    return reduced(name, ops.reshape(losses, positions), reduction, weights, own)


def negative_log_likelihood(
    log_probabilities: Tensor,
    labels: Tensor | Array,
    reduction: Reduction = "mean",
    weights: Array | None = None,
    class_weights: Array | None = None,
    ignored: int | None = None,
) -> Tensor:
    """-log_probabilities[label], for a model that ends in log_softmax. The rest: as softmax_cross_entropy."""
    log_probabilities = wide(log_probabilities)
    name = "negative_log_likelihood"
    ids, counted = require_labels(name, "log_probabilities", log_probabilities, labels, ignored)
    by_class = _by_class(name, class_weights, log_probabilities)
    own = _label_weights(ids, counted, by_class, log_probabilities)
    return reduced(name, -picked(log_probabilities, ids) * own, reduction, weights, own)


def binary_cross_entropy(
    logits: Tensor,
    target: Tensor | Array,
    reduction: Reduction = "mean",
    weights: Array | None = None,
    label_smoothing: float = 0.0,
    positive_weight: Array | float = 1.0,
) -> Tensor:
    """-t log(p) - (1 - t) log(1 - p) for p = sigmoid(logits), averaged over a sample's outputs.

    Both: (n, outputs), the target t in 0 .. 1; label_smoothing draws it towards 1/2 by that much.
    positive_weight: a number, or one an output; multiplies the first term, for rare positives.
    """
    name = "binary_cross_entropy"
    SHARE.check(name, "label_smoothing", label_smoothing)
    logits, target = compared(name, "target", logits, target)
    if isinstance(positive_weight, float | int):
        NOT_NEGATIVE.check(name, "positive_weight", positive_weight)
    else:
        where = f"{name}, argument positive_weight"
        positive_weight = constant(positive_weight, logits, where, logits.shape[-1:])
    if label_smoothing:
        target = target * (1 - label_smoothing) + 0.5 * label_smoothing
    losses = positive_weight * target * ops.softplus(-logits) + (1 - target) * ops.softplus(logits)
    return reduced(name, mean_of_outputs(losses), reduction, weights)


def kl_divergence(
    log_probabilities: Tensor,
    target: Tensor | Array,
    reduction: Reduction = "mean",
    weights: Array | None = None,
) -> Tensor:
    """The sum over a sample's classes of t * (log(t) - log_probabilities), 0 where t is 0.

    log_probabilities: (n, classes), of the model; target: the probabilities t (n, classes).
    """
    log_probabilities, target = compared("kl_divergence", "target", log_probabilities, target)
    smallest = float(array_module(value(target)).finfo(target.dtype).tiny)
    log_probabilities = ops.where(value(target) == 0, 0, log_probabilities)  # 0 * inf would be nan
    losses = target * (ops.log(ops.maximum(target, smallest)) - log_probabilities)
    return reduced("kl_divergence", ops.sum(losses, axis=-1), reduction, weights)


def _label_weights(labels: Array, counted: Array, by_class: Array | None, outputs: Any) -> Array:
    """What each label counts: its class's weight, 0 if it is ignored."""
    own = constant(counted, outputs)
    return own if by_class is None else own * by_class[labels]


def _by_class(loss: str, weights: Array | None, outputs: Any) -> Array | None:
    where = f"{loss}, argument class_weights"
    return None if weights is None else constant(weights, outputs, where, outputs.shape[-1:])
