"""Jobs on real Ray processes: the same bytes as in process, with processes killed on the way, and nothing
left over."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import ray
from ray_processes import assert_no_process_is_left, exchange_folder, processes

from chainrule.worker.reports import (
    CheckpointSaved,
    CrewChanged,
    EpochCompleted,
    Finished,
    MemberJoined,
    MemberLost,
    Outcome,
    Progress,
    Reason,
    Report,
    Role,
    Started,
)
from chainrule.worker.runtime import JobOrder, Stop
from chainrule.worker.runtime.inprocess import InProcessRuntime
from chainrule.worker.runtime.ray import RayRuntime
from chainrule.worker.runtime.ray_places import actor_class
from chainrule.worker.spec import JobSpec, parse_spec

JOB = {
    "dataset": {"source": "digits"},
    "model": [{"linear": {"units": 64}}, "relu", {"dropout": {"rate": 0.1}}, {"linear": {"units": 10}}],
    "loss": "softmax_cross_entropy",
    "metrics": ["accuracy"],
    "optimizer": "adam",
    "training": {"epochs": 60, "batch_size": 32},
    "cluster": {"workers": 2, "parameter_servers": 1},
}


@pytest.fixture(scope="module")
def runtime() -> Iterator[RayRuntime]:
    runtime = RayRuntime()
    runtime.start()
    yield runtime
    runtime.close()


@pytest.fixture(scope="module")
def spec() -> JobSpec:
    return parse_spec(JOB)


@pytest.fixture(scope="module")
def expected(spec, tmp_path_factory) -> Finished:
    """How the job ends in process, undisturbed."""
    finished = run(InProcessRuntime(), spec, tmp_path_factory.mktemp("inprocess"))[-1]
    assert isinstance(finished, Finished)
    return finished


def run(
    runtime,
    spec: JobSpec,
    folder: Path,
    at: Callable[[Report, Callable[[Stop], None]], None] | None = None,
    **order,
) -> list[Any]:
    """Train to the end; `at` sees each report and may stop the job or do harm."""
    execution = runtime.execute(JobOrder("job", 1, spec, folder, **order))
    reports = []
    for report in execution.reports():
        reports.append(report)
        if at is not None:
            at(report, execution.stop)
    return reports


def told(reports: list[Any], kind: type) -> list[Any]:
    return [report for report in reports if isinstance(report, kind)]


def kill_once(actor: str, when: type):
    """Kill one process of this actor at the first report of this kind."""
    done = []

    def at(report, stop):
        if isinstance(report, when) and not done:
            done.append(report)
            os.kill(processes(actor)[0], signal.SIGKILL)

    return at


@pytest.mark.parametrize(("workers", "shards"), [(1, 1), (4, 3)])
def test_ray_gives_the_same_bytes_as_one_process(runtime, spec, expected, tmp_path, workers, shards):
    changed = spec.with_overrides([f"cluster.workers={workers}", f"cluster.parameter_servers={shards}"])
    finished = run(runtime, changed, tmp_path)[-1]
    assert (finished.outcome, finished.digest) == (Outcome.SUCCEEDED, expected.digest)
    assert finished.metrics == expected.metrics


@pytest.mark.parametrize("when", [Started, Progress])
def test_a_worker_killed_by_a_signal_changes_no_byte(runtime, spec, expected, tmp_path, when):
    reports = run(runtime, spec, tmp_path, kill_once("GradientWorkerActor", when))
    assert [lost.kind for lost in told(reports, MemberLost)] == [Role.WORKER]
    finished = reports[-1]
    assert (finished.outcome, finished.digest) == (Outcome.SUCCEEDED, expected.digest)


def test_a_parameter_server_killed_by_a_signal_changes_no_byte(runtime, spec, expected, tmp_path):
    reports = run(runtime, spec, tmp_path, kill_once("ParameterServerActor", Started))
    assert [lost.kind for lost in told(reports, MemberLost)] == [Role.PARAMETER_SERVER]
    assert [joined.kind for joined in told(reports, MemberJoined)] == [Role.PARAMETER_SERVER]
    assert (reports[-1].outcome, reports[-1].digest) == (Outcome.SUCCEEDED, expected.digest)


def test_the_only_worker_killed_by_a_signal_is_replaced(runtime, spec, expected, tmp_path):
    alone = spec.with_overrides(["cluster.workers=1"])
    kill, desks = kill_once("GradientWorkerActor", Started), []

    def at(report, stop):
        kill(report, stop)
        if isinstance(report, MemberJoined):
            desks.extend(path.name for path in exchange_folder().glob("desk-*"))

    reports = run(runtime, alone, tmp_path, at)
    assert desks == ["desk-1"]
    assert [joined.kind for joined in told(reports, MemberJoined)] == [Role.WORKER]
    assert (reports[-1].outcome, reports[-1].digest) == (Outcome.SUCCEEDED, expected.digest)


def test_a_stopped_worker_and_a_stopped_shard_are_dead_before_others_take_over(
    runtime, spec, expected, tmp_path
):
    actors = {Role.WORKER: "GradientWorkerActor", Role.PARAMETER_SERVER: "ParameterServerActor"}
    stopped = {}

    def at(report, stop):
        if isinstance(report, Started):
            for role, actor in actors.items():
                stopped[role] = processes(actor)[0]
                os.kill(stopped[role], signal.SIGSTOP)
        if isinstance(report, MemberLost):
            # Where it lived, waking it up would let it go on.
            assert stopped[report.kind] not in processes(actors[report.kind])
            with suppress(ProcessLookupError):
                os.kill(stopped[report.kind], signal.SIGCONT)

    # With one worker, so that there is no end without the replacements of both.
    reports = run(runtime, spec.with_overrides(["cluster.workers=1"]), tmp_path, at)
    lost = told(reports, MemberLost)
    assert {report.kind for report in told(reports, MemberJoined)} == set(actors)
    assert {report.kind for report in lost} == {Role.WORKER, Role.PARAMETER_SERVER} and len(lost) == 2
    assert all("no sign of life" in report.reason for report in lost)
    assert (reports[-1].outcome, reports[-1].digest) == (Outcome.SUCCEEDED, expected.digest)


def test_a_job_grows_when_a_processor_becomes_free_and_takes_sigterm_for_a_notice(runtime, spec, tmp_path):
    elastic = spec.with_overrides(["cluster.workers={min: 1, max: 2}", "training.epochs=1000000"])

    # In here, so that Ray's process gets it without having to import this file and what it imports.
    class Other:
        """Somebody else's work on the same machine."""

        def begun(self) -> None:
            """Returns once it has a processor."""

    everything = ray.cluster_resources()["CPU"]
    other = actor_class(Other, num_cpus=everything - min(1.0, everything / 2)).remote()
    ray.get(other.begun.remote())

    def at(report, stop):
        if isinstance(report, Started):
            ray.kill(other)
        if isinstance(report, CrewChanged) and report.workers == 2:
            os.kill(processes("GradientWorkerActor")[0], signal.SIGTERM)
        if isinstance(report, MemberJoined):
            stop(Stop.PAUSE)

    reports = run(runtime, elastic, tmp_path, at)
    [started] = told(reports, Started)
    assert started.workers == 1
    assert [changed.workers for changed in told(reports, CrewChanged)][:3] == [2, 1, 2]
    [lost] = told(reports, MemberLost)
    assert lost.reason == "it was given notice to end" and "handed over" in lost.action
    assert reports[-1].outcome is Outcome.PAUSED
    assert_no_process_is_left()


