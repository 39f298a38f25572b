"""The commands about jobs that exist: submit, list, show, pause, cancel, delete, download."""

from __future__ import annotations

from enum import Enum
from itertools import islice
from pathlib import Path

from rich.table import Table
from rich.text import Text

from ..client import Job, ServiceError
from .connection import Connection, connect, connect_running, data_folder
from .errors import UsageProblem
from .exits import ExitStatus
from .output import Output
from .result import epochs_done, job_object, ordered_metrics, state_text, styled_state
from .submission import Submission
from .wording import ago, command_line, count, duration, significant, size


class JobAction(Enum):
    """What can be asked of a job: the client's method and what to say afterwards."""

    PAUSE = "pause"
    CANCEL = "cancel"
    DELETE = "delete"


def submit_job(
    submission: Submission, request_id: str | None, address: str | None, data_dir: Path | None, output: Output
) -> int:
    """Put a job into the queue of a running service."""
    spec = submission.load()
    with connect_running(address, data_dir) as connection:
        origin = connection.find(submission.continue_from).id if submission.continue_from else None
        try:
            job = connection.client.create_job(spec, continue_from=origin, request_id=request_id)
        except ServiceError as error:
            raise submission.blamed(error) from error
        before = f" behind {count(job.queue_position, 'other job')}" if job.queue_position else ""
        output.line(f"{job.id} is {job.state.value.lower()}{before}.")
        output.pairs([("watch", command_line("watch", job.id, *connection.options))])
        output.object(job_object(job))
    return ExitStatus.SUCCEEDED


def list_jobs(limit: int, address: str | None, data_dir: Path | None, output: Output) -> int:
    """The newest `limit` jobs, as a table or one object a line."""
    if address is None and not data_folder(data_dir).is_dir():
        output.line(f"There are no jobs: the data folder {data_folder(data_dir)} does not exist yet.")
        return ExitStatus.SUCCEEDED
    with connect(address, data_dir) as connection:
        found = list(islice(connection.client.list_jobs(page_size=min(limit + 1, 1000)), limit + 1))
        shown = found[:limit]
        for job in shown:
            output.object(job_object(job, connection.model_path(job)))
        if shown:
            output.render(jobs_table(shown))
        else:
            output.line("There are no jobs yet: `chainrule train JOB_FILE` makes one.")
        if len(found) > limit:
            output.line(f"Only the newest {limit} are shown: see --limit.")
    return ExitStatus.SUCCEEDED


def jobs_table(jobs: list[Job]) -> Table:
    """One row a job; fits 80 columns as long as ids are of a usual length."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("job", overflow="fold")
    for heading in ("state", "epochs", "held out", "created"):
        table.add_column(heading, no_wrap=True)
    for job in jobs:
        epochs = f"{epochs_done(job)}/{job.progress.epochs}" if job.progress is not None else ""
        metric = next((f"{name} {significant(value)}" for name, value in ordered_metrics(job.metrics)), "")
        table.add_row(job.id, styled_state(job.state), epochs, metric.replace("_", " "), ago(job.create_time))
    return table


def show_job(job: str, address: str | None, data_dir: Path | None, output: Output) -> int:
    """Everything that is known of one job."""
    with connect(address, data_dir) as connection:
        found = connection.find(job)
        output.pairs(_job_pairs(found, connection))
        output.object(job_object(found, connection.model_path(found)))
    return ExitStatus.SUCCEEDED


def change_job(
    action: JobAction, job: str, address: str | None, data_dir: Path | None, output: Output
) -> int:
    """Pause, cancel or delete a job."""
    with connect(address, data_dir) as connection:
        found = connection.find(job)
        if action is JobAction.DELETE:
            connection.client.delete_job(found)
            output.line(f"{found.id} is deleted, with its checkpoints and its model.")
            output.object({"job": found.id, "deleted": True})
            return ExitStatus.SUCCEEDED
        client = connection.client
        changed = client.pause_job(found) if action is JobAction.PAUSE else client.cancel_job(found)
        output.line(f"{changed.id} is {changed.state.value.lower()}.")
        if action is JobAction.PAUSE:
            output.pairs([("resume", command_line("resume", changed.id, *connection.options))])
        output.object({"job": changed.id, "state": changed.state})
    return ExitStatus.SUCCEEDED


def download_model(
    job: str, path: Path | None, address: str | None, data_dir: Path | None, output: Output
) -> int:
    """Save a job's model at `path`; a file is only replaced where it was named."""
    with connect(address, data_dir) as connection:
        found = connection.find(job)
        target = path if path is not None else Path(f"{found.id}.safetensors")
        if path is None and target.exists():
            raise UsageProblem(
                f"{target} exists already: name the file to write, as in `chainrule download JOB PATH`."
            )
        saved = connection.client.download_model(found, target).absolute()
        byte_count = saved.stat().st_size
        output.line(f"{saved} ({size(byte_count)})")
        digest = found.model.digest if found.model is not None else None
        output.object({"job": found.id, "model": str(saved), "size_bytes": byte_count, "digest": digest})
    return ExitStatus.SUCCEEDED


def _job_pairs(job: Job, connection: Connection) -> list[tuple[str, str | Text]]:
    pairs: list[tuple[str, str | Text]] = [("job", job.id), ("state", state_text(job))]
    if job.state_message:
        pairs.append(("why", job.state_message))
    if job.queue_position:
        pairs.append(("queue", f"behind {count(job.queue_position, 'other job')}"))
    if job.error is not None:
        pairs.append(("error", f"{job.error.reason}: {job.error.message}"))
    progress = job.progress
    if progress is not None and job.state.executing:
        figures = [f"epoch {progress.epoch} of {progress.epochs}"]
        if progress.loss is not None:
            figures.append(f"loss {significant(progress.loss)}")
        if progress.samples_per_second is not None:
            figures.append(f"{progress.samples_per_second:,.0f} samples/s")
        if progress.remaining_seconds is not None:
            figures.append(f"{duration(progress.remaining_seconds)} left")
        pairs.append(("progress", ", ".join(figures)))
    pairs += [
        (name.replace("_", " "), f"{significant(v)} (held out)") for name, v in ordered_metrics(job.metrics)
    ]
    if job.summary is not None:
        samples = (
            f"{count(job.summary.train_samples, 'training sample')}, {job.summary.test_samples:,} held out"
        )
        pairs += [("data", samples), ("network", count(job.summary.parameters, "parameter"))]
    if job.checkpoint_step is not None:
        pairs.append(("checkpoint", f"step {job.checkpoint_step:,}"))
    if job.model is not None:
        where = connection.model_path(job)
        place = str(where) if where is not None else "kept by the service"
        pairs += [("digest", job.model.digest), ("model", f"{place} ({size(job.model.size_bytes)})")]
    if job.continue_from:
        pairs.append(("begun from", job.continue_from.rpartition("/")[2]))
    pairs.append(("created", f"{job.create_time.astimezone():%Y-%m-%d %H:%M:%S} ({ago(job.create_time)})"))
    return pairs
