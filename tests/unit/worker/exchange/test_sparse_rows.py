"""Tables of few rows travel to the bit, in as many bytes as they have rows."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.worker.exchange.sparse_rows import decode_rows, encode_rows


def table_with(rows, shape=(100, 8)):
    table = np.zeros(shape, np.float32)
    table[rows] = np.random.default_rng(0).standard_normal((len(rows), shape[1]))
    return table


def decoded(table):
    out = np.full_like(table, 7)
    decode_rows(encode_rows(table), out)
    return out


@pytest.mark.parametrize("rows", [[], [0], [99], [3, 50, 51], range(88), range(89), range(100)])
def test_a_table_comes_back_as_it_was(rows):
    table = table_with(list(rows))
    assert decoded(table).tobytes() == table.tobytes()
    assert len(encode_rows(table)) <= 4 + table.nbytes


def test_only_rows_that_hold_something_travel():
    assert len(encode_rows(table_with([3, 50, 51]))) == 4 + 3 * (4 + 8 * 4)


def test_negative_zeros_and_nan_are_something():
    table = np.zeros((10, 3), np.float32)
    table[2, 1], table[7, 2] = -0.0, np.nan
    assert decoded(table).tobytes() == table.tobytes()
    assert len(encode_rows(table)) == 4 + 2 * (4 + 3 * 4)


def test_a_message_that_does_not_fit_the_table_is_refused():
    message = encode_rows(table_with([99]))
    with pytest.raises(ValueError, match="expected rows below 50, got row 99"):
        decode_rows(message, np.zeros((50, 8), np.float32))
    for wrong in (message[:-4], message[:2], encode_rows(table_with(range(100)))):
        with pytest.raises(ValueError, match=r"table of shape \(100, 4\)"):
            decode_rows(wrong, np.zeros((100, 4), np.float32))
