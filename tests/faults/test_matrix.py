"""The fault matrix: who is hit × how × when; every cell ends in the bytes of the undisturbed job.

A member that is killed or runs out of memory is replaced while the job runs. An error that would come again
(`EXCEPTION`) ends the job with a typed report, as does one of the coordinator's own; the job then goes on
from its last checkpoint. A killed coordinator takes its members along and leaves the disk as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from disturbed import (
    Applied,
    Member,
    MortalCrew,
    disturbed,
    files,
    kill_coordinator,
    small_job,
    train,
    without_waiting,
)

from chainrule.worker.reports import EpochCompleted, Finished, MemberJoined, MemberLost, Outcome, Reason, Role
from chainrule.worker.runtime import Stop
from chainrule.worker.runtime.inprocess import MemberKilled
from chainrule.worker.spec import JobSpec, parse_spec


class Who(Enum):
    """Whom a fault hits."""

    A_WORKER = "a worker"
    ALL_WORKERS = "all workers"
    A_SHARD = "a shard"
    SHARD_AND_WORKER = "shard and worker"
    COORDINATOR = "the coordinator"


class How(Enum):
    """What happens to them."""

    KILLED = "killed"
    OUT_OF_MEMORY = "out of memory"
    EXCEPTION = "exception"


WORKERS = (Who.A_WORKER, Who.ALL_WORKERS, Who.SHARD_AND_WORKER)
SHARDS = (Who.A_SHARD, Who.SHARD_AND_WORKER)
ANYBODY = tuple(Who)[:-1]
COORDINATOR = (Who.COORDINATOR,)

KILLED = (How.KILLED,)
SUDDEN = (How.KILLED, How.OUT_OF_MEMORY)
A_BUG = (How.EXCEPTION,)
EVERY = tuple(How)

# Of the three steps of an epoch the last has a third of the samples.
FIRST, MIDDLE, PARTIAL = 0, 4, 5
STEPS = (FIRST, MIDDLE, PARTIAL)
END_OF_EPOCH, END = 3, 9


@dataclass(frozen=True)
class Row:
    """Faults at one named point. stop: asked for when the first epoch is over, before the fault. times: how
    often in a row the point is hit, the repeated ones while the one before is being repaired."""

    when: str
    point: str
    steps: tuple[int, ...]
    who: tuple[Who, ...]
    how: tuple[How, ...]
    stop: Stop | None = None
    times: int = 1


COMPUTE, COMPUTED, PUBLISHED = "worker.before_compute", "worker.before_publish", "worker.after_publish"
NORM, MEASURED, APPLIED = "shard.before_norm", "shard.after_norm", "shard.before_publish"
EVALUATE = "worker.before_evaluate"
WRITE, WRITTEN, REPLACED = "checkpoint.before_state", "checkpoint.before_rename", "checkpoint.between_renames"

MATRIX = (
    #   when                                   point      steps            who          how
    Row("before a gradient is computed",       COMPUTE,   STEPS,           WORKERS,     SUDDEN),
    Row("before a gradient is computed",       COMPUTE,   (MIDDLE,),       WORKERS[:1], A_BUG),
    Row("before a gradient is computed",       COMPUTE,   STEPS,           COORDINATOR, KILLED),
    Row("computed, not yet pushed",            COMPUTED,  STEPS,           WORKERS,     SUDDEN),
    Row("computed, not yet pushed",            COMPUTED,  (PARTIAL,),      WORKERS[:1], A_BUG),
    Row("computed, not yet pushed",            COMPUTED,  (MIDDLE,),       (Who.A_SHARD,), SUDDEN),
    Row("computed, not yet pushed",            COMPUTED,  STEPS,           COORDINATOR, KILLED),
    Row("pushed, not yet acknowledged",        PUBLISHED, STEPS,           WORKERS,     SUDDEN),
    Row("pushed, not yet acknowledged",        PUBLISHED, (FIRST,),        WORKERS[:1], A_BUG),
    Row("pushed, not yet acknowledged",        PUBLISHED, STEPS,           COORDINATOR, KILLED),
    Row("summed up",                           NORM,      STEPS,           SHARDS,      SUDDEN),
    Row("summed up",                           NORM,      (FIRST,),        SHARDS[:1],  A_BUG),
    Row("its norm published",                  MEASURED,  STEPS,           SHARDS,      SUDDEN),
    Row("its norm published",                  MEASURED,  (MIDDLE,),       COORDINATOR, KILLED),
    Row("applied, not yet acknowledged",       APPLIED,   STEPS,           SHARDS,      SUDDEN),
    Row("applied, not yet acknowledged",       APPLIED,   (PARTIAL,),      SHARDS[:1],  A_BUG),
    Row("applied, not yet acknowledged",       APPLIED,   STEPS,           COORDINATOR, KILLED),
    Row("applied, not yet acknowledged",       APPLIED,   (MIDDLE,),       (Who.ALL_WORKERS,), SUDDEN),
    Row("during evaluation",                   EVALUATE,  (END_OF_EPOCH,), ANYBODY,     SUDDEN),
    Row("during evaluation",                   EVALUATE,  (END_OF_EPOCH,), WORKERS[:1], A_BUG),
    Row("during evaluation",                   EVALUATE,  (END_OF_EPOCH, END), COORDINATOR, KILLED),
    Row("a checkpoint begun",                  WRITE,     (END_OF_EPOCH,), ANYBODY,     KILLED),
    Row("a checkpoint begun",                  WRITE,     (END_OF_EPOCH, END), COORDINATOR, EVERY),
    Row("a checkpoint written, not in place",  WRITTEN,   (END_OF_EPOCH,), ANYBODY,     KILLED),
    Row("a checkpoint written, not in place",  WRITTEN,   (END_OF_EPOCH, END), COORDINATOR, EVERY),
    Row("a checkpoint half in place",          REPLACED,  (END_OF_EPOCH, END), COORDINATOR, EVERY),
    Row("while pausing",                       COMPUTED,  (MIDDLE,),       ANYBODY,     SUDDEN, Stop.PAUSE),
    Row("while pausing",                       COMPUTED,  (MIDDLE,),       WORKERS[:1], A_BUG, Stop.PAUSE),
    Row("while pausing",                       APPLIED,   (MIDDLE,),       SHARDS,      SUDDEN, Stop.PAUSE),
    Row("while pausing",                       APPLIED,   (MIDDLE,),       COORDINATOR, KILLED, Stop.PAUSE),
    Row("while cancelling",                    PUBLISHED, (MIDDLE,),       ANYBODY,     SUDDEN, Stop.CANCEL),
    Row("while cancelling",                    PUBLISHED, (MIDDLE,),       COORDINATOR, KILLED, Stop.CANCEL),
    Row("during recovery",                     COMPUTE,   STEPS,           WORKERS,     SUDDEN, times=2),
    Row("during recovery",                     PUBLISHED, (MIDDLE,),       ANYBODY,     KILLED, times=3),
    Row("during recovery",                     APPLIED,   STEPS,           SHARDS,      SUDDEN, times=2),
    Row("during recovery",                     EVALUATE,  (END_OF_EPOCH,), WORKERS,     KILLED, times=2),
    Row("during recovery",                     COMPUTED,  (FIRST, MIDDLE), COORDINATOR, KILLED, times=2),
    Row("during recovery",                     WRITTEN,   (END_OF_EPOCH,), COORDINATOR, KILLED, times=2),
)  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """One fault."""

    row: Row
    step: int
    who: Who
    how: How

    def __str__(self) -> str:
        times = f" x{self.row.times}" if self.row.times > 1 else ""
        return f"{self.who.value}, {self.how.value}{times}, {self.row.when} ({self.row.point} {self.step})"


def cells() -> Iterator[Cell]:
    """The matrix, spread out."""
    for row in MATRIX:
        for step in row.steps:
            for who in row.who:
                for how in row.how:
                    yield Cell(row, step, who, how)


class Fault:
    """Happens at its point and step, as many times as its row says."""

    def __init__(self, cell: Cell, folder: Path) -> None:
        self._cell = cell
        self._folder = folder
        self.left = cell.row.times
        self.crew = MortalCrew()

    def __call__(self, point: str, step: int) -> None:
        """At every named point."""
        cell = self._cell
        if not self.left or (point, step) != (cell.row.point, cell.step):
            return
        self.left -= 1
        at_work, victims = self.crew.at_work, self._victims()
        if cell.how is How.EXCEPTION:
            raise RuntimeError("a bug")
        if cell.who is Who.COORDINATOR and cell.how is How.KILLED:
            kill_coordinator(self._folder)
        for victim in victims:
            if victim != at_work:
                self.crew.lose(victim, cell.how.value)
        if cell.who is Who.COORDINATOR or at_work in victims:
            raise MemoryError if cell.how is How.OUT_OF_MEMORY else MemberKilled(cell.how.value)

    def _victims(self) -> list[Member]:
        """The members that are hit: those at work, rather than others."""
        workers, shards = self.crew.of(Role.WORKER), self.crew.of(Role.PARAMETER_SERVER)
        a_worker = [key for key in workers if key == self.crew.at_work] or workers[:1]
        a_shard = [key for key in shards if key == self.crew.at_work] or shards[:1]
        return {
            Who.A_WORKER: a_worker,
            Who.ALL_WORKERS: workers,
            Who.A_SHARD: a_shard,
            Who.SHARD_AND_WORKER: [*a_shard, *a_worker],
            Who.COORDINATOR: [],
        }[self._cell.who]


@pytest.fixture(autouse=True)
def _without_waiting(monkeypatch):
    without_waiting(monkeypatch)


@pytest.fixture(scope="module")
def spec(tmp_path_factory) -> JobSpec:
    return parse_spec(small_job(tmp_path_factory.mktemp("data")))


@pytest.fixture(scope="module")
def undisturbed(spec, tmp_path_factory) -> tuple[Any, Finished]:
    with pytest.MonkeyPatch.context() as patch:
        without_waiting(patch)
        applied = Applied(patch)
        reports = train(spec, tmp_path_factory.mktemp("undisturbed"), MortalCrew())
    assert reports[-1].outcome is Outcome.SUCCEEDED and reports[-1].step == END
    return applied.versions, reports[-1]


def after_an_epoch(stop: Stop | None):
    return lambda report: stop if isinstance(report, EpochCompleted) and report.epoch == 1 else None


@pytest.mark.parametrize("cell", list(cells()), ids=str)
def test_a_fault_changes_no_byte(spec, undisturbed, monkeypatch, tmp_path, cell):
    versions, expected = undisturbed
    Applied(monkeypatch).versions.update(versions)
    folder, row = tmp_path / "job", cell.row
    fault = Fault(cell, folder)
    attempts = []
    with disturbed(fault):
        while fault.left and len(attempts) < row.times:
            fault.crew = MortalCrew()
            attempts.append(train(spec, folder, fault.crew, after_an_epoch(row.stop)))
    assert not fault.left
    reports = attempts[-1]
    lost = [report for reports in attempts for report in reports if isinstance(report, MemberLost)]
    if cell.how is How.EXCEPTION or (cell.who, cell.how) == (Who.COORDINATOR, How.OUT_OF_MEMORY):
        assert reports[-1].outcome is Outcome.FAILED
        out_of_memory = cell.how is How.OUT_OF_MEMORY
        assert reports[-1].reason is (Reason.OUT_OF_MEMORY if out_of_memory else Reason.INTERNAL)
        assert ("not enough memory" if out_of_memory else "a bug") in reports[-1].message
    elif cell.who is Who.COORDINATOR:
        assert not any(isinstance(report, Finished) for report in reports)
        assert len(attempts) == row.times
    else:
        assert {report.kind for report in lost} == ROLES[cell.who]
        assert len(lost) >= row.times and all(cell.how.value in report.reason for report in lost)
        assert {report.kind for report in reports if isinstance(report, MemberJoined)} == ROLES[cell.who]
        stopped = {None: Outcome.SUCCEEDED, Stop.PAUSE: Outcome.PAUSED, Stop.CANCEL: Outcome.CANCELLED}
        assert reports[-1].outcome is stopped[row.stop]
        assert row.stop is None or reports[-1].checkpoint_step == reports[-1].step < END
    if not reports or not isinstance(reports[-1], Finished) or reports[-1].outcome is not Outcome.SUCCEEDED:
        reports = train(spec, folder, MortalCrew())
    finished = reports[-1]
    assert (finished.outcome, finished.message) == (Outcome.SUCCEEDED, None)
    assert (finished.digest, finished.metrics) == (expected.digest, expected.metrics)
    left = {name.split("/")[1] for name in files(folder) if "/" in name}
    assert f"step-{END:09d}" in left and len(left) <= 2


ROLES = {
    Who.A_WORKER: {Role.WORKER},
    Who.ALL_WORKERS: {Role.WORKER},
    Who.A_SHARD: {Role.PARAMETER_SERVER},
    Who.SHARD_AND_WORKER: {Role.WORKER, Role.PARAMETER_SERVER},
}


def test_the_matrix_has_every_named_point_of_a_synchronous_job():
    source = Path(__file__).parents[2] / "worker"
    named = {
        line.split('reach("')[1].split('"')[0]
        for path in source.rglob("*.py")
        for line in path.read_text().splitlines()
        if 'reach("' in line
    }
    # Of jobs that are not synchronous step by step, or have several nodes: test_consistency.py,
    # test_local_steps.py and test_links.py in this folder.
    others = {point for point in named if point.startswith(("sequencer.", "link."))}
    assert named - others - {"worker.after_local_step"} == {row.point for row in MATRIX}
