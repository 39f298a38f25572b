"""Losses in words that both libraries understand.

A case is a formula over a namespace `f` that holds the same function names on both sides, on float32 inputs;
it gives one value, or one a sample, and is compared with its gradients. Its name begins with the loss's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from coverage_table import COMPOSED, PYTORCH

N, CLASSES = 8, 10
LABELS = np.array([3, 0, 9, 1, 1, 7, 2, 5])
IDENTITY = np.array([0, 1, 0, 2, 1, 0, 2, 1])
SPELLED = np.array([[1, 1, 2, 3], [3, 2, 9, 9], [5, 0, 0, 0]])
FRAMES = np.array([12, 7, 3])
LETTERS = np.array([4, 2, 1])
TARGETS = np.random.default_rng(11).uniform(0, 1, (N, CLASSES)).astype(np.float32)
SIGNS = np.where(TARGETS > 0.5, 1, -1).astype(np.float32)
PROBABILITIES = TARGETS / TARGETS.sum(axis=1, keepdims=True)
WEIGHTS = np.array([1, 0, 2, 0.5, 3, 1, 0.25, 1.5], np.float32)
"""Of samples."""
PAIRS = np.where(LABELS % 2 == 0, 1, -1)
BY_CLASS = np.linspace(0.5, 2, CLASSES, dtype=np.float32)


@dataclass(frozen=True)
class LossCase:
    """`formula(f, *inputs, reduction)` with float32 inputs of these shapes, uniform in -scale .. scale.

    against: what the other side is.
    """

    formula: Callable[..., Any]
    shapes: tuple[tuple[int, ...], ...] = ((N, CLASSES),)
    scale: float = 3.0
    against: str = PYTORCH

    @property
    def weights(self) -> np.ndarray:
        """One for each sample."""
        return WEIGHTS[: self.shapes[0][0]]

    def inputs(self, seed: int) -> list[np.ndarray]:
        rng = np.random.default_rng(seed)
        return [rng.uniform(-self.scale, self.scale, shape).astype(np.float32) for shape in self.shapes]


_TWO = ((N, CLASSES), (N, CLASSES))
_THREE = (*_TWO, (N, CLASSES))

LOSS_CASES: dict[str, LossCase] = {
    "squared_error": LossCase(lambda f, a, b, r: f.squared_error(a, b, r), _TWO),
    "absolute_error": LossCase(lambda f, a, b, r: f.absolute_error(a, b, r), _TWO),
    "huber": LossCase(lambda f, a, b, r: f.huber(a, b, r, delta=1.5), _TWO),
    "softmax_cross_entropy": LossCase(lambda f, a, r: f.softmax_cross_entropy(a, LABELS, r)),
    "softmax_cross_entropy smoothed": LossCase(
        lambda f, a, r: f.softmax_cross_entropy(a, LABELS, r, label_smoothing=0.1)
    ),
    "softmax_cross_entropy weighted, ignored": LossCase(
        lambda f, a, r: f.softmax_cross_entropy(
            a, LABELS, r, label_smoothing=0.3, class_weights=BY_CLASS, ignored=1
        )
    ),
    "softmax_cross_entropy large": LossCase(
        lambda f, a, r: f.softmax_cross_entropy(a, LABELS, r, label_smoothing=0.1), scale=1e4
    ),
    "negative_log_likelihood": LossCase(
        lambda f, a, r: f.negative_log_likelihood(a, LABELS, r, class_weights=BY_CLASS, ignored=1)
    ),
    "binary_cross_entropy": LossCase(lambda f, a, r: f.binary_cross_entropy(a, TARGETS, r)),
    "binary_cross_entropy weighted": LossCase(
        lambda f, a, r: f.binary_cross_entropy(a, TARGETS, r, positive_weight=BY_CLASS), scale=20
    ),
    "binary_cross_entropy large": LossCase(lambda f, a, r: f.binary_cross_entropy(a, TARGETS, r), scale=1e4),
    "kl_divergence": LossCase(lambda f, a, r: f.kl_divergence(a, PROBABILITIES, r)),
    "hinge": LossCase(lambda f, a, r: f.hinge(a, SIGNS, r), against=COMPOSED),
    "hinge squared": LossCase(lambda f, a, r: f.hinge(a, SIGNS, r, margin=0.5, power=2), against=COMPOSED),
    "multiclass_hinge": LossCase(lambda f, a, r: f.multiclass_hinge(a, LABELS, r)),
    "multiclass_hinge squared": LossCase(
        lambda f, a, r: f.multiclass_hinge(a, LABELS, r, margin=0.5, power=2)
    ),
    "cosine": LossCase(lambda f, a, b, r: f.cosine(a, b, PAIRS, r, margin=-0.2), _TWO),
    "contrastive": LossCase(
        lambda f, a, b, r: f.contrastive(a, b, PAIRS, r, margin=9.0), _TWO, against=COMPOSED
    ),
    "triplet_margin": LossCase(lambda f, a, b, c, r: f.triplet_margin(a, b, c, r, margin=2.0), _THREE),
    **{
        f"mined_triplet_margin {mining}": LossCase(
            lambda f, a, r, mining=mining: f.mined_triplet_margin(a, IDENTITY, r, mining=mining),
            against=COMPOSED,
        )
        for mining in ("hard", "semi_hard", "all")
    },
    "ctc": LossCase(
        lambda f, a, r: f.ctc(a, SPELLED, r, logit_lengths=FRAMES, label_lengths=LETTERS), ((3, 12, CLASSES),)
    ),
    "binary_cross_entropy smoothed": LossCase(
        lambda f, a, r: f.binary_cross_entropy(a, TARGETS, r, label_smoothing=0.2)
    ),
}
PENALTY_CASES: dict[str, LossCase] = {
    "l1": LossCase(lambda f, a, b, r: f.l1([a, b], 0.1), _TWO, against=COMPOSED),
    "l2": LossCase(lambda f, a, b, r: f.l2([a, b], 0.1), _TWO, against=COMPOSED),
    "max_norm": LossCase(lambda f, a, r: f.max_norm([a], 0.1, 4.0), against=COMPOSED),
}
"""Of parameters, not of samples: with nothing to reduce or to weight."""
REDUCTIONS = ("mean", "sum", "none")


VARIANTS: list[tuple[str, str, bool]] = [
    *product(LOSS_CASES, REDUCTIONS, (False, True)),
    *((name, "sum", False) for name in PENALTY_CASES),
]
"""(case, reduction, whether samples are weighted): all that is compared."""


def output_weights(shape: tuple[int, ...]) -> np.ndarray:
    """The cotangent that a case's gradients start from."""
    return np.random.default_rng(1).uniform(0.5, 1.5, shape).astype(np.float32)
