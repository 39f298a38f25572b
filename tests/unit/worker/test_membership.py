"""Who takes part: joins, losses, fences, notices, waits and their bounds, with no coordinator around."""

from __future__ import annotations

from typing import Any

import pytest

from chainrule.worker.membership import LONGEST_WAIT_SECONDS, SHORTAGE_SECONDS, Membership
from chainrule.worker.messages import Assign, Kill, Start, Tell
from chainrule.worker.reports import CrewChanged, MemberJoined, MemberLost, Reason, Role

WORKER, SHARD = Role.WORKER, Role.PARAMETER_SERVER


def assembled(
    least: int = 2, most: int = 2, shards: int = 1, restarts: int = 10, up: int | None = None
) -> Any:
    """All shards and `up` workers (the fewest, unless said) take part, the others are pending."""
    members = Membership(least, most, shards, restarts)
    members.begin()
    for shard in range(shards):
        members.ready(SHARD, shard, 0, 0.0)
    for worker in range(least if up is None else up):
        members.ready(WORKER, worker, 0, 0.0)
    members.train()
    return members


def reports(instructions: list[Any]) -> list[Any]:
    return [instruction.report for instruction in instructions if isinstance(instruction, Tell)]


def test_all_workers_are_asked_for_and_the_fewest_suffice():
    members: Any = Membership(2, 4, 1, 10)
    assert [start.member for start in members.begin() if start.role is WORKER] == [0, 1, 2, 3]
    members.ready(SHARD, 0, 0, 0.0)
    members.ready(WORKER, 3, 0, 0.0)
    assert not members.complete and members.awaited == [0, 1, 2]
    members.ready(WORKER, 1, 0, 0.0)
    assert members.complete and members.awaited == []
    assert members.train() == Assign((1, 3))


def test_a_worker_that_comes_later_is_told_as_a_change_of_the_crew():
    members = assembled(1, 3)
    assert members.ready(WORKER, 2, 7, 1.0) == [
        Assign((0, 2)),
        Tell(CrewChanged(7, 2, "worker 2 joined")),
    ]


def test_a_crew_of_one_size_tells_of_losses_and_replacements_only():
    members = assembled()
    told = reports(members.lost(WORKER, 1, "killed", 3, 1.0)) + reports(members.ready(WORKER, 2, 4, 3.5))
    assert [type(report) for report in told] == [MemberLost, MemberJoined]
    assert told[1].seconds == 2.5


def test_the_time_of_a_recovery_begins_with_the_first_of_several_losses():
    members = assembled()
    members.lost(WORKER, 1, "killed", 3, 1.0)
    members.lost(WORKER, 2, "killed", 3, 2.0)
    assert reports(members.ready(WORKER, 3, 3, 4.0)) == [MemberJoined(WORKER, 3, 3, 3.0)]


def test_a_fenced_worker_loses_its_work_before_it_is_ended():
    assign, kill, start, tell = assembled().fence(WORKER, 1, "silent", 3, 1.0)
    assert (assign, start, kill) == (Assign((0,)), Start(WORKER, 2), Kill(WORKER, 1))
    assert tell.report.reason == "silent"


def test_what_a_fenced_worker_leaves_behind_counts_for_nothing():
    members = assembled()
    members.fence(WORKER, 1, "silent", 3, 1.0)
    assert members.lost(WORKER, 1, "killed", 3, 2.0) == []
    assert members.fence(WORKER, 1, "silent", 3, 2.0) == []
    assert members.ready(WORKER, 1, 3, 2.0) == []


def test_a_fenced_shard_is_not_replaced_before_it_is_known_to_be_dead():
    members = assembled()
    assert members.fence(SHARD, 0, "silent", 3, 1.0) == [Kill(SHARD, 0)]
    start, tell = members.lost(SHARD, 0, "killed", 3, 2.0)
    assert start == Start(SHARD, 0)
    assert tell.report.reason == "silent"


