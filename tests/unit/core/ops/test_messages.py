"""What an operation says when its arguments do not fit: op, argument, expected, actual."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.core import Tensor, ops
from chainrule.core.errors import ChainruleError, DTypeError, ShapeError

X = Tensor(np.ones((3, 4)))
IMAGES = Tensor(np.ones((2, 3, 5, 6)))
KERNEL = Tensor(np.ones((4, 3, 3, 3)))
COLUMN = Tensor(np.ones(3))

MESSAGES = {
    "sparse_matmul, argument x: expected shape (n, inputs), got shape (3,)": lambda: ops.sparse_matmul(
        COLUMN, COLUMN, np.arange(3), np.arange(3), 3
    ),
    "sparse_matmul, argument values: expected as many as rows (3,) and columns (2,), got shape (3,)": (
        lambda: ops.sparse_matmul(X, COLUMN, np.arange(3), np.arange(2), 3)
    ),
    "greater, argument b: expected a shape that broadcasts with (3, 4), got (3,)": lambda: ops.greater(
        X, COLUMN
    ),
    "argmax, argument axis: expected a nonempty axis of (3, 4), got 2": lambda: ops.argmax(X, axis=2),
    "argmin, argument axis: expected a nonempty axis of (0, 4), got 0": lambda: ops.argmin(X[:0], axis=0),
    "where, argument condition: expected a shape that broadcasts with (3, 4) and (3,), got (2,)": lambda: (
        ops.where(np.array([True, False]), X, COLUMN)
    ),
    "softmax, argument axis: expected nonempty axes of (3, 4), got 2": lambda: ops.softmax(X, axis=2),
    "logsumexp, argument axis: expected nonempty axes of (3, 0), got -1": lambda: ops.logsumexp(X[:, :0]),
    "var, argument x: expected more than 1 elements to average, got shape (1, 4)": lambda: ops.var(
        X[:1], axis=0, correction=1
    ),
    "cumsum, argument axis: expected an axis of (3, 4), got 2": lambda: ops.cumsum(X, axis=2),
    "min, argument x: expected at least one element, got shape (0, 4)": lambda: ops.min(X[:0]),
    "concatenate, argument parts: expected shape (any, 4), got shape (3, 2)": lambda: ops.concatenate(
        [X, X[:, :2]]
    ),
    "concatenate, argument parts: expected shape (3, any), got shape (3,)": lambda: ops.concatenate(
        [X, COLUMN], axis=-1
    ),
    "concatenate, argument axis: expected an axis of (3, 4), got 2": lambda: ops.concatenate([X, X], axis=2),
    "concatenate, argument parts: expected at least one array, got none": lambda: ops.concatenate([]),
    "stack, argument parts: expected arrays of one shape, got shapes (3, 4), (3,)": lambda: ops.stack(
        [X, COLUMN]
    ),
    "stack, argument parts: expected arrays of one shape, got none": lambda: ops.stack([]),
    "stack, argument axis: expected an axis of the 3 that there will be, got 3": lambda: ops.stack(
        [X], axis=3
    ),
    "split, argument sections: expected a divisor of 4, got 3": lambda: ops.split(X, 3, axis=1),
    "split, argument sections: expected sizes that add up to 3, got (1, 1)": lambda: ops.split(X, [1, 1]),
    "split, argument axis: expected an axis of (3, 4), got 2": lambda: ops.split(X, 2, axis=2),
    "pad, argument widths: expected 2 pairs of sizes for shape (3, 4), got [(1, 1)]": lambda: ops.pad(
        X, [(1, 1)]
    ),
    "gather, argument axis: expected an axis of (3, 4), got 2": lambda: ops.gather(
        X, np.zeros((3, 4), int), 2
    ),
    "gather, argument indices: expected shape (3, any), got shape (2, 4)": lambda: ops.gather(
        X, np.zeros((2, 4), int), 1
    ),
    "gather, argument indices: expected integers from 0 to 2, got int64 (1, 4)": lambda: ops.gather(
        X, np.full((1, 4), 3), 0
    ),
    "scatter_add, argument index: expected positions inside shape (2, 4) for each of (3, 4), got": lambda: (
        ops.scatter_add(X, (np.array([0, 1, 2]),), shape=(2, 4))
    ),
    "tensordot, argument axes: expected sizes [4] in b, as in a (3, 4), got sizes [3]": lambda: ops.tensordot(
        X, X, 1
    ),
    "einsum ij,jk: expected 2 operands, got 1": lambda: ops.einsum("ij,jk", X),
    "einsum ij,jk, operand 1: expected 2 axes for jk, got shape (3,)": lambda: ops.einsum("ij,jk", X, COLUMN),
    "einsum ij,jk, axis j: expected size 4, got size 3": lambda: ops.einsum("ij,jk", X, X),
    "einsum ij->ik: expected each axis of the result once, and in an operand, got ik": lambda: ops.einsum(
        "ij->ik", X
    ),
    "glu, argument sections: expected a divisor of 3, got 2": lambda: ops.glu(X, axis=0),
    "standardize, argument axis: expected different, nonempty axes of (3, 4), got 2": lambda: ops.standardize(
        X, axis=2
    ),
    "conv, argument x: expected shape (n, channels, size, ...), got shape (3, 4)": lambda: ops.conv(X, X),
    "conv, argument weight: expected 4 axes, as x (2, 3, 5, 6) has, got shape (4, 3, 3)": lambda: ops.conv(
        IMAGES, KERNEL[..., 0]
    ),
    "conv, argument x: expected 6 channels (weight.shape[1] * groups), got 3 in shape (2, 3, 5, 6)": lambda: (
        ops.conv(IMAGES, KERNEL, groups=2)
    ),
    "conv, argument groups: expected a divisor of 4 channels out, got 3": lambda: ops.conv(
        IMAGES, KERNEL[:, :1], groups=3
    ),
    "conv, argument groups: expected a whole number of at": lambda: ops.conv(IMAGES, KERNEL, groups=0),
    "conv, argument x: expected spatial sizes of at least (7, 7), got (5, 6)": lambda: ops.conv(
        IMAGES, KERNEL, dilation=3
    ),
    "conv, argument stride: expected 2 whole numbers of at least 1, or one for all, got 0": lambda: ops.conv(
        IMAGES, KERNEL, stride=0
    ),
    "conv, argument padding: expected 2 whole numbers of at least 0, or one for all, got (1, 1, 1)": lambda: (
        ops.conv(IMAGES, KERNEL, padding=(1, 1, 1))
    ),
    "conv_transpose, argument x: expected 4 channels (weight.shape[0]), got 3 in shape": lambda: (
        ops.conv_transpose(IMAGES, KERNEL)
    ),
    "conv_transpose, argument groups: expected a divisor of 3 channels in, got 2": lambda: ops.conv_transpose(
        IMAGES, KERNEL[:3], groups=2
    ),
    "conv_transpose, argument output_padding: expected less than stride (1, 1), got": lambda: (
        ops.conv_transpose(IMAGES, KERNEL[:3], output_padding=1)
    ),
    "conv_transpose, argument x: expected an output of at least 1 an axis, got": lambda: ops.conv_transpose(
        IMAGES, KERNEL[:3], padding=4
    ),
    "max_pool, argument x: expected shape (n, channels, size, ...), got shape (3, 4)": lambda: ops.max_pool(
        X, 2
    ),
    "max_pool, argument x: expected spatial sizes of at least (6, 6), got (5, 6)": lambda: ops.max_pool(
        IMAGES, 6
    ),
    "max_pool, argument padding: expected at most half the kernel (2, 2), got 2": lambda: ops.max_pool(
        IMAGES, 2, padding=2
    ),
    "average_pool, argument kernel: expected 2 whole numbers of at least 1, or one for all, got 0": lambda: (
        ops.average_pool(IMAGES, 0)
    ),
    "global_average_pool, argument x: expected shape (n, channels, size, ...), got": lambda: (
        ops.global_average_pool(X)
    ),
    "global_max_pool, argument x: expected shape (n, channels, size, ...), got": lambda: ops.global_max_pool(
        X
    ),
    "adaptive_max_pool, argument output: expected 2 whole numbers of at least 1, or one for all": lambda: (
        ops.adaptive_max_pool(IMAGES, 0)
    ),
    "adaptive_average_pool, argument x: expected spatial sizes of at least 1, got": lambda: (
        ops.adaptive_average_pool(IMAGES[:, :, :0], 2)
    ),
    "rfft, argument x: expected a last axis of at least one element, got shape (3, 0)": lambda: ops.rfft(
        X[:, :0]
    ),
    "spectrogram, argument x: expected at least 5 samples, got shape (3, 4)": lambda: ops.spectrogram(
        X, 5, 1
    ),
    "spectrogram, argument window: expected shape (4,), got shape (3,)": lambda: ops.spectrogram(
        X, 4, 1, COLUMN
    ),
    "embedding, argument ids: expected numbers from 0 to 2, got numbers from 3 to 3": lambda: ops.embedding(
        X, np.array([3])
    ),
    "embedding, argument table: expected shape (rows, units), got shape (3,)": lambda: ops.embedding(
        COLUMN, np.array([1])
    ),
}


@pytest.mark.parametrize("message", MESSAGES)
def test_shapes_that_do_not_fit_name_op_argument_expected_and_actual(message: str) -> None:
    with pytest.raises(ShapeError) as caught:
        MESSAGES[message]()
    assert str(caught.value).startswith(message)


def test_mel_bands_that_cannot_be_are_refused() -> None:
    with pytest.raises(
        ChainruleError, match="mel_filters: expected at least 1 band and sample, and 0 <= low"
    ):
        ops.mel_filters(3, 8, 8000.0, high=5000.0)


def test_ids_that_are_no_integers_are_refused() -> None:
    with pytest.raises(DTypeError, match="embedding, argument ids: expected integers, got float64"):
        ops.embedding(X, np.array([1.0]))
