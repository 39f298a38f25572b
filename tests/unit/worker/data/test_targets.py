"""Targets of each kind of loss: sequences of labels, labels that count for nothing, numbers within limits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chainrule.worker.data.checks import class_targets, regression_targets
from chainrule.worker.data.errors import DataError
from chainrule.worker.data.samples import Samples
from chainrule.worker.spec.losses import LOSSES, CTCSpec, LossSpec, SoftmaxCrossEntropySpec, Targets

SEQUENCES = np.array([[0, 2, 1], [3, 0, 0], [1, 1, 1]])


def samples(targets: Any) -> Samples:
    targets = np.asarray(targets)
    return Samples(np.zeros((len(targets), 1)), targets, "dataset.features", "dataset.labels")


def labels(targets: Any, loss: LossSpec, test: Any = None) -> tuple[Any, int]:
    ids, _, classes, _ = class_targets(samples(targets), None if test is None else samples(test), loss)
    return ids, classes


def refusal(targets: Any, loss: LossSpec) -> str:
    raw = samples(targets)
    numbers = loss.targets is Targets.NUMBERS
    with pytest.raises(DataError) as caught:
        _ = regression_targets(raw, loss) if numbers else class_targets(raw, None, loss)
    return caught.value.message


def test_each_element_of_a_sequence_may_have_a_label() -> None:
    ids, classes = labels(SEQUENCES, SoftmaxCrossEntropySpec())
    assert (ids.dtype, classes) == (np.int64, 4)
    np.testing.assert_array_equal(ids, SEQUENCES)


def test_one_hot_rows_are_not_taken_for_sequences() -> None:
    assert "for one-hot rows save labels.argmax(axis=1)" in refusal(
        np.eye(3, dtype=int), SoftmaxCrossEntropySpec()
    )


def test_losses_of_one_label_a_sample_take_no_sequences() -> None:
    message = refusal(SEQUENCES, LOSSES["triplet_margin"]())
    assert message.startswith("expected one class label a sample, shape (3,), got shape (3, 3)")


@pytest.mark.parametrize("none", [-100, 99])
def test_an_ignored_label_is_kept_and_is_no_class(none: int) -> None:
    marked = np.where(SEQUENCES == 3, none, SEQUENCES)
    ids, classes = labels(marked, SoftmaxCrossEntropySpec(ignored=none), test=marked)
    assert classes == 3
    np.testing.assert_array_equal(ids, marked)


def test_a_negative_label_that_is_not_ignored_is_named_with_its_row() -> None:
    message = refusal([[0, 1], [1, -7]], SoftmaxCrossEntropySpec(ignored=-100))
    assert message.startswith("label -7 at row 1 (counted from 0): expected 0 or more")


def test_padding_of_label_sequences_is_no_class() -> None:
    ids, classes = labels([[1, 2, -1], [3, -1, -1]], CTCSpec())
    assert (ids.tolist(), classes) == ([[1, 2, -1], [3, -1, -1]], 4)


def test_labels_that_are_all_ignored_are_refused() -> None:
    assert "expected labels of at least 2 classes" in refusal([5, 5], SoftmaxCrossEntropySpec(ignored=5))


@pytest.mark.parametrize(
    ("kind", "targets", "message"),
    [
        ("binary_cross_entropy", [0, 1, 1.5], "needs numbers from 0 to 1 as targets, got 1.5 at row 2"),
        ("hinge", [[-1, 1], [1, 0]], "needs -1 and 1 as targets, got 0 at row 1"),
        (
            "kl_divergence",
            [[0.5, 0.5], [-0.1, 1.1]],
            "needs probabilities, 0 or more as targets, got -0.1 at row 1",
        ),
    ],
)
def test_numbers_that_a_loss_is_not_defined_for_are_named(kind: str, targets: Any, message: str) -> None:
    assert refusal(targets, LOSSES[kind]()) == f"loss {kind} {message} (counted from 0)"


def test_numbers_may_have_any_shape_and_rows_of_one_get_an_axis() -> None:
    loss = LOSSES["squared_error"]()
    assert regression_targets(samples([1, 2, 3]), loss).shape == (3, 1)
    assert regression_targets(samples(np.zeros((4, 5, 2))), loss).shape == (4, 5, 2)


@pytest.mark.parametrize("targets", [[1, 2, 1], [[1], [2], [1]]])
def test_sequences_of_labels_that_hold_one_each_are_still_sequences(targets: Any) -> None:
    ids, classes = labels(targets, CTCSpec(), test=targets)
    assert (ids.tolist(), classes) == ([[1], [2], [1]], 3)
    assert labels(targets, SoftmaxCrossEntropySpec())[0].tolist() == [1, 2, 1]


def test_a_negative_label_is_told_where_to_say_that_it_is_none() -> None:
    message = refusal([[1, -1], [2, 1]], SoftmaxCrossEntropySpec())
    assert message.endswith("what is no label belongs under loss.softmax_cross_entropy.ignored")
    assert "what is no label" not in refusal([1, -1], LOSSES["multiclass_hinge"]())
