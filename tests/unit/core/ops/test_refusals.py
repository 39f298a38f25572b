"""What operations say when their arguments do not fit, each message in full."""
# pyright: reportArgumentType=false, reportCallIssue=false, reportOperatorIssue=false

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from chainrule.core import ChainruleError, Tensor, ops, tensor

X = Tensor(np.ones((3, 4)))
V = Tensor(np.ones(3))
SCALAR = Tensor(np.ones(()))
IMAGES = Tensor(np.ones((2, 3, 5, 6)))
KERNEL = Tensor(np.ones((4, 3, 3, 3)))
LABELS = np.array([0, 1, 2])
REFUSALS: list[tuple[Callable[[], object], str]] = [
    (lambda: ops.sum(X, axis=2), "sum, argument axis: expected different axes of (3, 4), got 2"),
    (lambda: ops.sum(X, axis=(0, 0)), "sum, argument axis: expected different axes of (3, 4), got (0, 0)"),
    (
        lambda: ops.sum(X, axis=1.5),
        "sum: expected arguments of types to compute with, got float64 (3, 4), axis=1.5",
    ),
    (lambda: ops.mean(X, axis=2), "mean, argument axis: expected different axes of (3, 4), got 2"),
    (lambda: ops.mean(X[:0]), "mean, argument x: expected at least one element to average, got shape (0, 4)"),
    (
        lambda: ops.mean(X[:0], axis=0),
        "mean, argument x: expected at least one element to average, got shape (0, 4)",
    ),
    (lambda: ops.var(X, axis=2), "var, argument axis: expected different axes of (3, 4), got 2"),
    (lambda: ops.std(X, axis=-3), "std, argument axis: expected different axes of (3, 4), got -3"),
    (lambda: ops.max(X, axis=5), "max, argument axis: expected different axes of (3, 4), got 5"),
    (lambda: ops.min(X, axis=5), "min, argument axis: expected different axes of (3, 4), got 5"),
    (lambda: ops.cumsum(X, axis=None), "cumsum, argument axis: expected an axis of (3, 4), got None"),
    (lambda: ops.argmax(X, axis=5), "argmax, argument axis: expected a nonempty axis of (3, 4), got 5"),
    (
        lambda: ops.argmax(X, axis=1.5),
        "argmax: expected arguments of types to compute with, got float64 (3, 4), axis=1.5",
    ),
    (
        lambda: ops.softmax(X, axis=(0, 0)),
        "softmax, argument axis: expected nonempty axes of (3, 4), got (0, 0)",
    ),
    (lambda: ops.softmax(X, axis=7), "softmax, argument axis: expected nonempty axes of (3, 4), got 7"),
    (lambda: ops.logsumexp(X, axis=3), "logsumexp, argument axis: expected nonempty axes of (3, 4), got 3"),
    (lambda: ops.add(X, V), "add, argument b: expected a shape that broadcasts with (3, 4), got (3,)"),
    (lambda: ops.power(X, V), "power, argument b: expected a shape that broadcasts with (3, 4), got (3,)"),
    (
        lambda: ops.minimum(X, V),
        "maximum, argument b: expected a shape that broadcasts with (3, 4), got (3,)",
    ),
    (lambda: X + "a", "add: expected arguments of types to compute with, got float64 (3, 4), 'a'"),
    (lambda: X + None, "add: expected arguments of types to compute with, got float64 (3, 4), None"),
    (lambda: X * [1, 2], "multiply, argument b: expected a shape that broadcasts with (3, 4), got (2,)"),
    (lambda: ops.add(X, "a"), "add: expected arguments of types to compute with, got float64 (3, 4), 'a'"),
    (
        lambda: ops.matmul(X, X),
        "matmul, argument b: expected 4 rows, as a (3, 4) has columns, got shape (3, 4)",
    ),
    (
        lambda: ops.matmul(X, SCALAR),
        "matmul, argument b: expected 4 rows, as a (3, 4) has columns, got shape ()",
    ),
    (
        lambda: ops.matmul(X, 2.0),
        "matmul: expected arguments of types to compute with, got float64 (3, 4), 2.0",
    ),
    (
        lambda: ops.matmul(Tensor(np.ones((2, 3, 4))), Tensor(np.ones((3, 4, 5)))),
        "matmul, argument b: expected 4 rows, as a (2, 3, 4) has columns, got shape (3, 4, 5)",
    ),
    (lambda: ops.linear(X, X, V), "linear, argument x: expected shape (n, 3), got shape (3, 4)"),
    (
        lambda: ops.linear(X, Tensor(np.ones((4, 2))), V),
        "linear, argument bias: expected shape (2,), got shape (3,)",
    ),
    (
        lambda: ops.linear(V, Tensor(np.ones((4, 2))), V),
        "linear, argument x: expected shape (n, 4), got shape (3,)",
    ),
    (lambda: ops.linear(X, V, V), "linear, argument x: expected shape (n, 3), got shape (3, 4)"),
    (
        lambda: ops.reshape(X, (5, -1)),
        "reshape, argument shape: expected one of 12 elements, as (3, 4) has, got (5, -1)",
    ),
    (
        lambda: ops.reshape(X, (-1, -1)),
        "reshape, argument shape: expected one of 12 elements, as (3, 4) has, got (-1, -1)",
    ),
    (
        lambda: ops.reshape(X, (2.5, 2)),
        "reshape: expected arguments of types to compute with, got float64 (3, 4), (2.5, 2)",
    ),
    (lambda: X.reshape(7), "reshape, argument shape: expected one of 12 elements, as (3, 4) has, got (7,)"),
    (
        lambda: X.reshape(0, -1),
        "reshape, argument shape: expected one of 12 elements, as (3, 4) has, got (0, -1)",
    ),
    (
        lambda: ops.transpose(X, (0, 0)),
        "transpose, argument axes: expected an order of the 2 axes of (3, 4), got (0, 0)",
    ),
    (
        lambda: ops.transpose(X, (0, 2)),
        "transpose, argument axes: expected an order of the 2 axes of (3, 4), got (0, 2)",
    ),
    (
        lambda: ops.transpose(X, axes=(0, 2)),
        "transpose, argument axes: expected an order of the 2 axes of (3, 4), got (0, 2)",
    ),
    (
        lambda: ops.broadcast_to(X, (4, 4)),
        "broadcast_to, argument shape: expected one that (3, 4) broadcasts to, got (4, 4)",
    ),
    (
        lambda: ops.broadcast_to(X, (-1, 4)),
        "broadcast_to, argument shape: expected one that (3, 4) broadcasts to, got (-1, 4)",
    ),
    (lambda: X[3], "getitem, argument index: expected positions inside shape (3, 4), got 3"),
    (lambda: X[0, 0, 0], "getitem, argument index: expected positions inside shape (3, 4), got (0, 0, 0)"),
    (lambda: X[1.5], "getitem, argument index: expected positions inside shape (3, 4), got 1.5"),
    (
        lambda: X[np.array([5])],
        "getitem, argument index: expected positions inside shape (3, 4), got int64 (1,) from 5 to 5",
    ),
    (
        lambda: X[np.array([0.5])],
        "getitem, argument index: expected positions inside shape (3, 4), got float64 (1,)",
    ),
    (
        lambda: X[:, np.array([True, False])],
        (
            "getitem, argument index: expected positions inside shape (3, 4), got (slice(None, None, "
            "None), bool (2,))"
        ),
    ),
    (
        lambda: ops.scatter_add(X, (np.array([0, 1, 2]),), shape=(2, 4)),
        (
            "scatter_add, argument index: expected positions inside shape (2, 4) for each of (3, 4), got "
            "(int64 (3,) from 0 to 2)"
        ),
    ),
    (
        lambda: ops.scatter_add(X, slice(0, 2), shape=(3, 4)),
        (
            "scatter_add, argument index: expected positions inside shape (3, 4) for each of (3, 4), got "
            "slice(0, 2, None)"
        ),
    ),
    (
        lambda: ops.scatter_add(X, (np.array([0.0, 1.0, 2.0]),), shape=(3, 4)),
        (
            "scatter_add, argument index: expected positions inside shape (3, 4) for each of (3, 4), got "
            "(float64 (3,))"
        ),
    ),
    (
        lambda: ops.gather(X, np.zeros((3, 4)), 1),
        "gather, argument indices: expected integers from 0 to 3, got float64 (3, 4)",
    ),
    (
        lambda: ops.gather(X, np.full((3, 4), -5), 1),
        "gather, argument indices: expected integers from 0 to 3, got int64 (3, 4) from -5 to -5",
    ),
    (
        lambda: ops.gather(X, np.full((3, 4), 9), 1),
        "gather, argument indices: expected integers from 0 to 3, got int64 (3, 4) from 9 to 9",
    ),
    (
        lambda: ops.gather(X, [[0, 1]], 0),
        "gather, argument indices: expected shape (any, 4), got shape (1, 2)",
    ),
    (
        lambda: ops.concatenate([X, X], axis=1.5),
        "concatenate, argument axis: expected an axis of (3, 4), got 1.5",
    ),
    (lambda: ops.concatenate([X], axis=9), "concatenate, argument axis: expected an axis of (3, 4), got 9"),
    (lambda: ops.concatenate([V, X]), "concatenate, argument parts: expected shape (any), got shape (3, 4)"),
    (lambda: ops.concatenate([SCALAR, SCALAR]), "concatenate, argument axis: expected an axis of (), got 0"),
    (
        lambda: ops.stack([X, X], axis=1.5),
        "stack, argument axis: expected an axis of the 3 that there will be, got 1.5",
    ),
    (lambda: ops.split(X, 1.5), "split, argument sections: expected a divisor of 3, got 1.5"),
    (lambda: ops.split(X, 0), "split, argument sections: expected a divisor of 3, got 0"),
    (lambda: ops.split(X, -1), "split, argument sections: expected a divisor of 3, got -1"),
    (
        lambda: ops.split(X, [1, 2.0]),
        "split, argument sections: expected sizes that add up to 3, got (1, 2.0)",
    ),
    (lambda: ops.split(X, [4, -1]), "split, argument sections: expected sizes that add up to 3, got (4, -1)"),
    (lambda: ops.unstack(X, 5), "unstack, argument axis: expected an axis of (3, 4), got 5"),
    (
        lambda: ops.pad(X, [(1, 1), (-1, 0)]),
        "pad, argument widths: expected 2 pairs of sizes for shape (3, 4), got [(1, 1), (-1, 0)]",
    ),
    (
        lambda: ops.pad(X, [(1, 1), (1.5, 0)]),
        "pad, argument widths: expected 2 pairs of sizes for shape (3, 4), got [(1, 1), (1.5, 0)]",
    ),
    (lambda: ops.pad(X, 3), "pad, argument widths: expected 2 pairs of sizes for shape (3, 4), got 3"),
    (
        lambda: ops.pad(X, [(1, 1), (1, 1)], mode="foo"),
        "pad, argument mode: expected constant, edge, reflect, symmetric or wrap, got 'foo'",
    ),
    (
        lambda: ops.pad(X[:0], [(1, 1), (1, 1)], mode="edge"),
        "pad, argument x: expected elements to repeat for mode edge, got shape (0, 4)",
    ),
    (
        lambda: ops.pad(X, [1, 1]),
        "pad, argument widths: expected 2 pairs of sizes for shape (3, 4), got [1, 1]",
    ),
    (
        lambda: ops.tensordot(X, X, 5),
        "tensordot, argument axes: expected different axes of (3, 4), got (-3, -2, -1, 0, 1)",
    ),
    (
        lambda: ops.tensordot(X, X, ([0], [5])),
        "tensordot, argument axes: expected different axes of (3, 4), got [5]",
    ),
    (
        lambda: ops.tensordot(X, X, ([0, 1], [0])),
        "tensordot, argument axes: expected sizes [3, 4] in b, as in a (3, 4), got sizes [3]",
    ),
    (
        lambda: ops.tensordot(X, X, ([0, 0], [0, 0])),
        "tensordot, argument axes: expected different axes of (3, 4), got [0, 0]",
    ),
    (
        lambda: ops.einsum("ij,jk->ik", X, V),
        "einsum ij,jk->ik, operand 1: expected 2 axes for jk, got shape (3,)",
    ),
    (
        lambda: ops.einsum("i?->i", X),
        "einsum i?->i: expected letters, commas, ... and one arrow, got 'i?->i'",
    ),
    (
        lambda: ops.einsum("ij->iij", X),
        "einsum ij->iij: expected each axis of the result once, and in an operand, got iij",
    ),
    (lambda: ops.einsum("ij", X, X), "einsum ij: expected 1 operands, got 2"),
    (lambda: ops.einsum("", X), "einsum , operand 0: expected 0 axes for , got shape (3, 4)"),
    (
        lambda: ops.einsum("ij->i->j", X),
        "einsum ij->i->j: expected letters, commas, ... and one arrow, got 'ij->i->j'",
    ),
    (
        lambda: ops.einsum("...ij.. ->i", X),
        "einsum ...ij.. ->i: expected letters, commas, ... and one arrow, got '...ij.. ->i'",
    ),
    (
        lambda: ops.einsum("i1->i", X),
        "einsum i1->i: expected letters, commas, ... and one arrow, got 'i1->i'",
    ),
    (lambda: ops.clip(X, low=2, high=1), "clip, argument high: expected a bound of at least low, 2, got 1"),
    (
        lambda: ops.where(np.array([1, 0]), X, V),
        "where, argument condition: expected a shape that broadcasts with (3, 4) and (3,), got (2,)",
    ),
    (
        lambda: ops.where(Tensor(np.ones((3, 4))), X, V),
        "where, argument condition: expected a shape that broadcasts with (3, 4) and (3,), got (3, 4)",
    ),
    (
        lambda: ops.leaky_relu(X, "a"),
        "multiply: expected arguments of types to compute with, got float64 (3, 4), 'a'",
    ),
    (lambda: ops.glu(X, axis=5), "glu, argument axis: expected an axis of (3, 4), got 5"),
    (lambda: ops.glu(V), "glu, argument sections: expected a divisor of 3, got 2"),
    (
        lambda: ops.standardize(X, axis=(0, 0)),
        "standardize, argument axis: expected different, nonempty axes of (3, 4), got (0, 0)",
    ),
    (
        lambda: ops.rms_normalize(X, axis=5),
        "rms_normalize, argument axis: expected different axes of (3, 4), got 5",
    ),
    (lambda: ops.cast(X, "int32"), "cast, argument dtype: expected a floating dtype, got int32"),
    (
        lambda: ops.cast(X, "foo"),
        "cast: expected arguments of types to compute with, got float64 (3, 4), 'foo'",
    ),
    (lambda: X.astype("int32"), "dtype: expected one of float64, float32, bfloat16, float16, got int32"),
    (lambda: X.astype("foo"), "dtype: expected one of float64, float32, bfloat16, float16, got foo"),
    (lambda: ops.embedding(X, np.array([0.5])), "embedding, argument ids: expected integers, got float64"),
    (
        lambda: ops.embedding(X, np.array([-1])),
        "embedding, argument ids: expected numbers from 0 to 2, got numbers from -1 to -1",
    ),
    (
        lambda: ops.embedding(X, [0, 1]),
        "embedding: expected arguments of types to compute with, got float64 (3, 4), [0, 1]",
    ),
    (
        lambda: ops.sparse_matmul(X, V, LABELS, LABELS, 2),
        "sparse_matmul, argument columns: expected integers from 0 to 1, got int64 (3,) from 0 to 2",
    ),
    (
        lambda: ops.sparse_matmul(X, V, np.array([0, 1, 9]), LABELS, 3),
        "sparse_matmul, argument rows: expected integers from 0 to 3, got int64 (3,) from 0 to 9",
    ),
    (
        lambda: ops.sparse_matmul(X, V, np.array([0, 1, -2]), LABELS, 3),
        "sparse_matmul, argument rows: expected integers from 0 to 3, got int64 (3,) from -2 to 1",
    ),
    (
        lambda: ops.sparse_matmul(X, V, LABELS, LABELS, 0),
        "sparse_matmul, argument columns: expected integers from 0 to -1, got int64 (3,) from 0 to 2",
    ),
    (
        lambda: ops.sparse_matmul(X, V, LABELS * 1.0, LABELS, 3),
        "sparse_matmul, argument rows: expected integers from 0 to 3, got float64 (3,)",
    ),
    (
        lambda: ops.rfft(SCALAR),
        "rfft, argument x: expected a last axis of at least one element, got shape ()",
    ),
    (
        lambda: ops.spectrogram(X, 2.5, 1),
        "spectrogram, argument size: expected a whole number of at least 1, got 2.5",
    ),
    (
        lambda: ops.spectrogram(X, 0, 1),
        "spectrogram, argument size: expected a whole number of at least 1, got 0",
    ),
    (
        lambda: ops.spectrogram(X, 2, 0),
        "spectrogram, argument hop: expected a whole number of at least 1, got 0",
    ),
    (
        lambda: ops.spectrogram(SCALAR, 2, 1),
        "spectrogram, argument x: expected at least 2 samples, got shape ()",
    ),
    (
        lambda: ops.mel_filters(3, 8, -1),
        (
            "mel_filters: expected at least 1 band and sample, and 0 <= low < high <= half the rate, -0.5, "
            "got 3 bands of 8 samples from 0.0 to -0.5"
        ),
    ),
    (
        lambda: ops.mel_filters(0, 8, 8000.0),
        (
            "mel_filters: expected at least 1 band and sample, and 0 <= low < high <= half the rate, "
            "4000.0, got 0 bands of 8 samples from 0.0 to 4000.0"
        ),
    ),
    (
        lambda: ops.mel_spectrogram(X, 3, 8, 4, 8000.0),
        "spectrogram, argument x: expected at least 8 samples, got shape (3, 4)",
    ),
    (
        lambda: ops.conv(IMAGES, KERNEL, stride=-1),
        "conv, argument stride: expected 2 whole numbers of at least 1, or one for all, got -1",
    ),
    (
        lambda: ops.conv(IMAGES, KERNEL, stride=1.5),
        "conv, argument stride: expected 2 whole numbers of at least 1, or one for all, got 1.5",
    ),
    (
        lambda: ops.conv(IMAGES, KERNEL, groups=1.5),
        "conv, argument groups: expected a whole number of at least 1, got 1.5",
    ),
    (
        lambda: ops.conv(IMAGES, KERNEL, groups=-1),
        "conv, argument groups: expected a whole number of at least 1, got -1",
    ),
    (
        lambda: ops.conv(IMAGES, KERNEL, padding=-1),
        "conv, argument padding: expected 2 whole numbers of at least 0, or one for all, got -1",
    ),
    (
        lambda: ops.conv(IMAGES, KERNEL, dilation=0),
        "conv, argument dilation: expected 2 whole numbers of at least 1, or one for all, got 0",
    ),
    (
        lambda: ops.conv(IMAGES, V),
        "conv, argument weight: expected 4 axes, as x (2, 3, 5, 6) has, got shape (3,)",
    ),
    (
        lambda: ops.conv(IMAGES, Tensor(np.ones((4, 3, 0, 3)))),
        "conv, argument kernel: expected 2 whole numbers of at least 1, or one for all, got (0, 3)",
    ),
    (
        lambda: ops.max_pool(IMAGES, 0),
        "max_pool, argument kernel: expected 2 whole numbers of at least 1, or one for all, got 0",
    ),
    (
        lambda: ops.max_pool(IMAGES, 2, stride=0),
        "max_pool, argument stride: expected 2 whole numbers of at least 1, or one for all, got 0",
    ),
    (
        lambda: ops.max_pool(IMAGES, 2, dilation=0),
        "max_pool, argument dilation: expected 2 whole numbers of at least 1, or one for all, got 0",
    ),
    (
        lambda: ops.max_pool(IMAGES, (2, 2, 2)),
        "max_pool, argument kernel: expected 2 whole numbers of at least 1, or one for all, got (2, 2, 2)",
    ),
    (
        lambda: ops.average_pool(IMAGES, 2, padding=2),
        "average_pool, argument padding: expected at most half the kernel (2, 2), got 2",
    ),
    (
        lambda: ops.average_pool(IMAGES, 2, stride=-1),
        "average_pool, argument stride: expected 2 whole numbers of at least 1, or one for all, got -1",
    ),
    (
        lambda: ops.adaptive_average_pool(IMAGES, (2, 2, 2)),
        (
            "adaptive_average_pool, argument output: expected 2 whole numbers of at least 1, or one for "
            "all, got (2, 2, 2)"
        ),
    ),
    (
        lambda: ops.adaptive_max_pool(IMAGES, 2.5),
        (
            "adaptive_max_pool, argument output: expected 2 whole numbers of at least 1, or one for all, "
            "got 2.5"
        ),
    ),
    (
        lambda: ops.softmax_cross_entropy(V, LABELS),
        "softmax_cross_entropy, argument logits: expected shape (n, classes), got shape (3,)",
    ),
    (
        lambda: ops.softmax_cross_entropy(X, LABELS * 1.0),
        "softmax_cross_entropy, argument labels: expected integers, got float64",
    ),
    (
        lambda: ops.softmax_cross_entropy(X, LABELS + 5),
        "softmax_cross_entropy, argument labels: expected class ids from 0 to 3, got ids from 5 to 7",
    ),
    (
        lambda: ops.softmax_cross_entropy(X, LABELS - 1),
        "softmax_cross_entropy, argument labels: expected class ids from 0 to 3, got ids from -1 to 1",
    ),
    (
        lambda: ops.softmax_cross_entropy(X, LABELS[:2]),
        "softmax_cross_entropy, argument labels: expected shape (3,), got shape (2,)",
    ),
    (
        lambda: ops.softmax_cross_entropy(X, [0, 1, 2]),
        "softmax_cross_entropy: expected arguments of types to compute with, got float64 (3, 4), [0, 1, 2]",
    ),
    (
        lambda: ops.softmax_cross_entropy(Tensor(np.ones((3, 0))), LABELS),
        "softmax_cross_entropy, argument labels: expected class ids from 0 to -1, got ids from 0 to 2",
    ),
    (
        lambda: ops.softmax_cross_entropy(X, X),
        "softmax_cross_entropy, argument labels: expected shape (3,), got shape (3, 4)",
    ),
    (lambda: ops.equal(X, V), "equal, argument b: expected a shape that broadcasts with (3, 4), got (3,)"),
    (
        lambda: ops.greater(X, "a"),
        "greater: expected arguments of types to compute with, got float64 (3, 4), 'a'",
    ),
    (lambda: Tensor("abc"), "tensor: expected numbers, got <U3"),
    (lambda: Tensor([1, "a"]), "tensor: expected numbers, got <U21"),
    (
        lambda: Tensor(np.array([1, 2]), requires_grad=True),
        "tensor: expected a floating dtype where a gradient is wanted, got int64",
    ),
    (
        lambda: Tensor([[1], [1, 2]]),
        "tensor: expected numbers or lists of equal lengths, got lists of others",
    ),
    (lambda: tensor([1.0], dtype="foo"), "tensor, argument dtype: expected the name of a dtype, got 'foo'"),
    (lambda: tensor([1.0], device="tpu"), "device: expected cpu or cuda, got 'tpu'"),
    (lambda: X.item(), "item: expected a tensor of one element, got shape (3, 4)"),
]


@pytest.mark.parametrize(("call", "message"), REFUSALS, ids=[message for _, message in REFUSALS])
def test_the_message_says_where_what_was_expected_and_what_came(
    call: Callable[[], object], message: str
) -> None:
    with pytest.raises(ChainruleError) as caught:
        call()
    assert str(caught.value) == message
