"""Softmax and cross-entropy in one call: NumPy's values and refusals, the same bits on any threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from chainrule.core import Tensor, losses, native, ops
from chainrule.core.errors import ShapeError

SHAPES = [(1, 1), (1, 10), (7, 3), (64, 10), (33, 16), (5, 17), (300, 96), (3, 5000)]
ByNumpy = Callable[[Callable[[], Any]], Any]


def of(shape: tuple[int, ...], scale: float = 3.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(shape[-1])
    return scale * rng.standard_normal(shape, np.float32), rng.integers(0, shape[-1], shape[:-1])


def loss_and_gradient(logits: np.ndarray, labels: np.ndarray, factor: float = 0.5) -> list[np.ndarray]:
    x = Tensor(logits, requires_grad=True)
    loss = ops.softmax_cross_entropy(x, labels)
    (loss * factor).backward()
    assert x.grad is not None
    return [loss.numpy(), x.grad.numpy()]


def softmax_and_gradient(data: np.ndarray) -> list[np.ndarray]:
    x = Tensor(data, requires_grad=True)
    y = ops.softmax(x)
    (y * np.cos(np.arange(data.size, dtype=np.float32)).reshape(data.shape)).sum().backward()
    assert x.grad is not None
    return [y.numpy(), x.grad.numpy()]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint32, np.int16, np.uint16])
def test_cross_entropy_and_its_gradient_are_those_of_numpys_formula(
    shape: tuple[int, int], dtype: Any, by_numpy: ByNumpy
) -> None:
    logits, labels = of(shape)
    labels = labels.astype(dtype)
    expected = by_numpy(lambda: loss_and_gradient(logits, labels))
    for ours, numpys in zip(loss_and_gradient(logits, labels), expected, strict=True):
        np.testing.assert_allclose(ours, numpys, rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("shape", [*SHAPES, (2, 3, 40)])
def test_softmax_and_its_gradient_are_those_of_numpys_formula(
    shape: tuple[int, ...], by_numpy: ByNumpy
) -> None:
    x, _ = of(shape)
    expected = by_numpy(lambda: softmax_and_gradient(x))
    for ours, numpys in zip(softmax_and_gradient(x), expected, strict=True):
        np.testing.assert_allclose(ours, numpys, rtol=1e-6, atol=2e-7)


def test_the_number_of_threads_changes_no_bit() -> None:
    logits, labels = of((700, 96))
    results = []
    for threads in (1, 2):
        native.use_threads(threads)
        results.append([*loss_and_gradient(logits, labels), *softmax_and_gradient(logits)])
    for one, two in zip(*results, strict=True):
        assert one.tobytes() == two.tobytes()


@pytest.mark.parametrize("classes", [3, 40, 300])
@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.uint8])
def test_a_label_that_is_no_class_is_refused_wherever_it_is(classes: int, dtype: Any) -> None:
    logits, labels = np.zeros((50, classes), np.float32), np.zeros(50, dtype)
    for wrong in (-1, classes):
        if not np.iinfo(dtype).min <= wrong <= np.iinfo(dtype).max:
            continue
        labels[49] = wrong
        with pytest.raises(ShapeError, match=f"class ids from 0 to {classes - 1}, .*{wrong}"):
            losses.softmax_cross_entropy(Tensor(logits), labels)


@pytest.mark.parametrize("columns", [5, 16, 50])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_row_with_nan_or_infinity_gives_nan_and_the_others_their_values(columns: int, bad: float) -> None:
    x, _ = of((4, columns))
    x[2, columns - 1] = bad
    y = ops.softmax(x)
    assert np.isnan(y[2]).any()
    assert np.isfinite(y[[0, 1, 3]]).all()
    assert np.isnan(ops.softmax_cross_entropy(x, np.zeros(4, np.int64)))


@pytest.mark.parametrize("columns", [5, 50])
def test_minus_infinity_is_a_class_of_probability_0_and_a_row_of_it_alone_gives_zeros(columns: int) -> None:
    x, labels = of((3, columns))
    x[0, 1:] = -np.inf
    x[1] = -np.inf
    y = ops.softmax(x)
    np.testing.assert_array_equal(y[0], np.eye(columns)[0])
    assert not np.any(y[1])
    loss = ops.softmax_cross_entropy(x[[0, 2]], np.array([0, labels[2]]))
    assert np.isfinite(loss)


def test_large_logits_neither_overflow_nor_vanish() -> None:
    x = np.array([[1e4, 1e4 - 1, -1e4] * 9], np.float32)
    np.testing.assert_allclose(ops.softmax(x).sum(), 1, rtol=1e-6)
    loss = ops.softmax_cross_entropy(x, np.array([2]))
    np.testing.assert_allclose(loss, 2e4 + np.log(9 * (1 + np.exp(-1))), rtol=1e-6)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_the_loss_of_sequences_is_that_of_their_positions(reduction: Any) -> None:
    logits, labels = of((4, 6, 9))
    flat = losses.softmax_cross_entropy(Tensor(logits.reshape(24, 9)), labels.reshape(24), reduction)
    assert losses.softmax_cross_entropy(Tensor(logits), labels, reduction).item() == flat.item()
    each = losses.softmax_cross_entropy(Tensor(logits), labels, "none")
    assert each.shape == (4, 6)
    np.testing.assert_allclose(
        each.numpy().sum() / (24 if reduction == "mean" else 1), flat.item(), rtol=1e-5
    )