@pytest.mark.parametrize("mode", ["async", "{bounded: {staleness: 1}}"])
def test_without_sync_a_worker_and_a_shard_killed_by_signals_lose_no_mini_batch(
    runtime, spec, tmp_path, mode
):
    changed = spec.with_overrides([f"training.consistency={mode}", "training.epochs=20"])
    kill_worker, kill_shard = (
        kill_once(actor, Started) for actor in ("GradientWorkerActor", "ParameterServerActor")
    )

    def at(report, stop):
        kill_worker(report, stop)
        kill_shard(report, stop)

    reports = run(runtime, changed, tmp_path, at)
    assert {lost.kind for lost in told(reports, MemberLost)} == {Role.WORKER, Role.PARAMETER_SERVER}
    assert reports[-1].outcome is Outcome.SUCCEEDED
    epochs = told(reports, EpochCompleted)
    assert [sum(epoch.staleness) for epoch in epochs] == [45] * 20
    if mode != "async":
        assert all(len(epoch.staleness) <= 2 for epoch in epochs)
    assert reports[-1].metrics["accuracy"] > 0.9


def test_local_steps_give_the_bytes_of_one_process_though_a_worker_is_killed(runtime, spec, tmp_path):
    changed = spec.with_overrides(["training.average_every=8", "training.epochs=20"])
    for folder in ("here", "ray"):
        (tmp_path / folder).mkdir()
    here = run(InProcessRuntime(), changed, tmp_path / "here")[-1]
    reports = run(runtime, changed, tmp_path / "ray", kill_once("GradientWorkerActor", Started))
    assert [lost.kind for lost in told(reports, MemberLost)] == [Role.WORKER]
    assert (reports[-1].outcome, reports[-1].digest) == (Outcome.SUCCEEDED, here.digest)


