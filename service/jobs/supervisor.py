"""Takes jobs in, runs one after the other, does what users ask for, and sets right what a crash left."""

from __future__ import annotations

import logging
import shutil
import threading
import uuid
from collections.abc import Callable
from pathlib import Path

from ...worker.inspect import JobSummary
from ...worker.runtime import Runtime, Stop
from ...worker.spec import JobSpec
from ..config import ServiceConfig
from .code_gate import CodeGate
from .errors import Reason, ServiceFault, StoreError, stopping
from .events import StateChanged
from .job import Job, new_job_id
from .lifecycle import Change, interrupt, move, now
from .queue import next_job
from .run import JobRun, Surroundings
from .states import JobState, Trigger
from .store import RequestKey, Store

_STORE_PATIENCE = 1.0
_DELETED = ".deleted-"
_ASKED = {Trigger.PAUSE: "pause requested", Trigger.CANCEL: "cancel requested"}
_STOPS = {JobState.PAUSING: Stop.PAUSE, JobState.CANCELLING: Stop.CANCEL}

log = logging.getLogger(__name__)


class Supervisor:
    """The part of the service that makes things happen. Its methods may block; any thread may call them.

    `notify` is called with a job's id after each change of it.
    """

    def __init__(
        self, store: Store, runtime: Runtime, config: ServiceConfig, notify: Callable[[str], None]
    ) -> None:
        self._store = store
        self._config = config
        self.gate = CodeGate(config.allow_code)
        self._notify = notify
        self._surroundings = Surroundings(
            store,
            runtime,
            config.jobs_folder,
            self.gate,
            notify,
            config.resume_interrupted,
            config.max_attempts,
        )
        self._condition = threading.Condition()
        self._run: JobRun | None = None
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name="queue", daemon=True)

    def start(self) -> None:
        """Sets right what an earlier service left behind, then begins to run jobs."""
        self._finish_deletions()
        for job in self._store.active():
            self._store.change(job.id, self._recover)
        self._thread.start()

    def create(
        self,
        spec: JobSpec,
        summary: JobSummary,
        *,
        job_id: str = "",
        continue_from: str | None = None,
        request: RequestKey | None = None,
    ) -> Job:
        """Puts a job into the queue, durably. A repeated request gets the first one's job.

        Raises ServiceFault: JOB_EXISTS, REQUEST_ID_REUSED, JOB_NOT_FOUND, NO_CHECKPOINT, STOPPING.
        """
        time = now()
        job = Job(
            id=job_id or new_job_id(spec.name),
            uid=str(uuid.uuid4()),
            spec=spec.model_dump_job(),
            state=JobState.QUEUED,
            state_message="waiting for its turn",
            create_time=time,
            update_time=time,
            summary=summary,
            continue_from=continue_from,
        )
        with self._condition:
            if self._stopping:
                raise stopping()
            if continue_from is not None:
                self.check_source(continue_from)
            job = self._store.create(job, StateChanged(job.state, job.state_message), request)
            self._condition.notify_all()
        log.info("job %s: %s", job.id, job.state.value)
        self._notify(job.id)
        return job

    def check_source(self, job_id: str) -> None:
        """Raises ServiceFault where no job can start from a checkpoint of this one."""
        source = self._store.get(job_id)
        if source.checkpoint_step is None:
            message = f"job '{job_id}' has no checkpoint to continue from"
            raise ServiceFault(Reason.NO_CHECKPOINT, message, resource=job_id)
        if source.state.executing or source.state is JobState.QUEUED:
            message = (
                f"job '{job_id}' is {source.state.value}: pause it, or wait for its end, before another one "
                "continues it"
            )
            raise ServiceFault(Reason.STATE_CONFLICT, message, resource=job_id)

    def pause(self, job_id: str) -> Job:
        """Stops a job so that it can go on later; raises ServiceFault (STATE_CONFLICT)."""
        return self._ask(job_id, Trigger.PAUSE)

    def cancel(self, job_id: str) -> Job:
        """Ends a job for good; raises ServiceFault (STATE_CONFLICT)."""
        return self._ask(job_id, Trigger.CANCEL)

    def resume(self, job_id: str) -> Job:
        """Puts a paused job back into the queue; raises ServiceFault (STATE_CONFLICT, CODE_NOT_ALLOWED)."""
        with self._condition:
            if self._stopping:
                raise stopping()
            job = self._store.change(job_id, self._resumed)
            self._condition.notify_all()
        self._notify(job_id)
        return job

    def delete(self, job_id: str) -> None:
        """Deletes a job that has ended, with its folder; raises ServiceFault (STATE_CONFLICT, JOB_IN_USE)."""
        folder = self._config.jobs_folder / job_id
        # Aside first: whatever moment the service dies at, there is a job with its folder, or neither.
        aside = folder.with_name(_DELETED + job_id)
        with self._condition:
            job = self._store.get(job_id)
            if not job.state.terminal:
                message = f"job '{job_id}' is {job.state.value}: cancel it before it is deleted"
                raise ServiceFault(Reason.STATE_CONFLICT, message, resource=job_id)
            for other in self._store.active():
                if other.continue_from == job_id:
                    message = f"job '{other.id}', which has not ended, continues from job '{job_id}'"
                    raise ServiceFault(Reason.JOB_IN_USE, message, resource=job_id)
            try:
                if folder.exists():
                    folder.rename(aside)
            except OSError as error:
                raise StoreError(
                    Reason.STORAGE_FAILED, f"the folder {folder} cannot be deleted: {error.strerror or error}"
                ) from error
            try:
                self._store.delete(job_id)
            except BaseException:
                _put_back(aside, folder)
                raise
        self._notify(job_id)
        shutil.rmtree(aside, ignore_errors=True)

    def stop(self, *, at_once: bool = False) -> None:
        """Ends the running job with a checkpoint (`at_once`: without one) and takes no more. Blocks, bounded.

        A second call with `at_once` hurries a first one.
        """
        with self._condition:
            self._stopping = True
            run = self._run
            self._condition.notify_all()
        if run is not None:
            seconds = 0.0 if at_once else self._config.stop_seconds
            run.stop_within(Stop.KILL if at_once else Stop.PAUSE, seconds, "the service stopped")
        if self._thread.is_alive():
            self._thread.join(_STORE_PATIENCE)

    def _ask(self, job_id: str, trigger: Trigger) -> Job:
        job = self._store.change(job_id, lambda job: move(job, trigger, self._asked(job, trigger)))
        self._notify(job_id)
        how = _STOPS.get(job.state)
        with self._condition:
            run = self._run if self._run is not None and self._run.job_id == job_id else None
            self._condition.notify_all()
        if run is not None and how is Stop.CANCEL:
            # A job that is cancelled has to end, even one whose processes no longer listen.
            threading.Thread(
                target=run.stop_within,
                args=(how, self._config.cancel_seconds),
                name=f"cancel-{job_id}",
                daemon=True,
            ).start()
        elif run is not None and how is not None:
            run.stop(how)
        return job

    def _resumed(self, job: Job) -> Change:
        change = move(job, Trigger.RESUME, "resumed; waiting for its turn")
        self.gate.check(job.spec, job.id)
        return change

    def _asked(self, job: Job, trigger: Trigger) -> str:
        if job.state.executing:
            return f"{_ASKED[trigger]}; saving a checkpoint"
        return "paused before it ran" if trigger is Trigger.PAUSE else "cancelled while it did not run"

    def _work(self) -> None:
        while (run := self._next_run()) is not None:
            self._notify(run.job_id)
            run.start()
            run.wait()
            with self._condition:
                self._run = None

    def _next_run(self) -> JobRun | None:
        """Waits for a job to run and marks it as starting; None when the service stops."""
        with self._condition:
            while not self._stopping:
                try:
                    job = next_job(self._store.active())
                    if job is not None:
                        # Under the same lock as what users ask for: whoever sees STARTING also sees the run.
                        self._store.change(
                            job.id, lambda job: move(job, Trigger.START, "starting its processes")
                        )
                        self._run = JobRun(job.id, self._surroundings)
                        return self._run
                    self._condition.wait()
                except ServiceFault as fault:
                    # Cancelled or deleted between the two steps, or the store does not answer right now.
                    if isinstance(fault, StoreError):
                        log.error("no job can be started: %s", fault)
                        self._condition.wait(_STORE_PATIENCE)
                except Exception:
                    log.exception("no job can be started")
                    self._condition.wait(_STORE_PATIENCE)
        return None

    def _recover(self, job: Job) -> Change:
        resume = self._config.resume_interrupted
        refusal = self.gate.refusal(job.spec) if resume else None
        because = f" ({refusal})" if refusal is not None else ""
        resume = resume and refusal is None
        if job.state.executing:
            what = f"the service was killed, or its machine went down{because}"
            return interrupt(job, resume, self._config.max_attempts, what)
        if job.state is JobState.QUEUED and not resume:
            what = f"its service ended before its turn came{because}"
            return move(job, Trigger.SUSPEND, f"{what}; resume the job to run it")
        if job.suspended and resume:
            return move(job, Trigger.RESUME, "the service is back; waiting for its turn")
        return Change(job)

    def _finish_deletions(self) -> None:
        for aside in self._config.jobs_folder.glob(_DELETED + "*"):
            try:
                self._store.get(aside.name.removeprefix(_DELETED))
            except StoreError:
                raise
            except ServiceFault:
                shutil.rmtree(aside, ignore_errors=True)
            else:
                _put_back(aside, aside.with_name(aside.name.removeprefix(_DELETED)))


def _put_back(aside: Path, folder: Path) -> None:
    if aside.exists() and not folder.exists():
        aside.rename(folder)
