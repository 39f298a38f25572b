"""Pooling's kernels against NumPy's formula, bit for bit, in every order of memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chainrule.core import Tensor, native, ops
from chainrule.core.ops import pooling
from chainrule.core.ops.window import Windows

CASES = {
    "2x2": ((3, 16, 28, 28), 2, None, 0, 1),
    "2x2 with a rest": ((2, 40, 7, 9), 2, None, 0, 1),
    "overlapping": ((2, 17, 9, 8), 3, 2, 1, 1),
    "with gaps": ((1, 35, 11, 10), (3, 2), (1, 2), (1, 1), (2, 1)),
    "lines": ((5, 12, 30), 3, 2, 1, 1),
    "all of one": ((1, 1, 4, 4), 4, None, 0, 1),
}


def numbers(shape: tuple[int, ...], channels_last: bool) -> np.ndarray:
    """Small whole numbers, so that many are equal."""
    rng = np.random.default_rng(0)
    if channels_last:
        shape = (shape[0], *shape[2:], shape[1])
    x = rng.integers(-3, 3, shape).astype(np.float32)
    return np.moveaxis(x, -1, 1) if channels_last else x


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_kernels_pool_as_the_formula_does(name, channels_last, by_numpy) -> None:
    shape, *options = CASES[name]
    windows = Windows.of("case", shape[2:], *options)
    x = numbers(shape, channels_last)
    g = numbers((*shape[:2], *windows.count), channels_last)

    def results() -> list[np.ndarray]:
        largest, choice = pooling._largest(x, windows)
        back: Any = pooling._put(g, choice, windows=windows)
        sums: Any = pooling._window_sums(x, windows=windows)
        return [largest, choice, back, sums, pooling._window_sums_back(g, windows=windows)]  # pyright: ignore[reportReturnType]

    expected = by_numpy(results)
    for threads in (1, 2):
        native.use_threads(threads)
        for found, one in zip(results(), expected, strict=True):
            assert found.dtype == one.dtype
            np.testing.assert_array_equal(found, one)


@pytest.mark.parametrize("channels", [3, 16])
def test_a_nan_is_the_largest_and_has_the_derivative(channels) -> None:
    x = numbers((1, channels, 4, 4), True)
    x[0, :, 1, 1] = np.nan
    tensor = Tensor(x, requires_grad=True)
    y = ops.max_pool(tensor, 2)
    assert np.isnan(y.data[0, :, 0, 0]).all()
    assert np.isnan(y.data).sum() == channels
    ops.sum(y * 0 + y).backward()
    assert tensor.grad is not None
    assert (np.nan_to_num(tensor.grad.data, nan=1.0)[0, :, 1, 1] == 1).all()


@pytest.mark.parametrize("channels", [3, 16])
def test_of_equal_elements_the_first_has_the_derivative(channels) -> None:
    x = Tensor(np.ones((2, channels, 4, 4), np.float32), requires_grad=True)
    ops.sum(ops.max_pool(x, 2)).backward()
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.data[:, :, ::2, ::2], 1)
    assert x.grad.data.sum() == 2 * channels * 4


def test_average_pooling_counts_the_padding_or_does_not() -> None:
    x = np.ones((1, 16, 4, 4), np.float32)
    counted = ops.average_pool(x, 3, 2, 1)
    np.testing.assert_allclose(counted[0, 0], np.array([[4, 6], [6, 9]]) / 9, rtol=1e-6)
    np.testing.assert_allclose(ops.average_pool(x, 3, 2, 1, count_padding=False), 1, rtol=1e-6)
