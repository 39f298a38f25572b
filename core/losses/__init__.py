"""Losses: how far a batch of outputs is from its targets, as one number to be made small.

A loss is first one value a sample. reduction "none" gives these; "sum" adds them up, so that the parts of a
mini-batch add up to the whole; "mean" is sum / n. With `weights`, one a sample, each value counts that many
times: "mean" is the weighted mean. Of outputs in half precision it is float32. One file a family.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .cross_entropy import (
    binary_cross_entropy,
    kl_divergence,
    negative_log_likelihood,
    softmax_cross_entropy,
)
from .ctc import ctc
from .hinge import hinge, multiclass_hinge
from .penalty import l1, l2, limit_norms, max_norm
from .reduction import Reduction
from .regression import absolute_error, huber, squared_error
from .similarity import contrastive, cosine, triplet_margin
from .triplets import Mining, mined_triplet_margin

__all__ = [
    "LOSSES", "Mining", "Reduction", "absolute_error", "binary_cross_entropy", "contrastive", "cosine",
    "ctc", "hinge", "huber", "kl_divergence", "l1", "l2", "limit_norms", "max_norm",
    "mined_triplet_margin", "multiclass_hinge", "negative_log_likelihood", "softmax_cross_entropy",
    "squared_error", "triplet_margin",
]  # fmt: skip

LOSSES: dict[str, Callable[..., Any]] = {
    "squared_error": squared_error,
    "softmax_cross_entropy": softmax_cross_entropy,
    "absolute_error": absolute_error,
    "huber": huber,
    "binary_cross_entropy": binary_cross_entropy,
    "hinge": hinge,
    "multiclass_hinge": multiclass_hinge,
    "negative_log_likelihood": negative_log_likelihood,
    "kl_divergence": kl_divergence,
}
"""Those of one output and one target, by the name that a job file uses."""
