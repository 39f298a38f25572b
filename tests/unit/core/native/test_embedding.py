"""Rows by number and their sums by number: NumPy's values and refusals, the same bits on any threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from chainrule.core import Tensor, native, ops
from chainrule.core.errors import ShapeError


def rows_and_gradient(rows: int, units: int, shape: tuple[int, ...], dtype: Any) -> list[np.ndarray]:
    rng = np.random.default_rng(units)
    table = Tensor(rng.standard_normal((rows, units), np.float32), requires_grad=True)
    y = ops.embedding(table, rng.integers(0, rows, shape).astype(dtype))
    (y * rng.standard_normal(y.shape, np.float32)).sum().backward()
    assert table.grad is not None
    return [y.numpy(), table.grad.numpy()]


@pytest.mark.parametrize("units", [1, 7, 16, 33, 128])
@pytest.mark.parametrize("rows", [1, 96])
@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8, np.int16])
@pytest.mark.parametrize("shape", [(), (1,), (5, 13)])
def test_rows_and_their_sums_are_those_of_numpys_formula(
    units: int, rows: int, dtype: Any, shape: tuple[int, ...], by_numpy: Callable[[Callable[[], Any]], Any]
) -> None:
    expected = by_numpy(lambda: rows_and_gradient(rows, units, shape, dtype))
    y, gradient = rows_and_gradient(rows, units, shape, dtype)
    np.testing.assert_array_equal(y, expected[0])
    np.testing.assert_allclose(gradient, expected[1], rtol=1e-5, atol=2e-6)


def test_the_number_of_threads_changes_no_bit() -> None:
    results = []
    for threads in (1, 2):
        native.use_threads(threads)
        results.append(rows_and_gradient(50, 200, (40, 30), np.int64))
    for one, two in zip(*results, strict=True):
        assert one.tobytes() == two.tobytes()


@pytest.mark.parametrize(("dtype", "wrong"), [(np.int64, -1), (np.int64, 10), (np.int8, -1), (np.uint8, 255)])
def test_an_id_that_names_no_row_is_refused_wherever_it_is(dtype: Any, wrong: int) -> None:
    ids = np.zeros(5000, dtype)
    ids[4999] = wrong
    with pytest.raises(ShapeError, match=f"numbers from 0 to 9, .*{wrong}"):
        ops.embedding(np.zeros((10, 40), np.float32), ids)
