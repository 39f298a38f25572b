"""What a version's residuals are made of after a step, slice by slice."""

from __future__ import annotations

import numpy as np

from chainrule.worker.residuals import keep_residuals

PART = slice(2, 5)


def halves():
    before, after = np.full((3, 6), 1, np.float32), np.full((3, 6), 9, np.float32)
    return before, after, [np.full(6, value, np.float32) for value in (2, 3)]


def test_a_shard_takes_its_slice_of_what_each_micro_batch_left_out():
    before, after, left_out = halves()
    keep_residuals(before, after, left_out, PART, epoch_ends=False)
    np.testing.assert_array_equal(after[:, PART], [[2] * 3, [3] * 3, [9] * 3])
    assert (after[:, :2] == 9).all() and (after[:, 5:] == 9).all() and (before == 1).all()


def test_a_step_that_was_left_out_changes_none():
    before, after, _ = halves()
    keep_residuals(before, after, None, PART, epoch_ends=False)
    assert (after[:, PART] == 1).all() and (after[:, :2] == 9).all()


def test_an_epoch_begins_with_nothing_left_out():
    before, after, left_out = halves()
    for rows in (left_out, None):
        keep_residuals(before, after, rows, PART, epoch_ends=True)
        assert (after[:, PART] == 0).all() and (after[:, :2] == 9).all()
