"""Counts of updates by staleness are as long as the stalest update needs, with one bucket for the rest."""

from __future__ import annotations

from chainrule.worker.staleness import BUCKETS, counted, mean_and_maximum, rate_at


def test_updates_are_counted_by_staleness():
    assert counted((), []) == ()
    assert counted((), [0, 2, 2]) == (1, 0, 2)
    assert counted((1, 0, 2), [1]) == (1, 1, 2)


def test_what_is_staler_than_the_last_bucket_is_counted_there():
    counts = counted((), [BUCKETS - 1, BUCKETS, 10 * BUCKETS])
    assert len(counts) == BUCKETS and counts[-1] == 3


def test_mean_and_maximum_are_those_of_the_updates():
    assert mean_and_maximum((1, 0, 2)) == (4 / 3, 2)
    assert mean_and_maximum((3,)) == (0.0, 0)


def test_the_rate_falls_with_the_staleness_and_is_whole_where_there_is_next_to_none():
    assert [rate_at(staleness) for staleness in (0, 1, 2, 4)] == [1, 1, 1 / 2, 1 / 4]