def test_a_coordinator_killed_by_a_signal_goes_on_from_the_last_checkpoint(runtime, spec, expected, tmp_path):
    reports = run(runtime, spec, tmp_path, kill_once("CoordinatorActor", CheckpointSaved))
    [lost] = told(reports, MemberLost)
    assert lost.kind is Role.COORDINATOR and "from the checkpoint of step" in lost.action
    assert told(reports, Started)[1].step >= 45
    assert (reports[-1].outcome, reports[-1].digest) == (Outcome.SUCCEEDED, expected.digest)


def test_a_paused_job_continues_to_the_same_bytes(runtime, spec, expected, tmp_path):
    def pause(report, stop):
        if isinstance(report, EpochCompleted) and report.epoch == 10:
            stop(Stop.PAUSE)

    paused = run(runtime, spec, tmp_path, pause)[-1]
    assert paused.outcome is Outcome.PAUSED and paused.checkpoint_step == paused.step < 60 * 45
    assert run(runtime, spec, tmp_path, resume=True)[-1].digest == expected.digest


def test_a_kill_ends_every_process_and_leaves_no_shared_memory(runtime, spec, tmp_path):
    folders = []

    def kill(report, stop):
        if isinstance(report, Started):
            folders.append(exchange_folder())
            stop(Stop.KILL)

    assert run(runtime, spec, tmp_path, kill)[-1].outcome is Outcome.CANCELLED
    assert not folders[0].exists()
    assert_no_process_is_left()


def test_after_a_job_no_process_and_no_shared_memory_is_left(runtime, spec, tmp_path):
    folders = []

    def look(report, stop):
        if isinstance(report, Started):
            folders.append(exchange_folder())
            assert folders[0].exists()

    run(runtime, spec.with_overrides(["training.epochs=1"]), tmp_path, look)
    assert not folders[0].exists()
    assert_no_process_is_left()


def test_bad_data_found_by_the_job_fails_it_with_a_reason(runtime, spec, tmp_path):
    missing = spec.with_overrides([f"dataset={{source: csv, path: {tmp_path / 'nothing.csv'}}}"])
    finished = run(runtime, missing, tmp_path)[-1]
    assert (finished.outcome, finished.reason) == (Outcome.FAILED, Reason.DATA_INVALID)
    assert "nothing.csv" in finished.message
