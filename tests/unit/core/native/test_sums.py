"""Sums of columns: exact to rounding for any shape, the same bits on any threads."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.core import native
from chainrule.core.ops.linalg import column_sums

SHAPES = [(1, 1), (0, 5), (7, 3), (64, 10), (65, 64), (33, 100), (3000, 17), (70_000, 1), (40_000, 80)]


@pytest.mark.parametrize("shape", SHAPES)
def test_each_column_is_summed(shape: tuple[int, int]) -> None:
    x = np.random.default_rng(0).standard_normal(shape, np.float32) + 1
    sums = column_sums(x)
    assert sums.shape == shape[1:]
    np.testing.assert_allclose(sums, x.sum(axis=0, dtype=np.float64), rtol=2e-6)


def test_the_number_of_threads_changes_no_bit() -> None:
    x = np.random.default_rng(0).standard_normal((20_000, 37), np.float32)
    found = []
    for threads in (1, 2):
        native.use_threads(threads)
        found.append(np.asarray(column_sums(x)).tobytes())
    assert found[0] == found[1]


def test_nan_and_infinity_stay_in_their_columns() -> None:
    x = np.ones((100, 3), np.float32)
    x[5, 0], x[50, 1] = np.nan, np.inf
    np.testing.assert_array_equal(column_sums(x), [np.nan, np.inf, 100])
