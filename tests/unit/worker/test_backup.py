"""An idle worker waits before it calls another late, and takes up at most the spares."""

from __future__ import annotations

import math

from chainrule.worker.backup import Backup


def test_nobody_is_late_before_as_long_as_a_micro_batch_takes():
    backup = Backup(spares=2)
    backup.computed(4.0)
    assert not backup.may_begin(10.0)
    assert backup.patience(11.0) == 3.0
    assert not backup.may_begin(13.9)
    assert backup.may_begin(14.0)


def test_new_work_ends_the_wait_for_the_old():
    backup = Backup(spares=2)
    backup.computed(4.0)
    backup.may_begin(10.0)
    backup.begin()
    assert not backup.may_begin(14.0)


def test_without_spares_a_worker_sleeps_until_it_is_woken():
    backup = Backup(spares=0)
    backup.computed(4.0)
    assert not backup.may_begin(10.0) and not backup.may_begin(100.0)
    assert backup.patience(100.0) == math.inf


def test_only_the_end_of_a_step_is_computed_twice():
    assert Backup(spares=2).choose([1, 2, 3], 0) == []
    assert Backup(spares=2).choose([2, 3], 0) == [3]
    assert Backup(spares=2).choose([], 0) == []


def test_idle_workers_take_up_different_work():
    backup = Backup(spares=3)
    assert [backup.choose([1, 2, 3], place) for place in range(4)] == [[3], [2], [1], [3]]
