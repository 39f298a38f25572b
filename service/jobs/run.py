"""One attempt to run one job: follows its reports into the store and sees to it that it ends."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ...worker.durable import storage_errors
from ...worker.errors import JobError as WorkerError
from ...worker.failures import describe_failure
from ...worker.reports import Finished, Outcome, Progress, Reason, Report
from ...worker.runtime import Execution, JobOrder, Runtime, Stop
from ...worker.spec import parse_spec
from .code_gate import CodeGate
from .errors import StoreError
from .job import Job, ModelFile
from .lifecycle import Change, apply_report, finish, interrupt
from .states import JobState
from .store import Decision, Store

_KILL_SECONDS = 10.0
_STORE_RETRIES = 6
_LONGEST_DELAY = 5.0
_STRENGTH = {Stop.PAUSE: 0, Stop.CANCEL: 1, Stop.KILL: 2}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Surroundings:
    """What an attempt works with: `notify` is called with the job's id after each change."""

    store: Store
    runtime: Runtime
    jobs_folder: Path
    gate: CodeGate
    notify: Callable[[str], None]
    resume_interrupted: bool
    max_attempts: int


class _Abandoned(Exception):
    """Nobody waits for this attempt any more; it must not write."""


class JobRun:
    """An attempt: `start` begins it in its own thread, `wait` tells when the job has a state to stay in."""

    def __init__(self, job_id: str, surroundings: Surroundings) -> None:
        self.job_id = job_id
        self._surroundings = surroundings
        self._store = surroundings.store
        self._lock = threading.Lock()
        self._execution: Execution | None = None
        self._stop: Stop | None = None
        self._because: str | None = None
        self._told: JobState | None = None
        self._abandoned = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"job-{job_id}", daemon=True)

    def start(self) -> None:
        """Begins."""
        try:
            self._thread.start()
        except RuntimeError:
            log.exception("job %s: no thread could be started", self.job_id)
            self._abandon()

    def wait(self, seconds: float | None = None) -> bool:
        """Blocks until it is over, at most so long; returns whether it is over."""
        return self._over.wait(seconds)

    def stop(self, how: Stop, because: str | None = None) -> None:
        """Asks it to end, from any thread; a weaker request after a stronger one changes nothing.

        `because` is given where the service stops the attempt for a reason of its own.
        """
        with self._lock:
            self._because = self._because or because
            if self._stop is not None and _STRENGTH[how] <= _STRENGTH[self._stop]:
                return
            self._stop, execution = how, self._execution
        if execution is not None:
            self._ask(execution, how)

    def stop_within(self, how: Stop, seconds: float, because: str | None = None) -> None:
        """Asks it to end and blocks until it has: by force after `seconds`, and not for ever."""
        self.stop(how, because)
        if self.wait(seconds):
            return
        log.warning("job %s did not stop within %g s and is killed", self.job_id, seconds)
        self.stop(Stop.KILL, because)
        if not self.wait(_KILL_SECONDS):
            self._abandon()

    def _run(self) -> None:
        try:
            try:
                finished = self._execute()
            except _Abandoned:
                return
            except BaseException as error:
                # Also one that would only have ended the thread: the job must not stay RUNNING for ever.
                finished = self._failed(error)
            self._settle(finished)
        except _Abandoned:
            log.warning("job %s ended after it had been given up", self.job_id)
        finally:
            self._over.set()

    def _execute(self) -> Finished:
        job = self._store.get(self.job_id)
        self._surroundings.gate.check(job.spec)
        folder = self._surroundings.jobs_folder / job.id
        order = JobOrder(
            job_id=job.id,
            attempt=job.attempt,
            spec=parse_spec(job.spec),
            folder=folder,
            resume=job.attempt > 1,
            continue_from=self._surroundings.jobs_folder / job.continue_from if job.continue_from else None,
        )
        with storage_errors("The job's folder", folder):
            folder.mkdir(parents=True, exist_ok=True)
        self._surroundings.runtime.start()
        with self._lock:
            stop = self._stop
            if stop is None:
                self._execution = self._surroundings.runtime.execute(order)
        if self._execution is None:
            outcome = Outcome.PAUSED if stop is Stop.PAUSE else Outcome.CANCELLED
            return _last_known(job, outcome)
        return self._follow(self._execution, job)

    def _follow(self, execution: Execution, job: Job) -> Finished:
        finished: Finished | None = None
        try:
            # The loop goes on after Finished: the runtime cleans up there.
            for report in execution.reports():
                if isinstance(report, Finished):
                    finished = report
                else:
                    self._record(report)
        except BaseException:
            self._ask(execution, Stop.KILL)
            if finished is None:
                raise
            log.exception("job %s: the runtime failed after the job's end", self.job_id)
        if finished is None:
            message = (
                "the runtime ended without saying what became of the job; the service's log may tell more"
            )
            finished = replace(_last_known(job, Outcome.FAILED), reason=Reason.INTERNAL, message=message)
        return finished

    def _ask(self, execution: Execution, how: Stop) -> None:
        try:
            execution.stop(how)
        except Exception:
            log.exception("job %s could not be asked to stop", self.job_id)

    def _record(self, report: Report) -> None:
        delay = 0.1
        for retries_left in reversed(range(_STORE_RETRIES)):
            try:
                self._change(lambda job: apply_report(job, report))
                return
            except StoreError as error:
                if isinstance(report, Progress):
                    # Nobody has seen it and the next one replaces it.
                    log.warning("job %s: progress not stored: %s", self.job_id, error)
                    return
                if not retries_left:
                    raise
                log.warning("job %s: %s; trying again", self.job_id, error)
            self._abandoned.wait(delay)
            delay = min(2 * delay, _LONGEST_DELAY)

    def _failed(self, error: BaseException) -> Finished:
        if isinstance(error, StoreError):
            reason = (
                Reason.STORAGE_FULL
                if error.reason.value == Reason.STORAGE_FULL.value
                else Reason.STORAGE_FAILED
            )
            message = str(error)
        else:
            reason, message = describe_failure(
                error if isinstance(error, Exception) else RuntimeError(repr(error))
            )
            if reason is Reason.INTERNAL:
                log.error("job %s failed in the service", self.job_id, exc_info=error)
        return Finished(Outcome.FAILED, -1, -1, reason=reason, message=message)

    def _settle(self, finished: Finished) -> None:
        """Stores how the attempt ended. It tries until it succeeds: until then nothing else may run."""
        delay = 0.1
        while True:
            try:
                model = self._model_file(finished)
                self._change(partial(self._end, finished=finished, model=model))
                return
            except _Abandoned:
                raise
            except StoreError as error:
                log.error("job %s: its end could not be stored, trying again: %s", self.job_id, error)
            except Exception as error:
                log.exception("job %s: its end could not be told", self.job_id)
                reason, message = describe_failure(error)
                finished = Finished(Outcome.FAILED, -1, -1, reason=reason, message=message)
            self._abandoned.wait(delay)
            delay = min(2 * delay, _LONGEST_DELAY)

    def _end(self, job: Job, finished: Finished, model: ModelFile | None) -> Change:
        if finished.step < 0:
            # The service lost track, so where the job last was is all that is known.
            known = _last_known(job, finished.outcome)
            finished = replace(known, reason=finished.reason, message=finished.message)
        with self._lock:
            because = self._because
        return finish(job, finished, model, stopped=because, requeue=self._surroundings.resume_interrupted)

    def _model_file(self, finished: Finished) -> ModelFile | None:
        if finished.outcome is not Outcome.SUCCEEDED or finished.model is None:
            return None
        path = self._surroundings.jobs_folder / self.job_id / finished.model
        sha256, size = hashlib.sha256(), 0
        try:
            with open(path, "rb") as file:
                while block := file.read(1 << 20):
                    sha256.update(block)
                    size += len(block)
        except OSError as error:
            message = f"the trained model cannot be read back from {path}: {error.strerror or error}"
            raise WorkerError(Reason.STORAGE_FAILED, message) from error
        return ModelFile(finished.model, size, sha256.hexdigest(), finished.digest or "")

    def _change(self, decide: Decision) -> None:
        def decide_unless_abandoned(job: Job) -> Change:
            if self._abandoned.is_set():
                raise _Abandoned
            return decide(job)

        job = self._store.change(self.job_id, decide_unless_abandoned)
        if job.state is not self._told:
            self._told = job.state
            log.info("job %s: %s, %s", job.id, job.state.value, job.state_message)
        self._surroundings.notify(self.job_id)

    def _abandon(self) -> None:
        log.error("job %s did not even stop when it was killed; the service gives it up", self.job_id)
        self._abandoned.set()
        surroundings = self._surroundings
        with self._lock:
            what = self._because or "the job did not stop when it was asked to, and was given up"
        resume, attempts = (
            surroundings.resume_interrupted and self._because is not None,
            surroundings.max_attempts,
        )
        try:
            self._store.change(self.job_id, lambda job: _given_up(job, resume, attempts, what))
            surroundings.notify(self.job_id)
        except StoreError as error:
            log.error("job %s: that it was given up could not be stored: %s", self.job_id, error)
        self._over.set()


def _given_up(job: Job, resume: bool, max_attempts: int, what: str) -> Change:
    return interrupt(job, resume, max_attempts, what) if job.state.executing else Change(job)


def _last_known(job: Job, outcome: Outcome) -> Finished:
    """A last report of the service's own, for an execution that did not make one."""
    step, epoch = (job.progress.step, job.progress.epoch) if job.progress else (0, 0)
    return Finished(outcome, step, epoch, job.metrics, checkpoint_step=job.checkpoint_step)
