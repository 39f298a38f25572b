"""Losses of support vector machines: hinge and multi-class hinge."""

from __future__ import annotations

from .. import ops
from ..array import Array, array_module
from ..precision import wide
from ..settings import AT_LEAST_1, NOT_NEGATIVE
from ..tensor import Tensor
from .reduction import Reduction, compared, constant, mean_of_outputs, picked, reduced, require_labels


def hinge(
    scores: Tensor,
    target: Tensor | Array,
    reduction: Reduction = "mean",
    weights: Array | None = None,
    margin: float = 1.0,
    power: int = 1,
) -> Tensor:
    """max(0, margin - target * score) ** power, averaged over a sample's outputs.

    Both: (n, outputs), the target -1 or 1. Cortes & Vapnik (1995); power 2 is the squared hinge.
    """
    NOT_NEGATIVE.check("hinge", "margin", margin)
    AT_LEAST_1.check("hinge", "power", power)
    scores, target = compared("hinge", "target", scores, target)
    shortfall = ops.relu(margin - scores * target)
    return reduced("hinge", mean_of_outputs(_to_power(shortfall, power)), reduction, weights)


def multiclass_hinge(
    scores: Tensor,
    labels: Tensor | Array,
    reduction: Reduction = "mean",
    weights: Array | None = None,
    margin: float = 1.0,
    power: int = 1,
) -> Tensor:
    """The sum over classes other than the label of max(0, margin - score[label] + score) ** power, / classes.

    Weston & Watkins (1998). scores: (n, classes); labels: integers 0 .. classes - 1 (n,).
    """
    NOT_NEGATIVE.check("multiclass_hinge", "margin", margin)
    AT_LEAST_1.check("multiclass_hinge", "power", power)
    scores = wide(scores)
    ids, _ = require_labels("multiclass_hinge", "scores", scores, labels)
    own = ops.reshape(picked(scores, ids), (*ids.shape, 1))
    others = constant(array_module(ids).arange(scores.shape[-1]) != ids[..., None], scores)
    shortfall = ops.relu(margin - own + scores) * others
    return reduced("multiclass_hinge", ops.mean(_to_power(shortfall, power), axis=-1), reduction, weights)


def _to_power(x: Tensor, power: int) -> Tensor:
    return x if power == 1 else x**power
