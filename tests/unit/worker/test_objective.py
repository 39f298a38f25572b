"""A job's loss, penalties and metrics, as sums over the parts of a mini-batch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chainrule.core import Tensor, losses, metrics
from chainrule.worker.data.dataset import Dataset
from chainrule.worker.data.transform import FeatureTransform
from chainrule.worker.objective import Objective
from chainrule.worker.spec import parse_spec
from chainrule.worker.spec.losses import LOSSES, METRIC_LOSSES

RANDOM = np.random.default_rng(0)
LOGITS = RANDOM.standard_normal((12, 5), np.float32)
LABELS = np.array([0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 0])
NUMBERS = RANDOM.uniform(0, 1, (12, 5)).astype(np.float32)


def objective(loss: Any, targets: np.ndarray, measured: tuple[str, ...] = (), **changes: Any) -> Objective:
    described = {"dataset": {"source": "digits"}, "model": ["relu"], "optimizer": "adam"}
    spec = parse_spec({**described, "loss": loss, "metrics": list(measured), **changes})
    features = np.zeros((len(targets), 1), np.float32)
    data = Dataset(features, targets, features, targets, 5, FeatureTransform.identity())
    return Objective(spec, data)


def total(loss: Any, outputs: np.ndarray, targets: np.ndarray) -> float:
    return objective(loss, targets).train_loss(Tensor(outputs), targets).item()


TARGETS: dict[str, np.ndarray] = {
    "softmax_cross_entropy": LABELS,
    "negative_log_likelihood": LABELS,
    "multiclass_hinge": LABELS,
    "triplet_margin": LABELS,
    "contrastive": LABELS,
    "cosine": LABELS,
    "ctc": np.array([[1, 2]] * 6 + [[3, -1]] * 6),
    "hinge": np.where(NUMBERS > 0.5, 1, -1).astype(np.float32),
    **dict.fromkeys(
        ("squared_error", "absolute_error", "huber", "binary_cross_entropy", "kl_divergence"), NUMBERS
    ),
}


@pytest.mark.parametrize("kind", LOSSES)
def test_every_loss_of_the_job_file_gives_a_finite_sum_and_a_gradient(kind: str) -> None:
    values = np.stack([LOGITS] * 4, axis=1) if kind == "ctc" else LOGITS
    outputs = Tensor(values, requires_grad=True)
    loss = objective(kind, TARGETS[kind]).train_loss(outputs, TARGETS[kind])
    assert np.isfinite(loss.item())
    loss.backward()
    assert outputs.grad is not None and np.abs(outputs.grad.numpy()).max() > 0


@pytest.mark.parametrize("kind", ["softmax_cross_entropy", "squared_error", "ctc", "hinge"])
def test_the_parts_of_a_mini_batch_add_up_to_the_whole(kind: str) -> None:
    outputs, targets = np.stack([LOGITS] * 4, axis=1) if kind == "ctc" else LOGITS, TARGETS[kind]
    made = objective(kind, targets)
    parts = [
        made.train_loss(Tensor(outputs[part]), targets[part]).item() for part in (slice(5), slice(5, None))
    ]
    assert sum(parts) == pytest.approx(made.train_loss(Tensor(outputs), targets).item(), rel=1e-5)


def test_the_sum_of_a_plain_loss_is_that_of_the_core() -> None:
    expected = losses.softmax_cross_entropy(Tensor(LOGITS), LABELS, reduction="sum", label_smoothing=0.1)
    assert total({"softmax_cross_entropy": {"label_smoothing": 0.1}}, LOGITS, LABELS) == expected.item()


def test_class_weights_count_by_their_ratios() -> None:
    once, thrice = (
        total({"softmax_cross_entropy": {"class_weights": [scale] * 4 + [2 * scale]}}, LOGITS, LABELS)
        for scale in (1, 3)
    )
    weights = np.array([1, 1, 1, 1, 2], np.float32)
    mean = losses.softmax_cross_entropy(Tensor(LOGITS), LABELS, class_weights=weights)
    assert once == pytest.approx(thrice, rel=1e-5)
    assert once == pytest.approx(12 * mean.item(), rel=1e-5)


def test_ignored_labels_leave_the_mean_over_the_others() -> None:
    labels = np.where(LABELS == 0, -100, LABELS)
    kept = labels >= 0
    expected = losses.softmax_cross_entropy(Tensor(LOGITS[kept]), labels[kept])
    actual = total({"softmax_cross_entropy": {"ignored": -100}}, LOGITS, labels)
    assert actual == pytest.approx(12 * expected.item(), rel=1e-5)


def test_the_labels_of_a_sequence_count_as_a_mean_over_it() -> None:
    logits, labels = np.stack([LOGITS] * 3, axis=1), np.stack([LABELS] * 3, axis=1)
    assert total("softmax_cross_entropy", logits, labels) == pytest.approx(
        total("softmax_cross_entropy", LOGITS, LABELS), rel=1e-5
    )
    made = objective("softmax_cross_entropy", labels, ("accuracy",))
    flat = objective("softmax_cross_entropy", LABELS, ("accuracy",))
    assert made.evaluate(Tensor(logits), labels) == pytest.approx(flat.evaluate(Tensor(LOGITS), LABELS))


def test_pairs_are_all_pairs_of_the_part_and_belong_together_by_label() -> None:
    embeddings, labels = LOGITS[:3], np.array([7, 7, 8])
    pairs = [(0, 1, 1), (0, 2, -1), (1, 2, -1)]
    first, second, together = map(np.array, zip(*pairs, strict=True))
    for kind, loss in (("contrastive", losses.contrastive), ("cosine", losses.cosine)):
        expected = loss(Tensor(embeddings[first]), embeddings[second], together).item()
        assert total(kind, embeddings, labels) == pytest.approx(3 * expected, rel=1e-5)


def test_a_part_without_pairs_or_triplets_is_zero() -> None:
    for kind in ("contrastive", "cosine", "triplet_margin"):
        assert total(kind, LOGITS[:1], LABELS[:1]) == 0


def test_ctc_takes_the_length_of_the_labels_from_their_padding() -> None:
    logits = np.stack([LOGITS] * 4, axis=1)
    labels, lengths = np.array([[1, 2, -1]] * 12), np.full(12, 2)
    expected = losses.ctc(Tensor(logits), labels, reduction="sum", label_lengths=lengths)
    assert total("ctc", logits, labels) == pytest.approx(expected.item(), rel=1e-6)


def test_penalties_are_of_the_parameters_that_they_name() -> None:
    weight, bias = Tensor(np.full((2, 2), -3.0), requires_grad=True), Tensor(np.ones(2), requires_grad=True)
    named = {"layers.0.weight": weight, "layers.0.bias": bias}
    penalties: list[Any] = [{"l1": {"strength": 0.5}}]
    first = objective("squared_error", NUMBERS, penalties=penalties).penalty(named)
    assert first is not None and first.item() == 6.0
    penalties += [{"l2": {"strength": 2.0, "parameters": "*"}}, {"max_norm": {"strength": 1.0, "limit": 3.0}}]
    made = objective("squared_error", NUMBERS, penalties=penalties).penalty(named)
    excess = np.sqrt(18) - 3
    assert made is not None
    assert made.item() == pytest.approx(6.0 + 36 + 2 + 2 * excess**2)
    assert objective("squared_error", NUMBERS).penalty(named) is None


def test_every_metric_is_a_sum_over_samples() -> None:
    assert set(METRIC_LOSSES) == set(metrics.METRICS)
    logits = np.array([[3, 2, 1, 0, -1, -2], [0, 1, 2, 3, 4, 5]], np.float32)
    assert metrics.accuracy(logits, np.array([0, 0])) == 1
    assert metrics.top_accuracy(logits, np.array([4, 0])) == 1
    assert metrics.accuracy(logits, np.array([0, 9]), ignored=9) == 1
    binary = np.array([[1, 1, 1, 0, 0, 1], [0] * 6])
    assert metrics.binary_accuracy(logits, binary) == pytest.approx(5 / 6 + 1 / 6)
    assert metrics.mean_squared_error(logits, logits + 2) == 8
    assert metrics.mean_absolute_error(logits, logits + 2) == 4
