"""Crews that grow, shrink, fall silent and help each other: the digest stays that of an undisturbed job."""

from __future__ import annotations

import random
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

import pytest

from chainrule.worker.coordinator import STALL_SECONDS
from chainrule.worker.job import run_job
from chainrule.worker.membership import SHORTAGE_SECONDS
from chainrule.worker.messages import Leaving, Lost
from chainrule.worker.reports import (
    CrewChanged,
    Finished,
    MemberJoined,
    MemberLost,
    Outcome,
    Reason,
    Report,
    Role,
    Started,
)
from chainrule.worker.runtime import JobOrder
from chainrule.worker.runtime.inprocess import InProcessCrew
from chainrule.worker.spec import JobSpec


class ChangingCrew(InProcessCrew):
    """A crew with room for so many workers, whose further ones are pending; `disturb` is called before each
    turn and may change that, or do harm."""

    def __init__(self, room: int, disturb: Callable[[Any], None] = lambda crew: None) -> None:
        super().__init__()
        self.room = room
        self.pending: list[int] = []
        self.stopped: set[tuple[Role, int]] = set()
        self.turns = 0
        self._disturb = disturb

    @property
    def workers(self) -> list[int]:
        return [member for role, member in self.members if role is Role.WORKER]

    @property
    def step(self) -> int:
        return self._board.step() if self._board is not None else 0

    def start(self, role: Role, member: int) -> None:
        if role is Role.WORKER and len(self.workers) >= self.room:
            self.pending.append(member)
        else:
            super().start(role, member)

    def kill(self, role: Role, member: int) -> None:
        self.stopped.discard((role, member))
        super().kill(role, member)

    def lose(self, role: Role, member: int, reason: str = "its node was removed") -> None:
        """End a member as a removed node would."""
        del self.members[role, member]
        self._events.append(Lost(role, member, reason))

    def notice(self, role: Role, member: int) -> None:
        """Announce that a member has to end soon."""
        self._events.append(Leaving(role, member))

    def wait(self, seen: int) -> list[Any]:
        self.turns += 1
        self._disturb(self)
        while self.pending and len(self.workers) < self.room:
            super().start(Role.WORKER, self.pending.pop(0))
        for key in list(self.members):  # one piece of work each, so that there are many turns
            self._advance(key)
        events, self._events = self._events, []
        return events

    def _advance(self, key: tuple[Role, int]) -> bool:
        return key not in self.stopped and super()._advance(key)


