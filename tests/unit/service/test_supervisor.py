"""What becomes of jobs when users, the runtime, the store and the service itself do what they can do."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chainrule.service.jobs import run
from chainrule.service.jobs.errors import Reason, ServiceFault, StoreError
from chainrule.service.jobs.job import Job
from chainrule.service.jobs.sql_store import SqlStore
from chainrule.service.jobs.states import JobState
from chainrule.service.jobs.store import Decision, MemoryStore, RequestKey
from chainrule.worker.reports import (
    CheckpointSaved,
    EpochCompleted,
    Finished,
    MemberLost,
    Outcome,
    Progress,
    Role,
)
from chainrule.worker.reports import Reason as Failure
from chainrule.worker.runtime import Stop

S = JobState
# The class lives in conftest.py, which cannot be imported.
Stage = Any
PAUSED = Finished(Outcome.PAUSED, 40, 4, checkpoint_step=40)
CANCELLED = Finished(Outcome.CANCELLED, 40, 4, checkpoint_step=40)
SUCCEEDED = Finished(Outcome.SUCCEEDED, 100, 10, {"loss": 0.1}, "digest", None, 100)
SECONDS = 20.0


def refused(call: Callable[[], object]) -> ServiceFault:
    with pytest.raises(ServiceFault) as caught:
        call()
    return caught.value


class TestRunning:
    def test_a_job_goes_from_the_queue_to_its_end(self, stage: Stage) -> None:
        job_id, execution = stage.running()
        execution.say(Progress(10, 1, 0.5, 100.0, 9.0), SUCCEEDED)
        job = stage.reaches(job_id, S.SUCCEEDED)
        assert stage.states(job_id) == [S.QUEUED, S.STARTING, S.RUNNING, S.SUCCEEDED]
        assert (job.attempt, job.metrics, job.checkpoint_step) == (1, {"loss": 0.1}, 100)
        assert job.progress is not None
        assert job.progress.step == 100
        assert job.end_time is not None

    def test_reports_fill_in_what_the_job_tells(self, stage: Stage) -> None:
        job_id, execution = stage.running()
        execution.say(
            Progress(5, 1, 0.7, 100.0, 9.0),
            EpochCompleted(1, 10, 0.6, {"loss": 0.4, "accuracy": 0.8}, 0.1),
            CheckpointSaved(10, 1, "abc"),
            MemberLost(Role.WORKER, 1, 10, "it died", "replaced"),
        )
        job = stage.wait_for(job_id, lambda job: job.checkpoint_step == 10)
        assert job.metrics == {"loss": 0.4, "accuracy": 0.8}
        assert (job.progress.step, job.progress.loss, job.progress.epochs) == (10, 0.6, 10)

    def test_one_job_runs_at_a_time_and_the_oldest_goes_first(self, stage: Stage) -> None:
        first, execution = stage.running()
        second, third = stage.create(), stage.create()
        assert stage.store.get(second).state is stage.store.get(third).state is S.QUEUED
        execution.say(SUCCEEDED)
        following = stage.runtime.next()
        assert following.order.job_id == second
        following.say(SUCCEEDED)
        assert stage.runtime.next().order.job_id == third
        assert stage.store.get(first).state is S.SUCCEEDED

    def test_a_failure_is_told_with_its_reason(self, stage: Stage) -> None:
        job_id, execution = stage.running()
        execution.say(
            Finished(Outcome.FAILED, 7, 1, reason=Failure.DIVERGED, message="not finite after step 7")
        )
        job = stage.reaches(job_id, S.FAILED)
        assert (job.error.reason, job.error.message, job.error.step) == (
            "DIVERGED",
            "not finite after step 7",
            7,
        )


class TestBrokenRuntimes:
    @pytest.mark.parametrize("error", [ValueError("a riddle"), SystemExit(3)], ids=["exception", "exit"])
    def test_an_exception_among_the_reports_fails_the_job_and_the_next_one_runs(
        self, stage: Stage, error: BaseException
    ) -> None:
        job_id, execution = stage.running()
        waiting = stage.create()
        execution.say(error)
        job = stage.reaches(job_id, S.FAILED)
        assert job.error.reason == "INTERNAL"
        assert str(error) in job.error.message
        assert execution.stops.get(timeout=SECONDS) is Stop.KILL
        assert stage.runtime.next().order.job_id == waiting

    def test_a_report_that_cannot_be_stored_fails_the_job(
        self, make_stage: Callable[..., Stage], tmp_path: Path
    ) -> None:
        stage = make_stage(store=SqlStore(tmp_path / "jobs.sqlite3"))
        job_id, execution = stage.running()
        execution.say(EpochCompleted(1, 10, 0.5, {"loss": object()}, 0.1))  # pyright: ignore[reportArgumentType]
        job = stage.reaches(job_id, S.FAILED)
        assert job.error.reason == "INTERNAL"
        assert "not JSON serializable" in job.error.message

    def test_reports_that_end_without_a_last_one_fail_the_job(self, stage: Stage) -> None:
        job_id, execution = stage.running()
        execution.say(None)
        job = stage.reaches(job_id, S.FAILED)
        assert job.error.reason == "INTERNAL"
        assert "without saying what became of the job" in job.error.message

    def test_a_runtime_that_cannot_begin_fails_the_job(self, stage: Stage) -> None:
        stage.runtime.failure = OSError("no processes left")
        job = stage.reaches(stage.create(), S.FAILED)
        assert "no processes left" in job.error.message

    def test_a_model_that_is_not_there_fails_the_job(self, stage: Stage) -> None:
        job_id, execution = stage.running()
        execution.say(replace(SUCCEEDED, model="model.safetensors"))
        job = stage.reaches(job_id, S.FAILED)
        assert job.error.reason == "STORAGE_FAILED"
        assert "cannot be read back" in job.error.message


class TestCancel:
    def test_a_queued_job_is_cancelled_at_once_and_never_starts(self, stage: Stage) -> None:
        _, execution = stage.running()
        waiting = stage.create()
        assert stage.supervisor.cancel(waiting).state is S.CANCELLED
        execution.say(SUCCEEDED)
        after = stage.create()
        assert stage.runtime.next().order.job_id == after

    def test_a_running_job_is_cancelling_until_its_processes_have_ended(self, stage: Stage) -> None:
        job_id, execution = stage.running()
        assert stage.supervisor.cancel(job_id).state is S.CANCELLING
        assert execution.stops.get(timeout=SECONDS) is Stop.CANCEL
        execution.say(CANCELLED)
        assert stage.reaches(job_id, S.CANCELLED).checkpoint_step == 40

    def test_a_starting_job_is_cancelled_before_anything_is_executed(self, stage: Stage) -> None:
        stage.runtime.ready.clear()
        job_id = stage.create()
        assert stage.runtime.starting.wait(SECONDS)
        assert stage.supervisor.cancel(job_id).state is S.CANCELLING
        stage.runtime.ready.set()
        stage.reaches(job_id, S.CANCELLED)
        assert stage.runtime.executions.empty()

    def test_a_job_that_is_being_paused_can_be_cancelled(self, stage: Stage) -> None:
        job_id, execution = stage.running()
        stage.supervisor.pause(job_id)
        stage.supervisor.cancel(job_id)
        assert [execution.stops.get(timeout=SECONDS) for _ in range(2)] == [Stop.PAUSE, Stop.CANCEL]
        execution.say(PAUSED)
        assert stage.reaches(job_id, S.CANCELLED).checkpoint_step == 40
        assert stage.states(job_id)[-3:] == [S.PAUSING, S.CANCELLING, S.CANCELLED]

    def test_a_job_that_succeeds_before_the_cancel_reaches_it_has_succeeded(self, stage: Stage) -> None:
        job_id, execution = stage.running()
        stage.supervisor.cancel(job_id)
        execution.say(SUCCEEDED)
        stage.reaches(job_id, S.SUCCEEDED)

    def test_cancelling_twice_changes_nothing(self, stage: Stage) -> None:
        _, _ = stage.running()
        waiting = stage.create()
        assert stage.supervisor.cancel(waiting) == stage.supervisor.cancel(waiting)
        assert stage.states(waiting) == [S.QUEUED, S.CANCELLED]

    def test_cancelling_a_job_that_has_succeeded_is_refused(self, stage: Stage) -> None:
        job_id, execution = stage.running()
        execution.say(SUCCEEDED)
        stage.reaches(job_id, S.SUCCEEDED)
        fault = refused(lambda: stage.supervisor.cancel(job_id))
        assert fault.reason is Reason.STATE_CONFLICT
        assert "SUCCEEDED" in str(fault)

    def test_a_job_that_does_not_listen_is_killed(self, make_stage: Callable[..., Stage]) -> None:
        stage = make_stage(cancel_seconds=0.05)
        job_id, execution = stage.running()
        stage.runtime.obeys[Stop.KILL] = Finished(Outcome.CANCELLED, 12, 1)
        stage.supervisor.cancel(job_id)
        stage.reaches(job_id, S.CANCELLED)
        assert [execution.stops.get(timeout=SECONDS) for _ in range(2)] == [Stop.CANCEL, Stop.KILL]

    def test_a_job_that_cannot_even_be_killed_is_given_up_and_the_next_one_runs(
        self, make_stage: Callable[..., Stage], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(run, "_KILL_SECONDS", 0.05)
        stage = make_stage(cancel_seconds=0.05)
        job_id, execution = stage.running()
        waiting = stage.create()
        stage.supervisor.cancel(job_id)
        job = stage.reaches(job_id, S.CANCELLED)
        assert "did not stop" in job.state_message
        assert stage.runtime.next().order.job_id == waiting
        last = stage.store.last_sequence(job_id)
        execution.say(Progress(50, 5, 0.5, 1.0, 1.0), SUCCEEDED)
        stage.supervisor.cancel(waiting)
        assert stage.store.last_sequence(job_id) == last


class TestPauseAndResume:
    def test_a_paused_job_goes_on_from_its_checkpoint(self, stage: Stage) -> None:
        job_id, execution = stage.running()
        assert execution.order.resume is False
        assert stage.supervisor.pause(job_id).state is S.PAUSING
        execution.say(PAUSED)
        stage.reaches(job_id, S.PAUSED)
        stage.supervisor.resume(job_id)
        again = stage.runtime.next()
        assert (again.order.resume, again.order.attempt) == (True, 2)
        again.say(SUCCEEDED)
        stage.reaches(job_id, S.SUCCEEDED)

    def test_a_job_paused_in_the_queue_waits_for_its_resumption(self, stage: Stage) -> None:
        _, execution = stage.running()
        waiting = stage.create()
        assert stage.supervisor.pause(waiting).state is S.PAUSED
        execution.say(SUCCEEDED)
        stage.supervisor.resume(waiting)
        assert stage.runtime.next().order.resume is False

    def test_a_paused_job_can_be_cancelled(self, stage: Stage) -> None:
        _, _ = stage.running()
        waiting = stage.create()
        stage.supervisor.pause(waiting)
        assert stage.supervisor.cancel(waiting).state is S.CANCELLED

    def test_only_a_paused_job_is_resumed(self, stage: Stage) -> None:
        job_id, _ = stage.running()
        assert refused(lambda: stage.supervisor.resume(job_id)).reason is Reason.STATE_CONFLICT

    def test_pauses_and_cancels_from_everywhere_at_once_end_in_one_terminal_state(self, stage: Stage) -> None:
        stage.runtime.obeys.update({Stop.PAUSE: PAUSED, Stop.CANCEL: CANCELLED})
        job_ids = [stage.create() for _ in range(6)]
        asks = [stage.supervisor.pause, stage.supervisor.cancel] * 3

        def ask(job_id: str, how: Callable[[str], Job]) -> Reason:
            try:
                how(job_id)
            except ServiceFault as fault:
                return fault.reason
            return Reason.STATE_CONFLICT

        with ThreadPoolExecutor(12) as pool:
            answers = [pool.submit(ask, job_id, how) for job_id in job_ids for how in asks]
        assert {answer.result() for answer in answers} == {Reason.STATE_CONFLICT}
        for job_id in job_ids:
            stage.reaches(job_id, S.CANCELLED)
            events = stage.store.events(job_id, 0, 1000)
            assert [event.terminal for event in events] == [False] * (len(events) - 1) + [True]


class TestDelete:
    def test_a_job_is_deleted_only_after_its_end(self, stage: Stage) -> None:
        job_id, execution = stage.running()
        assert refused(lambda: stage.supervisor.delete(job_id)).reason is Reason.STATE_CONFLICT
        folder = stage.config.jobs_folder / job_id
        (folder / "model.safetensors").write_bytes(b"weights")
        execution.say(SUCCEEDED)
        stage.reaches(job_id, S.SUCCEEDED)
        stage.supervisor.delete(job_id)
        assert not folder.exists()
        assert list(stage.config.jobs_folder.iterdir()) == []
        assert refused(lambda: stage.store.get(job_id)).reason is Reason.JOB_NOT_FOUND

    def test_a_job_that_another_one_needs_is_kept(self, stage: Stage) -> None:
        job_id, execution = stage.running()
        execution.say(SUCCEEDED)
        stage.reaches(job_id, S.SUCCEEDED)
        stage.create(continue_from=job_id)
        following = stage.runtime.next()
        assert following.order.continue_from == stage.config.jobs_folder / job_id
        assert refused(lambda: stage.supervisor.delete(job_id)).reason is Reason.JOB_IN_USE

    def test_a_deletion_that_a_crash_cut_short_is_undone_or_completed(
        self, make_stage: Callable[..., Stage]
    ) -> None:
        stage = make_stage()
        job_id, execution = stage.running()
        execution.say(SUCCEEDED)
        stage.reaches(job_id, S.SUCCEEDED)
        jobs = stage.config.jobs_folder
        (jobs / job_id).rename(jobs / f".deleted-{job_id}")
        (jobs / ".deleted-gone").mkdir()
        make_stage(store=stage.store)
        assert [path.name for path in jobs.iterdir()] == [job_id]


class TestSources:
    def test_a_job_without_a_checkpoint_cannot_be_continued(self, stage: Stage) -> None:
        _, _ = stage.running()
        waiting = stage.create()
        stage.supervisor.cancel(waiting)
        assert refused(lambda: stage.create(continue_from=waiting)).reason is Reason.NO_CHECKPOINT

    def test_a_running_job_cannot_be_continued_by_another(self, stage: Stage) -> None:
        job_id, execution = stage.running()
        execution.say(CheckpointSaved(10, 1, "abc"))
        stage.wait_for(job_id, lambda job: job.checkpoint_step == 10)
        assert refused(lambda: stage.create(continue_from=job_id)).reason is Reason.STATE_CONFLICT


class TestServiceEnd:
    def test_a_stopping_service_pauses_its_job_and_keeps_it_in_the_queue(
        self, make_stage: Callable[..., Stage]
    ) -> None:
        stage = make_stage(resume_interrupted=True)
        stage.runtime.obeys[Stop.PAUSE] = PAUSED
        job_id, _ = stage.running()
        stage.supervisor.stop()
        job = stage.store.get(job_id)
        assert (job.state, job.checkpoint_step) == (S.QUEUED, 40)
        assert "the service stopped at step 40" in job.state_message
        again = make_stage(store=stage.store, resume_interrupted=True)
        assert again.runtime.next().order.resume is True

    def test_an_embedded_service_leaves_its_job_paused(self, stage: Stage) -> None:
        stage.runtime.obeys[Stop.PAUSE] = PAUSED
        job_id, _ = stage.running()
        stage.supervisor.stop()
        assert stage.store.get(job_id).state is S.PAUSED

    def test_a_job_that_was_being_cancelled_is_cancelled_at_the_end(self, stage: Stage) -> None:
        stage.runtime.obeys[Stop.KILL] = Finished(Outcome.CANCELLED, 40, 4)
        job_id, _ = stage.running()
        stage.supervisor.cancel(job_id)
        stage.supervisor.stop(at_once=True)
        assert stage.store.get(job_id).state is S.CANCELLED

    def test_a_second_stop_hurries_the_first(self, stage: Stage) -> None:
        stage.runtime.obeys[Stop.KILL] = Finished(Outcome.CANCELLED, 40, 4)
        job_id, execution = stage.running()
        first = threading.Thread(target=stage.supervisor.stop)
        first.start()
        assert execution.stops.get(timeout=SECONDS) is Stop.PAUSE
        stage.supervisor.stop(at_once=True)
        first.join(SECONDS)
        assert not first.is_alive()
        assert stage.store.get(job_id).state is S.PAUSED

    def test_a_stopping_service_takes_no_jobs(self, stage: Stage) -> None:
        stage.supervisor.stop()
        assert refused(stage.create).reason is Reason.STOPPING


class TestAfterACrash:
    @pytest.fixture
    def crashed(self, make_stage: Callable[..., Stage]) -> Stage:
        """As a killed service leaves it: one job runs at step 17 with a checkpoint at 10, one waits."""
        stage = make_stage()
        stage.job_id, execution = stage.running()
        execution.say(CheckpointSaved(10, 1, "abc"), Progress(17, 2, 0.5, 10.0, 1.0))
        stage.wait_for(stage.job_id, lambda job: job.progress.step == 17)
        stage.waiting = stage.create()
        return stage

    def restarted(self, make_stage: Callable[..., Stage], crashed: Stage, **settings: object) -> Stage:
        copy = MemoryStore()
        with crashed.store._lock:
            copy._jobs, copy._events = (
                dict(crashed.store._jobs),
                {key: list(events) for key, events in crashed.store._events.items()},
            )
        return make_stage(store=copy, **settings)

    def test_a_server_goes_on_by_itself_and_says_from_where(
        self, make_stage: Callable[..., Stage], crashed: Stage
    ) -> None:
        again = self.restarted(make_stage, crashed, resume_interrupted=True)
        execution = again.runtime.next()
        assert (execution.order.job_id, execution.order.resume) == (crashed.job_id, True)
        reports = [event.report for event in again.store.events(crashed.job_id, 0, 100)]
        [lost] = [report.message for report in reports if "killed" in getattr(report, "message", "")]
        assert "at step 17 or later" in lost
        assert "from the checkpoint of step 10" in lost

    def test_an_embedded_service_pauses_what_it_finds_and_a_server_takes_it_up_again(
        self, make_stage: Callable[..., Stage], crashed: Stage
    ) -> None:
        embedded = self.restarted(make_stage, crashed)
        assert {embedded.store.get(job).state for job in (crashed.job_id, crashed.waiting)} == {S.PAUSED}
        assert embedded.runtime.executions.empty()
        embedded.supervisor.stop()
        server = self.restarted(make_stage, embedded, resume_interrupted=True)
        assert server.runtime.next().order.job_id == crashed.job_id
        assert server.store.get(crashed.waiting).state is S.QUEUED

    def test_a_server_leaves_a_job_paused_that_a_user_paused(self, make_stage: Callable[..., Stage]) -> None:
        stage = make_stage()
        _, _ = stage.running()
        waiting = stage.create()
        stage.supervisor.pause(waiting)
        again = self.restarted(make_stage, stage, resume_interrupted=True)
        assert again.store.get(waiting).state is S.PAUSED

    def test_what_was_asked_for_before_the_crash_is_done(
        self, make_stage: Callable[..., Stage], crashed: Stage
    ) -> None:
        crashed.supervisor.pause(crashed.job_id)
        paused = self.restarted(make_stage, crashed, resume_interrupted=True)
        assert paused.store.get(crashed.job_id).state is S.PAUSED
        crashed.supervisor.cancel(crashed.job_id)
        cancelled = self.restarted(make_stage, crashed, resume_interrupted=True)
        assert cancelled.store.get(crashed.job_id).state is S.CANCELLED

    def test_a_job_that_brings_the_service_down_again_and_again_fails(
        self, make_stage: Callable[..., Stage], crashed: Stage
    ) -> None:
        stage = crashed
        for _ in range(2):
            stage = self.restarted(make_stage, stage, resume_interrupted=True)
            assert stage.runtime.next().order.job_id == crashed.job_id
        stage = self.restarted(make_stage, stage, resume_interrupted=True)
        job = stage.store.get(crashed.job_id)
        assert job.state is S.FAILED
        assert job.error.reason == "SERVICE_LOST_REPEATEDLY"
        assert "3 times in a row" in job.error.message

    def test_a_new_checkpoint_makes_up_for_earlier_crashes(
        self, make_stage: Callable[..., Stage], crashed: Stage
    ) -> None:
        stage = crashed
        for step in (20, 30, 40, 50):
            stage = self.restarted(make_stage, stage, resume_interrupted=True)
            stage.runtime.next().say(CheckpointSaved(step, 1, "abc"))
            stage.wait_for(crashed.job_id, lambda job, step=step: job.checkpoint_step == step)
        assert stage.store.get(crashed.job_id).interruptions == 0


class FailingStore(MemoryStore):
    """A store whose disk is full for the next `failures` changes."""

    def __init__(self) -> None:
        super().__init__()
        self.failures = 0

    def change(self, job_id: str, decide: Decision) -> Job:
        if self.failures > 0:
            self.failures -= 1
            raise StoreError(Reason.STORAGE_FULL, "the disk is full")
        return super().change(job_id, decide)


class TestBrokenStores:
    def test_progress_that_cannot_be_stored_is_left_out(self, make_stage: Callable[..., Stage]) -> None:
        stage = make_stage(store=FailingStore())
        job_id, execution = stage.running()
        stage.store.failures = 1
        execution.say(Progress(5, 1, 0.5, 1.0, 1.0), Progress(6, 1, 0.5, 1.0, 1.0))
        stage.wait_for(job_id, lambda job: job.progress.step == 6)
        assert len(stage.store.events(job_id, 0, 100)) == stage.store.last_sequence(job_id) == 5

    def test_other_reports_are_stored_when_the_store_recovers(self, make_stage: Callable[..., Stage]) -> None:
        stage = make_stage(store=FailingStore())
        job_id, execution = stage.running()
        stage.store.failures = 2
        execution.say(CheckpointSaved(10, 1, "abc"))
        stage.wait_for(job_id, lambda job: job.checkpoint_step == 10)

    def test_a_store_that_stays_broken_fails_the_job(
        self, make_stage: Callable[..., Stage], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(run, "_LONGEST_DELAY", 0.01)
        stage = make_stage(store=FailingStore())
        job_id, execution = stage.running()
        stage.store.failures = 10
        execution.say(CheckpointSaved(10, 1, "abc"))
        assert execution.stops.get(timeout=SECONDS) is Stop.KILL
        job = stage.reaches(job_id, S.FAILED)
        assert (job.error.reason, job.error.message) == ("STORAGE_FULL", "the disk is full")


def test_a_repeated_request_makes_one_job(stage: Stage) -> None:
    request = RequestKey("r", "body")
    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(lambda _: stage.create(request=request), range(16)))
    assert len(ids) == 1
