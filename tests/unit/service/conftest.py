"""A runtime whose reports the test writes, to play through what a real one does rarely or never."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue

import pytest

from chainrule.service.config import ServiceConfig
from chainrule.service.jobs.events import StateChanged
from chainrule.service.jobs.job import Job
from chainrule.service.jobs.states import JobState
from chainrule.service.jobs.store import MemoryStore, RequestKey, Store
from chainrule.service.jobs.supervisor import Supervisor
from chainrule.worker.inspect import JobSummary
from chainrule.worker.reports import Finished, Outcome, Report, Started
from chainrule.worker.runtime import Execution, JobOrder, Stop
from chainrule.worker.spec import parse_spec

SECONDS = 20.0
SUMMARY = JobSummary(650, 80, 20, (64,), 10, 10, 100, 1000, ())
SPEC = parse_spec(
    {
        "name": "scripted",
        "dataset": {"source": "digits"},
        "model": [{"linear": {"units": 10}}],
        "loss": "softmax_cross_entropy",
        "optimizer": "adam",
    }
)
STARTED = Started(0, 100, 10, 10, 650, 80, 20, 1, 1)
SUCCEEDED = Finished(Outcome.SUCCEEDED, 100, 10, {"loss": 0.1}, "digest", None, 100)


class ScriptedExecution:
    """Reports what the test says and raises exceptions among it; `obeys` maps a stop to its last report."""

    def __init__(self, order: JobOrder, obeys: dict[Stop, Finished]) -> None:
        self.order = order
        self.stops: SimpleQueue[Stop] = SimpleQueue()
        self._obeys = obeys
        self._said: SimpleQueue[Report | BaseException | None] = SimpleQueue()

    def say(self, *reports: Report | BaseException | None) -> None:
        """None ends the reports."""
        for report in reports:
            self._said.put(report)

    def reports(self) -> Iterator[Report]:
        while (report := self._said.get()) is not None:
            if isinstance(report, BaseException):
                raise report
            yield report
            if isinstance(report, Finished):
                return

    def stop(self, how: Stop) -> None:
        self.stops.put(how)
        if how in self._obeys:
            self.say(self._obeys[how])


@dataclass
class ScriptedRuntime:
    """Hands out executions; the test takes each with `next`."""

    obeys: dict[Stop, Finished] = field(default_factory=dict)
    ready: threading.Event = field(default_factory=threading.Event)
    failure: Exception | None = None
    executions: SimpleQueue[ScriptedExecution] = field(default_factory=SimpleQueue)
    starting: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.ready.set()

    def start(self) -> None:
        self.starting.set()
        assert self.ready.wait(SECONDS)

    def execute(self, order: JobOrder) -> Execution:
        if self.failure is not None:
            raise self.failure
        execution = ScriptedExecution(order, self.obeys)
        self.executions.put(execution)
        return execution

    def next(self) -> ScriptedExecution:
        return self.executions.get(timeout=SECONDS)

    def close(self) -> None:
        self.ready.set()


class Stage:
    """A supervisor on a scripted runtime, and ways to wait for what becomes of its jobs."""

    def __init__(self, store: Store, folder: Path, **settings: object) -> None:
        self.store = store
        self.runtime = ScriptedRuntime()
        self.config = ServiceConfig(folder, **settings)  # pyright: ignore[reportArgumentType]
        self._changed = threading.Condition()
        self.supervisor = Supervisor(store, self.runtime, self.config, self._notify)

    def _notify(self, job_id: str) -> None:
        with self._changed:
            self._changed.notify_all()

    def create(self, *, request: RequestKey | None = None, continue_from: str | None = None) -> str:
        return self.supervisor.create(SPEC, SUMMARY, request=request, continue_from=continue_from).id

    def wait_for(self, job_id: str, wanted: Callable[[Job], bool]) -> Job:
        with self._changed:
            assert self._changed.wait_for(lambda: wanted(self.store.get(job_id)), SECONDS), self.store.get(
                job_id
            )
        return self.store.get(job_id)

    def reaches(self, job_id: str, state: JobState) -> Job:
        return self.wait_for(job_id, lambda job: job.state is state)

    def running(self) -> tuple[str, ScriptedExecution]:
        """A job that runs."""
        job_id = self.create()
        execution = self.runtime.next()
        execution.say(STARTED)
        self.reaches(job_id, JobState.RUNNING)
        return job_id, execution

    def states(self, job_id: str) -> list[JobState]:
        reports = [event.report for event in self.store.events(job_id, 0, 1000)]
        return [report.state for report in reports if isinstance(report, StateChanged)]


@pytest.fixture
def make_stage(tmp_path: Path) -> Iterator[Callable[..., Stage]]:
    """Makes stages that are stopped at the end; with `start=False` the test starts the supervisor."""
    stages: list[Stage] = []

    def make(*, store: Store | None = None, start: bool = True, **settings: object) -> Stage:
        stage = Stage(store or MemoryStore(), tmp_path, **settings)
        stages.append(stage)
        if start:
            stage.supervisor.start()
        return stage

    yield make
    for stage in stages:
        stage.runtime.obeys[Stop.KILL] = Finished(Outcome.CANCELLED, 0, 0)
        stage.runtime.ready.set()
        stage.supervisor.stop(at_once=True)


@pytest.fixture
def stage(make_stage: Callable[..., Stage]) -> Stage:
    """A started stage."""
    return make_stage()