class Clock:
    """Counts every look as 0.1 seconds, so that waits take no time."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 0.1
        return self.now


def train(
    spec: JobSpec, crew: ChangingCrew, folder: Any, clock: Callable[[], float] | None = None
) -> list[Any]:
    order = JobOrder("job", 1, spec, folder)
    return list(run_job(order, crew, SimpleQueue(), clock=clock or Clock()))


def told(reports: list[Report], kind: type) -> list[Any]:
    return [report for report in reports if isinstance(report, kind)]


def elastic(spec: JobSpec, least: int, most: int) -> JobSpec:
    return spec.with_overrides([f"cluster.workers={{min: {least}, max: {most}}}"])


def succeeded_with(reports: list[Any], undisturbed: Finished) -> bool:
    finished = reports[-1]
    assert (finished.outcome, finished.message) == (Outcome.SUCCEEDED, None)
    return (finished.digest, finished.metrics) == (undisturbed.digest, undisturbed.metrics)


def test_a_job_starts_with_its_fewest_workers_and_grows_when_there_is_room(digits, undisturbed, tmp_path):
    def more_room(crew):
        crew.room = 1 if crew.step < 5 else 3

    reports = train(elastic(digits, 1, 4), ChangingCrew(1, more_room), tmp_path)
    [started] = told(reports, Started)
    assert (started.step, started.workers) == (0, 1)
    assert [changed.workers for changed in told(reports, CrewChanged)] == [2, 3]
    assert all(changed.step >= 5 for changed in told(reports, CrewChanged))
    assert succeeded_with(reports, undisturbed)


def test_workers_that_go_and_cannot_be_replaced_leave_a_smaller_crew(digits, undisturbed, tmp_path):
    def less_room(crew):
        if crew.step >= 5 and crew.room == 3:
            crew.room = 1
            crew.lose(Role.WORKER, 0)
            crew.lose(Role.WORKER, 2)

    reports = train(elastic(digits, 1, 3), ChangingCrew(3, less_room), tmp_path)
    assert [changed.workers for changed in told(reports, CrewChanged)][-2:] == [2, 1]
    assert told(reports, MemberJoined) == []
    assert succeeded_with(reports, undisturbed)


@pytest.mark.parametrize("seed", range(6))
def test_sizes_that_change_at_random_change_no_byte(digits, undisturbed, tmp_path, seed):
    chance = random.Random(seed)

    def disturb(crew):
        if not crew.turns % 3:
            crew.room = chance.randint(1, 4)
            while len(crew.workers) > crew.room:
                crew.lose(Role.WORKER, chance.choice(crew.workers))
        if chance.random() < 0.1 and crew.workers:
            crew.notice(Role.WORKER, chance.choice(crew.workers))
        if chance.random() < 0.1 and (Role.PARAMETER_SERVER, 1) in crew.members:
            crew.lose(Role.PARAMETER_SERVER, 1)

    crew = ChangingCrew(2, disturb)
    spec = elastic(digits, 1, 4).with_overrides(["cluster.restarts=1000"])
    reports = train(spec, crew, tmp_path)
    assert crew.turns > 50
    assert len({changed.workers for changed in told(reports, CrewChanged)}) > 2
    assert succeeded_with(reports, undisturbed)


def test_too_few_workers_for_too_long_end_the_job_with_a_typed_report(digits, tmp_path):
    def no_room(crew):
        if crew.step >= 5 and crew.room == 2:
            crew.room = 0
            crew.lose(Role.WORKER, 0)
            crew.lose(Role.WORKER, 1)

    clock = Clock()
    finished = train(elastic(digits, 2, 3), ChangingCrew(2, no_room), tmp_path, clock)[-1]
    assert (finished.outcome, finished.reason) == (Outcome.FAILED, Reason.RESOURCES_UNAVAILABLE)
    assert "had 0 of the 2 workers" in finished.message
    assert SHORTAGE_SECONDS < clock.now < SHORTAGE_SECONDS + 60


def once(step: int, act: Callable[[Any], None]) -> Callable[[Any], None]:
    """Do something when the job is at this step, once."""
    done = []

    def disturb(crew: Any) -> None:
        if crew.step >= step and not done:
            done.append(step)
            act(crew)

    return disturb


def test_a_worker_with_notice_hands_its_work_over_and_costs_no_restart(digits, undisturbed, tmp_path):
    crew = ChangingCrew(2, once(5, lambda crew: crew.notice(Role.WORKER, 1)))
    reports = train(digits.with_overrides(["cluster.restarts=0"]), crew, tmp_path)
    [lost] = told(reports, MemberLost)
    assert (lost.member, lost.reason) == (1, "it was given notice to end")
    assert "handed over" in lost.action
    assert [joined.member for joined in told(reports, MemberJoined)] == [2]
    assert succeeded_with(reports, undisturbed)


def test_the_only_worker_works_on_after_its_notice_until_its_replacement_is_up(digits, undisturbed, tmp_path):
    at_end = []

    def disturb(crew):
        if crew.step >= 5 and not crew.pending and crew.room == 1:
            crew.notice(Role.WORKER, 0)
            crew.room = 0  # only until the replacement is pending
        elif crew.pending and crew.step >= 12:
            crew.room = 2
        if 2 in crew.workers or 1 in crew.workers:
            at_end.append(list(crew.workers))

    reports = train(digits.with_overrides(["cluster.workers=1"]), ChangingCrew(1, disturb), tmp_path)
    [joined] = told(reports, MemberJoined)
    assert joined.member == 1 and joined.step >= 12
    assert at_end[-1] == [1]
    assert succeeded_with(reports, undisturbed)


@pytest.mark.parametrize("role", list(Role)[1:])
def test_a_silent_member_is_fenced_and_replaced_within_seconds(digits, undisturbed, tmp_path, role):
    crew = ChangingCrew(2, once(5, lambda crew: crew.stopped.add((role, 1))))
    clock = Clock()
    reports = train(digits, crew, tmp_path, clock)
    [lost] = told(reports, MemberLost)
    assert (lost.kind, lost.member) == (role, 1)
    assert "no sign of life for" in lost.reason
    [joined] = told(reports, MemberJoined)
    assert joined.kind is role
    assert clock.now < STALL_SECONDS / 2
    assert succeeded_with(reports, undisturbed)


class LateCrew(ChangingCrew):
    """Its first worker lives and never gets anything done."""

    def _advance(self, key: tuple[Role, int]) -> bool:
        if key == (Role.WORKER, 0) and self.step >= 5:
            assert self._board is not None
            self._board.beat(self.members[key].bell)
            return False
        return super()._advance(key)


@pytest.mark.parametrize("curvature", [False, True])
def test_with_spares_idle_workers_finish_what_another_is_late_with(digits, inprocess, tmp_path, curvature):
    changes = ["dataset={source: digits, test_fraction: 0}", "metrics=[]"]
    if curvature:
        changes += ["optimizer={sophia: {learning_rate: 0.01, interval: 2}}"]
    spec = digits.with_overrides(changes)
    expected = inprocess.run(spec, job="expected")
    late = spec.with_overrides(["cluster.workers=3", "cluster.spares=4"])
    reports = train(late, LateCrew(3), tmp_path)
    assert told(reports, MemberLost) == []
    assert reports[-1].outcome is Outcome.SUCCEEDED
    assert reports[-1].digest == expected.digest


def test_spares_change_no_byte_when_nobody_is_late(digits, inprocess, undisturbed):
    finished = inprocess.run(digits.with_overrides(["cluster.workers=4", "cluster.spares=2"]))
    assert (finished.digest, finished.metrics) == (undisturbed.digest, undisturbed.metrics)
