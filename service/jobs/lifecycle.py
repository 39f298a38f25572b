"""What happens to a job: pure functions from one version of it to the next, which the store makes durable."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timezone

from ...worker import reports
from ...worker.reports import Outcome, Report
from .events import Happening, StateChanged
from .job import Job, JobError, JobProgress, ModelFile
from .states import JobState, Trigger, next_state

SERVICE_LOST = "SERVICE_LOST_REPEATEDLY"


@dataclass(frozen=True)
class Change:
    """A job's next version and what happened, in order. Without happenings nothing is to be stored."""

    job: Job
    happenings: tuple[Happening, ...] = ()


def now() -> datetime:
    """The present, in UTC."""
    return datetime.now(timezone.utc)


def move(job: Job, trigger: Trigger, message: str, *, error: JobError | None = None) -> Change:
    """The job after `trigger`, unchanged where the state stays; ServiceFault where the table has no edge."""
    state = next_state(job.id, job.state, trigger)
    if state is job.state:
        return Change(job)
    time = now()
    suspended = trigger is Trigger.SUSPEND and state is JobState.PAUSED and job.state is not JobState.PAUSING
    changed = replace(job, state=state, state_message=message, suspended=suspended)
    if state is JobState.STARTING:
        changed = replace(changed, attempt=job.attempt + 1, start_time=job.start_time or time)
    elif state is JobState.FAILED:
        changed = replace(changed, error=error)
    if trigger is Trigger.RESUME:
        changed = replace(changed, interruptions=0)
    if state.terminal:
        changed = replace(changed, end_time=time)
    if not state.executing and changed.progress is not None:
        changed = replace(
            changed, progress=replace(changed.progress, samples_per_second=None, remaining_seconds=None)
        )
    return Change(changed, (StateChanged(state, message, error.reason if error else None),))


def interrupt(job: Job, resume: bool, max_attempts: int, what: str) -> Change:
    """The job after its service was lost (`what` says how): again in the queue, or paused, or given up."""
    lost = f"{what} when the job was at step {job.progress.step} or later" if job.progress else what
    interruptions = job.interruptions + 1
    if job.state in (JobState.STARTING, JobState.RUNNING) and resume and interruptions >= max_attempts:
        message = (
            f"{lost}. That has happened {interruptions} times in a row without a new checkpoint, so the job "
            "may be what brings the service down (memory, for instance): look at the service's log, then "
            "submit it again"
        )
        step = job.progress.step if job.progress else None
        return move(job, Trigger.FAIL, message, error=JobError(SERVICE_LOST, message, step))
    if job.checkpoint_step is not None:
        goes_on = f"from the checkpoint of step {job.checkpoint_step}"
    else:
        goes_on = "from the beginning, there is no checkpoint yet"
    if job.state is JobState.CANCELLING:
        message = f"{lost} while the job was being cancelled"
    elif resume and job.state is not JobState.PAUSING:
        message = f"{lost}; the job goes on {goes_on}"
    else:
        message = f"{lost}; resume the job to go on {goes_on}"
    change = move(job, Trigger.REQUEUE if resume else Trigger.SUSPEND, message)
    return replace(change, job=replace(change.job, interruptions=interruptions))


def apply_report(job: Job, report: Report) -> Change:
    """The job after its processes reported something; `finish` is for the last report."""
    if isinstance(report, reports.Started):
        return _started(job, report)
    if isinstance(report, reports.Progress):
        job = _progressed(
            job,
            report.step,
            report.epoch,
            loss=report.loss,
            samples_per_second=report.samples_per_second,
            remaining_seconds=report.remaining_seconds,
        )
    elif isinstance(report, reports.EpochCompleted):
        job = _progressed(job, report.step, report.epoch, loss=report.train_loss)
        job = replace(job, metrics=report.metrics)
    elif isinstance(report, reports.CheckpointSaved):
        job = replace(job, checkpoint_step=report.step, interruptions=0)
    return Change(job, (report,))


def finish(
    job: Job, report: reports.Finished, model: ModelFile | None, *, stopped: str | None, requeue: bool
) -> Change:
    """The job after the last report of an execution.

    `stopped` is set where the service ended the execution for a reason of its own, and says which; the job
    then goes back to the queue (`requeue`) or is paused. What a user asked for comes first.
    """
    job = replace(
        job,
        model=model or job.model,
        metrics=report.metrics or job.metrics,
        checkpoint_step=report.checkpoint_step if report.checkpoint_step is not None else job.checkpoint_step,
    )
    job = _progressed(job, report.step, report.epoch)
    if report.outcome is Outcome.SUCCEEDED:
        change = move(
            job,
            Trigger.SUCCEED,
            "stopped early: no further improvement" if report.stopped_early else "training is complete",
        )
    elif job.state is JobState.CANCELLING and report.outcome is not Outcome.FAILED:
        change = move(job, Trigger.CANCELLED, f"cancelled at step {report.step}{_saved(job)}")
    elif report.outcome is Outcome.FAILED:
        error = JobError(
            (report.reason or reports.Reason.INTERNAL).value,
            report.message or "no reason was given",
            report.step,
        )
        change = move(job, Trigger.FAIL, error.message, error=error)
    elif stopped is not None and job.state is not JobState.PAUSING:
        trigger = Trigger.REQUEUE if requeue else Trigger.SUSPEND
        goes_on = "goes on when the service is back" if requeue else "resume it to go on"
        change = move(job, trigger, f"{stopped} at step {report.step}{_saved(job)}; {goes_on}")
    elif job.state is JobState.PAUSING or report.outcome is Outcome.PAUSED:
        change = move(job, Trigger.PAUSED, f"paused at step {report.step}{_saved(job)}")
    else:
        error = JobError(
            reports.Reason.INTERNAL.value, "the job ended as if it had been cancelled", report.step
        )
        change = move(job, Trigger.FAIL, error.message, error=error)
    return Change(change.job, (report, *change.happenings))


def _saved(job: Job) -> str:
    return (
        f", checkpoint at step {job.checkpoint_step}"
        if job.checkpoint_step is not None
        else ", without a checkpoint"
    )


def _started(job: Job, report: reports.Started) -> Change:
    steps_done_epochs = report.step // report.steps_per_epoch if report.steps_per_epoch else 0
    progress = JobProgress(
        step=report.step,
        total_steps=report.total_steps,
        epoch=min(steps_done_epochs + 1, report.epochs),
        epochs=report.epochs,
    )
    where = f"continuing from step {report.step}" if report.step else "training"
    change = move(replace(job, progress=progress), Trigger.STARTED, where)
    return Change(change.job, (report, *change.happenings))


def _progressed(job: Job, step: int, epoch: int, **figures: float) -> Job:
    if job.progress is None:
        return job
    return replace(job, progress=replace(job.progress, step=step, epoch=max(epoch, 1), **figures))
