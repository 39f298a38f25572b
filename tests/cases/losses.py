"""Cases of every loss: a function of its tensors and of options, and how many values it gives unreduced."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from chainrule.core import Tensor, losses

from .samples import Cases

RNG = np.random.default_rng(0)
N, C = 5, 4
A, B = RNG.standard_normal((N, C)), RNG.standard_normal((N, C))
FAR = RNG.standard_normal((N, C)) * 2
LABELS = np.array([2, 0, 3, 3, 1])
IDENTITY = np.array([0, 0, 1, 1, 0])
SIGNS = np.where(RNG.standard_normal((N, C)) > 0, 1.0, -1.0)
PAIRS = np.array([1, -1, 1, -1, -1])
PROBABILITIES = np.exp(B) / np.exp(B).sum(axis=1, keepdims=True)
FRAMES = RNG.standard_normal((3, 6, C))
SPELLED = np.array([[1, 1, 2], [3, 2, 0], [0, 0, 0]])
CTC = {"logit_lengths": np.array([6, 4, 5]), "label_lengths": np.array([3, 2, 0])}
BY_CLASS = np.array([0.5, 2.0, 1.0, 3.0])

Loss = Callable[..., Tensor]
# name: (the loss of tensors and options, its tensors, how many values "none" gives)
CASES: dict[str, tuple[Loss, list[np.ndarray], int]] = {
    "squared_error": (losses.squared_error, [A, B], N),
    "absolute_error": (losses.absolute_error, [A, B], N),
    "huber": (lambda a, b, **o: losses.huber(a, b, delta=0.7, **o), [A, B], N),
    "softmax_cross_entropy": (lambda a, **o: losses.softmax_cross_entropy(a, LABELS, **o), [A], N),
    "softmax_cross_entropy, all options": (
        lambda a, **o: losses.softmax_cross_entropy(
            a, LABELS, label_smoothing=0.2, class_weights=BY_CLASS, ignored=0, **o
        ),
        [A],
        N,
    ),
    "negative_log_likelihood": (
        lambda a, **o: losses.negative_log_likelihood(a, LABELS, class_weights=BY_CLASS, ignored=0, **o),
        [A],
        N,
    ),
    "binary_cross_entropy": (losses.binary_cross_entropy, [A, PROBABILITIES], N),
    "binary_cross_entropy, all options": (
        lambda a, **o: losses.binary_cross_entropy(
            a, SIGNS > 0, label_smoothing=0.1, positive_weight=BY_CLASS, **o
        ),
        [A],
        N,
    ),
    "kl_divergence": (losses.kl_divergence, [A, PROBABILITIES], N),
    "hinge": (lambda a, **o: losses.hinge(a, SIGNS, **o), [A], N),
    "hinge, squared": (lambda a, **o: losses.hinge(a, SIGNS, power=2, **o), [A], N),
    "multiclass_hinge": (lambda a, **o: losses.multiclass_hinge(a, LABELS, **o), [A], N),
    "multiclass_hinge, squared": (lambda a, **o: losses.multiclass_hinge(a, LABELS, power=2, **o), [A], N),
    "cosine": (lambda a, b, **o: losses.cosine(a, b, PAIRS, margin=-0.5, **o), [A, B], N),
    "contrastive": (lambda a, b, **o: losses.contrastive(a, b, PAIRS, margin=3.0, **o), [A, B], N),
    "triplet_margin": (lambda a, b, c, **o: losses.triplet_margin(a, b, c, margin=2.0, **o), [A, B, FAR], N),
    "mined_triplet_margin, hard": (
        lambda a, **o: losses.mined_triplet_margin(a, IDENTITY, mining="hard", **o),
        [A],
        5,
    ),
    "mined_triplet_margin, semi-hard": (
        lambda a, **o: losses.mined_triplet_margin(a, IDENTITY, mining="semi_hard", **o),
        [A],
        8,
    ),
    "mined_triplet_margin, all": (
        lambda a, **o: losses.mined_triplet_margin(a, IDENTITY, mining="all", **o),
        [A],
        18,
    ),
    "ctc": (lambda a, **o: losses.ctc(a, SPELLED, **CTC, **o), [FRAMES], 3),
}

PENALTIES: Cases = {
    "l1": (lambda a, b: losses.l1([a, b], 0.3), [A, B[0]]),
    "l2": (lambda a, b: losses.l2([a, b], 0.3), [A, B[0]]),
    "max_norm": (lambda a, b: losses.max_norm([a, b], 0.3, 0.5), [A, FRAMES]),
}
