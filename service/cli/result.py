"""How a job ended or stands: as a table with the commands that come next, and as the last JSON object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.text import Text

from ..jobs.job import Job
from ..jobs.states import JobState
from .wording import duration, short_path, significant, size

STATE_STYLES = {
    JobState.SUCCEEDED: "bold green",
    JobState.FAILED: "bold red",
    JobState.CANCELLED: "bold red",
    JobState.PAUSED: "bold cyan",
    JobState.RUNNING: "bold",
}


@dataclass(frozen=True)
class Result:
    """A job, where its model is on this machine (None: nowhere), and what can be done next, by name."""

    job: Job
    model: Path | None = None
    next_commands: Mapping[str, str] | None = None


def ordered_metrics(metrics: Mapping[str, float]) -> list[tuple[str, float]]:
    """The job's own metrics first, the loss last."""
    return sorted(metrics.items(), key=lambda item: (item[0] == "loss", item[0]))


def result_pairs(result: Result) -> list[tuple[str, str | Text]]:
    """What a person wants to know of a job that has ended or is paused, as label and value."""
    job = result.job
    pairs: list[tuple[str, str | Text]] = [("job", job.id), ("state", state_text(job))]
    for name, value in ordered_metrics(job.metrics):
        pairs.append((name.replace("_", " "), f"{significant(value)} (held out)"))
    if job.model is not None:
        pairs.append(("digest", job.model.digest))
        where = short_path(result.model) if result.model is not None else "kept by the service"
        pairs.append(("model", f"{where} ({size(job.model.size_bytes)})"))
    elif job.checkpoint_step is not None:
        pairs.append(("checkpoint", f"step {job.checkpoint_step:,}"))
    return pairs


def result_object(result: Result) -> dict[str, Any]:
    """The last line of `train`, `resume` and `watch` in JSON."""
    job = result.job
    return {
        "type": "result",
        "job": job.id,
        "state": job.state.value,
        "metrics": dict(job.metrics),
        "model": str(result.model) if result.model is not None else None,
        "digest": job.model.digest if job.model is not None else None,
        "checkpoint_step": job.checkpoint_step,
        "error": error_object(job),
        "commands": dict(result.next_commands or {}),
    }


def job_object(job: Job, model: Path | None = None) -> dict[str, Any]:
    """A whole job in JSON, for `status`, `jobs` and `submit`."""
    progress = job.progress
    return {
        "job": job.id,
        "name": job.name,
        "state": job.state.value,
        "state_message": job.state_message,
        "create_time": job.create_time.isoformat(),
        "start_time": job.start_time.isoformat() if job.start_time else None,
        "end_time": job.end_time.isoformat() if job.end_time else None,
        "queue_position": job.queue_position,
        "attempt": job.attempt,
        "progress": vars(progress) if progress is not None else None,
        "metrics": dict(job.metrics),
        "checkpoint_step": job.checkpoint_step,
        "model": str(model) if model is not None else None,
        "digest": job.model.digest if job.model is not None else None,
        "error": error_object(job),
        "continue_from": job.continue_from,
        "spec": job.spec,
    }


def error_object(job: Job) -> dict[str, Any] | None:
    """Why a job failed, in JSON; None where it did not."""
    return vars(job.error) if job.error is not None else None


def styled_state(state: JobState) -> Text:
    """`succeeded` in its colour."""
    return Text(state.value.lower(), style=STATE_STYLES.get(state, ""))


def state_text(job: Job) -> Text:
    """`succeeded (30 of 30 epochs, step 1,350; 0:09 in all)`, the state in its colour."""
    remarks = []
    if job.progress is not None:
        remarks.append(f"{epochs_done(job)} of {job.progress.epochs} epochs, step {job.progress.step:,}")
    if job.start_time is not None and job.end_time is not None:
        seconds = (job.end_time - job.start_time).total_seconds()
        remarks.append(f"{seconds:.1f} s in all" if seconds < 60 else f"{duration(seconds)} in all")
    return Text.assemble(styled_state(job.state), f" ({'; '.join(remarks)})" if remarks else "")


def epochs_done(job: Job) -> int:
    """Complete epochs of the job so far."""
    progress = job.progress
    if progress is None or progress.total_steps == 0:
        return 0
    return progress.step * progress.epochs // progress.total_steps
