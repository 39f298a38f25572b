"""The tables of the job database, and a job as a row of them."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from .errors import Reason, StoreError
from .job import Job, JobError, JobProgress, JobSummary, LayerSummary, ModelFile, WeightsSummary
from .states import JobState
from .store import microseconds, moment


class Row(DeclarativeBase):
    """What all tables share. Times are microseconds since 1970; documents are JSON as text."""


class JobRow(Row):
    """A job as it is now."""

    __tablename__ = "jobs"
    __table_args__ = (Index("jobs_by_age", "create_time", "id"), Index("jobs_by_state", "state"))

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    uid: Mapped[str] = mapped_column(Text, unique=True)
    state: Mapped[str] = mapped_column(Text)
    state_message: Mapped[str] = mapped_column(Text)
    create_time: Mapped[int] = mapped_column(BigInteger)
    update_time: Mapped[int] = mapped_column(BigInteger)
    start_time: Mapped[int | None] = mapped_column(BigInteger)
    end_time: Mapped[int | None] = mapped_column(BigInteger)
    attempt: Mapped[int]
    interruptions: Mapped[int]
    suspended: Mapped[bool]
    checkpoint_step: Mapped[int | None] = mapped_column(BigInteger)
    continue_from: Mapped[str | None] = mapped_column(Text)
    spec: Mapped[str] = mapped_column(Text)
    progress: Mapped[str | None] = mapped_column(Text)
    metrics: Mapped[str] = mapped_column(Text)
    model: Mapped[str | None] = mapped_column(Text)
    error: Mapped[str | None] = mapped_column(Text)
    summary: Mapped[str | None] = mapped_column(Text)
    last_sequence: Mapped[int] = mapped_column(BigInteger)
    request_id: Mapped[str | None] = mapped_column(Text, unique=True)
    request_digest: Mapped[str | None] = mapped_column(Text)


class EventRow(Row):
    """One thing that happened to a job."""

    __tablename__ = "events"
    __table_args__ = ({"sqlite_with_rowid": False},)

    job_id: Mapped[str] = mapped_column(Text, ForeignKey("jobs.id"), primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    time: Mapped[int] = mapped_column(BigInteger)
    body: Mapped[str] = mapped_column(Text)


def write_job(row: JobRow, job: Job) -> None:
    """Puts everything that the job says into its row."""
    row.uid = job.uid
    row.state = job.state.value
    row.state_message = job.state_message
    row.create_time = microseconds(job.create_time)
    row.update_time = microseconds(job.update_time)
    row.start_time = microseconds(job.start_time) if job.start_time else None
    row.end_time = microseconds(job.end_time) if job.end_time else None
    row.attempt = job.attempt
    row.interruptions = job.interruptions
    row.suspended = job.suspended
    row.checkpoint_step = job.checkpoint_step
    row.continue_from = job.continue_from
    row.spec = json.dumps(job.spec)
    row.metrics = json.dumps(job.metrics)
    row.progress = _document(job.progress)
    row.model = _document(job.model)
    row.error = _document(job.error)
    row.summary = _document(job.summary)


def job_of_row(row: JobRow) -> Job:
    """The inverse of `write_job`; raises StoreError for a row that this version cannot read."""
    try:
        return _job(row)
    except (ValueError, KeyError, TypeError) as error:
        raise unreadable(row.id, error) from error


def unreadable(job_id: str, error: Exception) -> StoreError:
    """The error for something stored that this version cannot read."""
    message = (
        f"the job database holds something about job '{job_id}' that this version cannot read ({error!r})"
    )
    return StoreError(Reason.STORAGE_FAILED, message, resource=job_id)


def _job(row: JobRow) -> Job:
    return Job(
        id=row.id,
        uid=row.uid,
        spec=_spec(row.spec),
        state=JobState(row.state),
        state_message=row.state_message,
        create_time=moment(row.create_time),
        update_time=moment(row.update_time),
        start_time=moment(row.start_time) if row.start_time is not None else None,
        end_time=moment(row.end_time) if row.end_time is not None else None,
        attempt=row.attempt,
        interruptions=row.interruptions,
        suspended=row.suspended,
        progress=JobProgress(**json.loads(row.progress)) if row.progress else None,
        metrics=json.loads(row.metrics),
        model=ModelFile(**json.loads(row.model)) if row.model else None,
        checkpoint_step=row.checkpoint_step,
        error=JobError(**json.loads(row.error)) if row.error else None,
        summary=_summary(json.loads(row.summary)) if row.summary else None,
        continue_from=row.continue_from,
    )


def _document(part: JobProgress | ModelFile | JobError | JobSummary | None) -> str | None:
    return None if part is None else json.dumps(asdict(part))


def _spec(text: str) -> dict[str, Any]:
    spec = json.loads(text)
    loss = spec.get("loss")
    # Jobs of the time when losses had no settings name theirs alone.
    return {**spec, "loss": {loss: {}}} if isinstance(loss, str) else spec


def _summary(fields: dict[str, Any]) -> JobSummary:
    layers = tuple(
        LayerSummary(**{**layer, "output_shape": tuple(layer["output_shape"])}) for layer in fields["layers"]
    )
    changed: dict[str, Any] = {"feature_shape": tuple(fields["feature_shape"]), "layers": layers}
    if fields.get("initial_weights") is not None:
        weights = fields["initial_weights"]
        names = {name: tuple(weights[name]) for name in ("missing_names", "unexpected_names")}
        changed["initial_weights"] = WeightsSummary(**{**weights, **names})
    return JobSummary(**{**fields, **changed})
