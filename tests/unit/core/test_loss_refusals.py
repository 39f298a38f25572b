"""What losses say when their arguments do not fit, each message in full."""
# pyright: reportArgumentType=false, reportCallIssue=false, reportOperatorIssue=false

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from chainrule.core import ChainruleError, Tensor, losses

NAN = float("nan")
X = Tensor(np.ones((3, 4)))
V = Tensor(np.ones(3))
LABELS = np.array([0, 1, 2])
FRAMES = Tensor(np.ones((2, 5, 4)))
SPELLED = np.ones((2, 2), int)
REFUSALS: list[tuple[Callable[[], object], str]] = [
    (
        lambda: losses.squared_error(X, V),
        "squared_error, argument target: expected shape (3, 4), got shape (3,)",
    ),
    (
        lambda: losses.squared_error(X, [1, 2]),
        "squared_error, argument target: expected an array or a tensor, got [1, 2]",
    ),
    (
        lambda: losses.squared_error(X, X, "all"),
        "squared_error: expected the reduction mean, sum or none, got 'all'",
    ),
    (
        lambda: losses.squared_error(X, X, weights=V.data[:2]),
        "squared_error, argument weights: expected shape (3,), got shape (2,)",
    ),
    (
        lambda: losses.squared_error(X, X, weights=np.array(["a", "b", "c"])),
        "squared_error, argument weights: expected numbers on the outputs' device, got <U1 (3,)",
    ),
    (
        lambda: losses.absolute_error(X, V),
        "absolute_error, argument target: expected shape (3, 4), got shape (3,)",
    ),
    (lambda: losses.huber(X, X, delta=0), "huber: expected delta finite and above 0, got 0"),
    (lambda: losses.huber(X, X, delta=-1), "huber: expected delta finite and above 0, got -1"),
    (lambda: losses.huber(X, X, delta=NAN), "huber: expected delta finite and above 0, got nan"),
    (lambda: losses.huber(X, X, delta="a"), "huber: expected delta finite and above 0, got 'a'"),
    (
        lambda: losses.softmax_cross_entropy(X, LABELS + 2),
        "softmax_cross_entropy, argument labels: expected class ids from 0 to 3, got ids from 2 to 4",
    ),
    (
        lambda: losses.softmax_cross_entropy(X, LABELS - 1),
        "softmax_cross_entropy, argument labels: expected class ids from 0 to 3, got ids from -1 to 1",
    ),
    (
        lambda: losses.softmax_cross_entropy(X, LABELS * 1.0),
        "softmax_cross_entropy, argument labels: expected integers, got float64",
    ),
    (
        lambda: losses.softmax_cross_entropy(X, [0, 1, 2]),
        "softmax_cross_entropy: expected arguments of types to compute with, got float64 (3, 4), [0, 1, 2]",
    ),
    (
        lambda: losses.softmax_cross_entropy(X, [0, 1, 2], "none"),
        "softmax_cross_entropy, argument labels: expected an array or a tensor, got [0, 1, 2]",
    ),
    (
        lambda: losses.softmax_cross_entropy(V, LABELS),
        "softmax_cross_entropy, argument logits: expected shape (n, classes), got shape (3,)",
    ),
    (
        lambda: losses.softmax_cross_entropy(V, LABELS, "none"),
        "softmax_cross_entropy, argument logits: expected shape (n, classes), got shape (3,)",
    ),
    (
        lambda: losses.softmax_cross_entropy(X, LABELS, "foo"),
        "softmax_cross_entropy: expected the reduction mean, sum or none, got 'foo'",
    ),
    (
        lambda: losses.softmax_cross_entropy(X, LABELS, label_smoothing=2),
        "softmax_cross_entropy: expected label_smoothing from 0 to 1, got 2",
    ),
    (
        lambda: losses.softmax_cross_entropy(X, LABELS, label_smoothing=-1),
        "softmax_cross_entropy: expected label_smoothing from 0 to 1, got -1",
    ),
    (
        lambda: losses.softmax_cross_entropy(X, LABELS, label_smoothing=NAN),
        "softmax_cross_entropy: expected label_smoothing from 0 to 1, got nan",
    ),
    (
        lambda: losses.softmax_cross_entropy(X, LABELS, class_weights=np.ones(3)),
        "softmax_cross_entropy, argument class_weights: expected shape (4,), got shape (3,)",
    ),
    (
        lambda: losses.softmax_cross_entropy(X, LABELS, class_weights=np.ones(5)),
        "softmax_cross_entropy, argument class_weights: expected shape (4,), got shape (5,)",
    ),
    (
        lambda: losses.softmax_cross_entropy(X, LABELS, class_weights=np.ones((4, 1))),
        "softmax_cross_entropy, argument class_weights: expected shape (4,), got shape (4, 1)",
    ),
    (
        lambda: losses.softmax_cross_entropy(X, LABELS, weights=np.ones(2)),
        "softmax_cross_entropy, argument weights: expected shape (3,), got shape (2,)",
    ),
    (
        lambda: losses.negative_log_likelihood(X, LABELS + 2),
        "negative_log_likelihood, argument labels: expected class ids from 0 to 3, got ids from 2 to 4",
    ),
    (
        lambda: losses.negative_log_likelihood(X, LABELS, class_weights=np.ones(3)),
        "negative_log_likelihood, argument class_weights: expected shape (4,), got shape (3,)",
    ),
    (
        lambda: losses.binary_cross_entropy(X, V),
        "binary_cross_entropy, argument target: expected shape (3, 4), got shape (3,)",
    ),
    (
        lambda: losses.binary_cross_entropy(X, X, label_smoothing=2),
        "binary_cross_entropy: expected label_smoothing from 0 to 1, got 2",
    ),
    (
        lambda: losses.binary_cross_entropy(X, X, positive_weight=np.ones(3)),
        "binary_cross_entropy, argument positive_weight: expected shape (4,), got shape (3,)",
    ),
    (
        lambda: losses.binary_cross_entropy(X, X, positive_weight=-1),
        "binary_cross_entropy: expected positive_weight finite and at least 0, got -1",
    ),
    (
        lambda: losses.binary_cross_entropy(X, X, positive_weight="a"),
        "binary_cross_entropy, argument positive_weight: expected numbers on the outputs' device, got 'a'",
    ),
    (
        lambda: losses.kl_divergence(X, V),
        "kl_divergence, argument target: expected shape (3, 4), got shape (3,)",
    ),
    (lambda: losses.hinge(X, X, margin=NAN), "hinge: expected margin finite and at least 0, got nan"),
    (lambda: losses.hinge(X, X, margin=-1), "hinge: expected margin finite and at least 0, got -1"),
    (lambda: losses.hinge(X, X, power=0), "hinge: expected power finite and at least 1, got 0"),
    (lambda: losses.hinge(X, X, power=-1), "hinge: expected power finite and at least 1, got -1"),
    (
        lambda: losses.multiclass_hinge(X, LABELS, power=0),
        "multiclass_hinge: expected power finite and at least 1, got 0",
    ),
    (
        lambda: losses.multiclass_hinge(X, LABELS, margin=NAN),
        "multiclass_hinge: expected margin finite and at least 0, got nan",
    ),
    (
        lambda: losses.cosine(X, X, np.array([1, -1])),
        "cosine, argument target: expected shape (3,), got shape (2,)",
    ),
    (
        lambda: losses.cosine(X, V, np.array([1, -1, 1])),
        "cosine, argument b: expected shape (3, 4), got shape (3,)",
    ),
    (
        lambda: losses.cosine(X, X, np.array([1, -1, 1]), margin=2),
        "cosine: expected margin from -1 to 1, got 2",
    ),
    (
        lambda: losses.contrastive(X, X, np.array([1, -1, 1]), margin=-1),
        "contrastive: expected margin finite and at least 0, got -1",
    ),
    (
        lambda: losses.contrastive(X, X, np.array([1, -1, 1]), margin=NAN),
        "contrastive: expected margin finite and at least 0, got nan",
    ),
    (
        lambda: losses.triplet_margin(X, X, V),
        "triplet_margin, argument negative: expected shape (3, 4), got shape (3,)",
    ),
    (
        lambda: losses.triplet_margin(X, X, X, margin=-1),
        "triplet_margin: expected margin finite and at least 0, got -1",
    ),
    (
        lambda: losses.mined_triplet_margin(X, LABELS, mining="x"),
        "mined_triplet_margin: expected mining hard, semi_hard or all, got 'x'",
    ),
    (
        lambda: losses.mined_triplet_margin(X, LABELS, margin=-1),
        "mined_triplet_margin: expected margin finite and at least 0, got -1",
    ),
    (
        lambda: losses.mined_triplet_margin(X, LABELS[:2]),
        "mined_triplet_margin, argument labels: expected shape (3,), got shape (2,)",
    ),
    (
        lambda: losses.ctc(X, LABELS),
        "ctc, argument logits: expected shape (n, steps, classes), got shape (3, 4)",
    ),
    (lambda: losses.ctc(FRAMES, np.ones((2, 2))), "ctc, argument labels: expected integers, got float64"),
    (
        lambda: losses.ctc(FRAMES, SPELLED * 9),
        "ctc, argument labels, sample 0: expected class ids from 0 to 3 other than the blank 0, got [9, 9]",
    ),
    (
        lambda: losses.ctc(FRAMES, SPELLED, blank=7),
        "ctc, argument blank: expected a class from 0 to 3, got 7",
    ),
    (
        lambda: losses.ctc(FRAMES, SPELLED, blank=1.5),
        "ctc, argument blank: expected a class from 0 to 3, got 1.5",
    ),
    (
        lambda: losses.ctc(FRAMES, SPELLED, logit_lengths=[5, 9]),
        "ctc, argument logit_lengths: expected lengths from 1 to 5, got lengths from 5 to 9",
    ),
    (
        lambda: losses.ctc(FRAMES, SPELLED, logit_lengths=np.array([5, 9])),
        "ctc, argument logit_lengths: expected lengths from 1 to 5, got lengths from 5 to 9",
    ),
    (
        lambda: losses.ctc(FRAMES, SPELLED, logit_lengths=np.array([5, 1.5])),
        "ctc, argument logit_lengths: expected integers, got float64",
    ),
    (
        lambda: losses.ctc(FRAMES, SPELLED, label_lengths=np.array([5, -1])),
        "ctc, argument label_lengths: expected lengths from 0 to 2, got lengths from -1 to 5",
    ),
    (
        lambda: losses.ctc(FRAMES, SPELLED, label_lengths=np.array([1.0, 1.0])),
        "ctc, argument label_lengths: expected integers, got float64",
    ),
    (
        lambda: losses.ctc(Tensor(np.ones((2, 2, 4))), SPELLED),
        (
            "ctc, argument logits, sample 0: expected at least 3 steps for its 2 labels and a blank "
            "between equal ones, got 2"
        ),
    ),
    (lambda: losses.l2([X], -1), "l2: expected strength finite and at least 0, got -1"),
    (lambda: losses.l2([X], NAN), "l2: expected strength finite and at least 0, got nan"),
    (lambda: losses.max_norm([X], 1.0, -1), "max_norm: expected limit finite and above 0, got -1"),
    (lambda: losses.max_norm([X], 1.0, 0), "max_norm: expected limit finite and above 0, got 0"),
    (lambda: losses.limit_norms(X, 0), "limit_norms: expected limit finite and above 0, got 0"),
    (lambda: losses.limit_norms(X, -1), "limit_norms: expected limit finite and above 0, got -1"),
    (lambda: losses.limit_norms(X, NAN), "limit_norms: expected limit finite and above 0, got nan"),
]


@pytest.mark.parametrize(("call", "message"), REFUSALS, ids=[message for _, message in REFUSALS])
def test_the_message_says_where_what_was_expected_and_what_came(
    call: Callable[[], object], message: str
) -> None:
    with pytest.raises(ChainruleError) as caught:
        call()
    assert str(caught.value) == message
