"""What a job makes small and what it measures: its loss, penalties and metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from functools import partial
from math import prod
from typing import Any

import numpy as np

from ..core import Tensor, losses, ops
from ..core.array import Array, array_module
from ..core.metrics import METRICS
from .data.dataset import Dataset
from .data.rows import SampleArray
from .data.transform import row_blocks
from .spec import JobSpec
from .spec.losses import AnyPenalty, LossSpec, MaxNormSpec, Targets


class Objective:
    """Losses and metrics as SUMS over samples, so that the parts of a mini-batch, and the chunks of the
    held-out samples, add up to the whole.

    Where elements count unequally, by class weights or an ignored label, the sums are divided by what a
    sample of the split counts on average. So the size of the loss does not depend on the weights' scale, and
    a mini-batch may be cut anywhere. A loss of triplets or pairs is the mean over those in the part at hand.
    """

    def __init__(self, spec: JobSpec, dataset: Dataset) -> None:
        self._total = _TOTALS.get(spec.loss.kind, partial(_plain_total, losses.LOSSES.get(spec.loss.kind)))
        self._settings = _loss_settings(spec.loss)
        self._metrics = [METRICS[name] for name in spec.metrics]
        self._penalties = spec.penalties
        ignored = self._settings.get("ignored")
        weights = self._settings.get("class_weights")
        self._measured = {} if ignored is None else {"ignored": ignored}
        self._train_scale = _scale(spec.loss, dataset.train_targets, ignored, weights)
        self._test_scale = _scale(spec.loss, dataset.test_targets, ignored, weights)
        self._metric_scale = _scale(spec.loss, dataset.test_targets, ignored, None)

    def train_loss(self, outputs: Tensor, targets: Array) -> Tensor:
        """The sum of the samples' losses."""
        return _scaled(self._total(outputs, targets, self._settings), self._train_scale)

    def counted(self, targets: Array) -> Array | None:
        """True for what the loss does not ignore, in the shape of the targets; None where that is all."""
        ignored = self._settings.get("ignored")
        return None if ignored is None else targets != ignored

    def penalty(self, parameters: Mapping[str, Tensor]) -> Tensor | None:
        """The sum of the job's penalties, of the model as it is; None where there are none."""
        terms = [_penalty(penalty, parameters) for penalty in self._penalties]
        return sum(terms[1:], start=terms[0]) if terms else None

    def evaluate(self, outputs: Tensor, targets: Array) -> list[float]:
        """Sums over held-out samples: the loss, then each metric."""
        loss = _scaled(self._total(outputs, targets, self._settings), self._test_scale)
        measured = [metric(outputs.data, targets, **self._measured) for metric in self._metrics]
        return [loss.item(), *(float(value * self._metric_scale) for value in measured)]


def _loss_settings(spec: LossSpec) -> dict[str, Any]:
    settings = spec.settings()
    if "class_weights" in settings:
        weights = settings.pop("class_weights")
        settings |= {"class_weights": np.array(weights, np.float32)} if weights else {}
    return settings


def _scale(spec: LossSpec, targets: SampleArray, ignored: int | None, weights: np.ndarray | None) -> float:
    """1 / what a sample counts on average; 1 where each is one value."""
    if spec.targets is not Targets.CLASS or not targets.size:
        return 1.0
    if ignored is None and weights is None:
        return 1.0 / prod(targets.shape[1:])
    total = 0.0
    for block in row_blocks(targets):
        counted = np.ones(block.shape, bool) if ignored is None else block != ignored
        counts = counted if weights is None else counted * weights[np.where(counted, block, 0)]
        total += float(counts.sum(dtype=np.float64))
    mean = total / len(targets)
    return 1.0 / mean if mean else 1.0


def _scaled(total: Tensor, scale: float) -> Tensor:
    return total if scale == 1.0 else total * scale


Total = Callable[[Tensor, Array, dict[str, Any]], Tensor]
"""(outputs, targets, settings) -> the sum of the samples' losses."""


def _plain_total(loss: Any, outputs: Tensor, targets: Array, settings: dict[str, Any]) -> Tensor:
    return loss(outputs, targets, reduction="sum", **settings)


def _ctc(outputs: Tensor, labels: Array, settings: dict[str, Any]) -> Tensor:
    lengths = (labels != settings["padding"]).sum(axis=1)
    return losses.ctc(outputs, labels, reduction="sum", label_lengths=lengths, blank=settings["blank"])


def _triplet_margin(outputs: Tensor, labels: Array, settings: dict[str, Any]) -> Tensor:
    return losses.mined_triplet_margin(outputs, labels, **settings) * float(len(labels))


def _of_pairs(loss: Any, outputs: Tensor, labels: Array, settings: dict[str, Any]) -> Tensor:
    xp = array_module(labels)
    first, second = xp.triu_indices(len(labels), k=1)
    together = xp.where(labels[first] == labels[second], 1, -1)
    pairs = ops.getitem(outputs, index=first), ops.getitem(outputs, index=second)
    return loss(*pairs, together, **settings) * float(len(labels))


_TOTALS: dict[str, Total] = {
    "ctc": _ctc,
    "triplet_margin": _triplet_margin,
    "contrastive": partial(_of_pairs, losses.contrastive),
    "cosine": partial(_of_pairs, losses.cosine),
}
"""Those that are not one output and one target."""


def _penalty(spec: AnyPenalty, parameters: Mapping[str, Tensor]) -> Tensor:
    chosen = [tensor for name, tensor in parameters.items() if fnmatchcase(name, spec.parameters)]
    if isinstance(spec, MaxNormSpec):
        return losses.max_norm(chosen, spec.strength, spec.limit)
    return (losses.l1 if spec.kind == "l1" else losses.l2)(chosen, spec.strength)