def test_a_worker_with_notice_is_let_go_at_once_where_others_take_its_work():
    assign, kill, start, tell = assembled().leaving(WORKER, 0, 3, 1.0)
    assert (assign, kill, start) == (Assign((1,)), Kill(WORKER, 0), Start(WORKER, 2))
    assert "handed over" in tell.report.action


def test_the_only_worker_with_notice_is_let_go_when_its_replacement_is_up():
    members = assembled(1, 1)
    assert [type(i) for i in members.leaving(WORKER, 0, 3, 1.0)] == [Start, Tell]
    assert members.leaving(WORKER, 0, 3, 1.5) == []
    assert members.crew == (0,)
    assign, kill, tell = members.ready(WORKER, 1, 4, 2.0)
    assert (assign, kill) == (Assign((1,)), Kill(WORKER, 0))
    assert isinstance(tell.report, MemberJoined)


def test_a_worker_with_notice_that_dies_early_is_not_replaced_twice():
    members = assembled(1, 1)
    members.leaving(WORKER, 0, 3, 1.0)
    assign, tell = members.lost(WORKER, 0, "killed", 3, 1.5)
    assert assign == Assign(()) and "had been started before" in tell.report.action
    assert members.ready(WORKER, 1, 4, 2.0)[0] == Assign((1,))


def test_a_notice_costs_no_restart():
    members = assembled(restarts=0)
    worker = 0
    for now in range(50):
        [start] = [i for i in members.leaving(WORKER, worker, 3, now) if isinstance(i, Start)]
        members.ready(WORKER, start.member, 3, now)
        worker = start.member
        assert members.leaving(SHARD, 0, 3, now) == [Kill(SHARD, 0)]
        assert Start(SHARD, 0) in members.lost(SHARD, 0, "killed", 3, now)
        members.ready(SHARD, 0, 3, now)
    assert members.given_up("", 3, 50.0) is None


def test_no_wait_is_longer_than_the_longest():
    members = assembled(1, 1, restarts=20)
    worker = 0
    for _ in range(2 + 20):
        assert members.given_up("the last", 3, 0.0) is None
        members.lost(WORKER, worker, "killed", 3, 0.0)
        members.due(LONGEST_WAIT_SECONDS)
        worker += 1
    members.lost(WORKER, worker, "killed", 3, 0.0)
    assert members.due(LONGEST_WAIT_SECONDS - 0.1) == []
    [start] = members.due(LONGEST_WAIT_SECONDS)
    assert start == Start(WORKER, worker + 1)
    assert members.given_up("the last", 3, 0.0).reason is Reason.WORKERS_LOST


@pytest.mark.parametrize("least", [1, 3])
def test_a_whole_crew_that_goes_at_once_is_replaced_at_once(least):
    members = assembled(least, 3, shards=2, restarts=0, up=3)
    lost = [(WORKER, 0), (WORKER, 1), (WORKER, 2), (SHARD, 0), (SHARD, 1)]
    instructions = [i for role, member in lost for i in members.lost(role, member, "killed", 3, 1.0)]
    assert len([i for i in instructions if isinstance(i, Start)]) == 5
    assert members.given_up("", 3, 1.0) is None


def test_a_crew_below_its_fewest_is_waited_for_and_given_up_in_the_end():
    members = assembled(2, 3)
    members.lost(WORKER, 1, "killed", 3, 10.0)
    assert members.given_up("", 3, 9.0 + SHORTAGE_SECONDS) is None
    given_up = members.given_up("", 3, 10.0 + SHORTAGE_SECONDS)
    assert given_up.reason is Reason.RESOURCES_UNAVAILABLE
    assert "1 of the 2 workers" in given_up.message


def test_a_crew_that_has_its_fewest_again_may_be_short_as_long_again():
    members = assembled(2, 3)
    members.lost(WORKER, 1, "killed", 3, 10.0)
    members.ready(WORKER, 2, 3, 20.0)
    members.lost(WORKER, 2, "killed", 3, 30.0)
    assert members.given_up("", 3, 20.0 + SHORTAGE_SECONDS) is None
    assert members.given_up("", 3, 30.0 + SHORTAGE_SECONDS) is not None
