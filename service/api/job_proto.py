"""A job as dataclass and as protobuf message, both ways."""

from __future__ import annotations

import math
from dataclasses import asdict
from datetime import datetime, timezone

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from chainrule.v1 import job_pb2

from ..jobs.job import (
    Job,
    JobError,
    JobProgress,
    JobSummary,
    LayerSummary,
    ModelFile,
    WeightsSummary,
    job_name,
)
from ..jobs.states import JobState
from .spec_proto import enum_name, spec_data_from_proto, spec_to_proto

_STATES = job_pb2.JobState.DESCRIPTOR
# What google.protobuf.Duration allows: ten thousand years.
_LONGEST_SECONDS = 315_576_000_000


def job_to_proto(job: Job) -> job_pb2.Job:
    """The message of a job; a job without an id (only validated) has neither name nor state."""
    message = job_pb2.Job(
        name=job.name,
        uid=job.uid,
        spec=spec_to_proto(job.spec),
        state=state_name(job.state) if job.id else None,
        state_message=job.state_message,
        attempt=job.attempt,
        metrics=job.metrics,
        checkpoint_step=job.checkpoint_step,
        queue_position=job.queue_position,
        continue_from=job_name(job.continue_from) if job.continue_from else "",
        progress=_progress_to_proto(job.progress) if job.progress else None,
        model=model_to_proto(job.model) if job.model else None,
        error=error_to_proto(job.error) if job.error else None,
        summary=_summary_to_proto(job.summary) if job.summary else None,
    )
    if job.id:
        message.create_time.CopyFrom(time_to_proto(job.create_time))
        message.update_time.CopyFrom(time_to_proto(job.update_time))
    if job.start_time is not None:
        message.start_time.CopyFrom(time_to_proto(job.start_time))
    if job.end_time is not None:
        message.end_time.CopyFrom(time_to_proto(job.end_time))
    return message


def job_from_proto(message: job_pb2.Job) -> Job:
    """The inverse of `job_to_proto`, less what the service keeps for itself; no state counts as queued."""
    return Job(
        id=message.name.rpartition("/")[2],
        uid=message.uid,
        spec=spec_data_from_proto(message.spec),
        state=state_from_proto(message.state) if message.state else JobState.QUEUED,
        state_message=message.state_message,
        create_time=time_from_proto(message.create_time),
        update_time=time_from_proto(message.update_time),
        start_time=time_from_proto(message.start_time) if message.HasField("start_time") else None,
        end_time=time_from_proto(message.end_time) if message.HasField("end_time") else None,
        attempt=message.attempt,
        metrics=dict(message.metrics),
        checkpoint_step=message.checkpoint_step if message.HasField("checkpoint_step") else None,
        queue_position=message.queue_position if message.HasField("queue_position") else None,
        continue_from=message.continue_from.rpartition("/")[2] or None,
        progress=_progress_from_proto(message.progress) if message.HasField("progress") else None,
        model=model_from_proto(message.model) if message.HasField("model") else None,
        error=error_from_proto(message.error) if message.HasField("error") else None,
        summary=_summary_from_proto(message.summary) if message.HasField("summary") else None,
    )


def state_name(state: JobState) -> str:
    """The name of a state in the proto, which messages take for it."""
    return f"JOB_STATE_{state.value}"


def state_from_proto(state: int) -> JobState:
    """The state of an enum value; raises ValueError for a state of a later version."""
    return JobState((enum_name(_STATES, state) or f"state {state}").upper())


def time_to_proto(time: datetime) -> Timestamp:
    """A moment."""
    message = Timestamp()
    message.FromDatetime(time)
    return message


def time_from_proto(message: Timestamp) -> datetime:
    """The inverse of `time_to_proto`, in UTC."""
    return message.ToDatetime(tzinfo=timezone.utc)


def duration_to_proto(seconds: float | None) -> Duration | None:
    """A length of time, to the microsecond; None for one that is not finite."""
    if seconds is None or not math.isfinite(seconds):
        return None
    whole, microseconds = divmod(round(max(seconds, 0.0) * 1e6), 10**6)
    return Duration(seconds=min(whole, _LONGEST_SECONDS), nanos=1000 * microseconds)


def duration_from_proto(message: Duration) -> float:
    """Seconds."""
    return message.seconds + message.nanos / 1e9


def model_to_proto(model: ModelFile) -> job_pb2.ModelFile:
    """What is known of a model's file."""
    return job_pb2.ModelFile(
        file_name=model.file_name, size_bytes=model.size_bytes, sha256=model.sha256, digest=model.digest
    )


def model_from_proto(message: job_pb2.ModelFile) -> ModelFile:
    """The inverse of `model_to_proto`."""
    return ModelFile(message.file_name, message.size_bytes, message.sha256, message.digest)


def error_to_proto(error: JobError) -> job_pb2.JobError:
    """Why a job failed."""
    return job_pb2.JobError(reason=error.reason, message=error.message, step=error.step)


def error_from_proto(message: job_pb2.JobError) -> JobError:
    """The inverse of `error_to_proto`."""
    return JobError(message.reason, message.message, message.step if message.HasField("step") else None)


def _progress_to_proto(progress: JobProgress) -> job_pb2.JobProgress:
    return job_pb2.JobProgress(
        step=progress.step,
        total_steps=progress.total_steps,
        epoch=progress.epoch,
        epochs=progress.epochs,
        loss=progress.loss,
        samples_per_second=progress.samples_per_second,
        remaining=duration_to_proto(progress.remaining_seconds),
    )


def _progress_from_proto(message: job_pb2.JobProgress) -> JobProgress:
    return JobProgress(
        step=message.step,
        total_steps=message.total_steps,
        epoch=message.epoch,
        epochs=message.epochs,
        loss=message.loss if message.HasField("loss") else None,
        samples_per_second=message.samples_per_second if message.HasField("samples_per_second") else None,
        remaining_seconds=duration_from_proto(message.remaining) if message.HasField("remaining") else None,
    )


def _summary_to_proto(summary: JobSummary) -> job_pb2.JobSummary:
    return job_pb2.JobSummary(
        parameters=summary.parameters,
        train_samples=summary.train_samples,
        test_samples=summary.test_samples,
        feature_shape=summary.feature_shape,
        classes=summary.classes,
        steps_per_epoch=summary.steps_per_epoch,
        total_steps=summary.total_steps,
        memory_bytes=summary.memory_bytes,
        layers=[
            job_pb2.LayerSummary(name=each.name, output_shape=each.output_shape, parameters=each.parameters)
            for each in summary.layers
        ],
        initial_weights=_weights_to_proto(summary.initial_weights) if summary.initial_weights else None,
    )


def _summary_from_proto(message: job_pb2.JobSummary) -> JobSummary:
    return JobSummary(
        parameters=message.parameters,
        train_samples=message.train_samples,
        test_samples=message.test_samples,
        feature_shape=tuple(message.feature_shape),
        classes=message.classes if message.HasField("classes") else None,
        steps_per_epoch=message.steps_per_epoch,
        total_steps=message.total_steps,
        memory_bytes=message.memory_bytes,
        layers=tuple(
            LayerSummary(each.name, tuple(each.output_shape), each.parameters) for each in message.layers
        ),
        initial_weights=(
            _weights_from_proto(message.initial_weights) if message.HasField("initial_weights") else None
        ),
    )


def _weights_to_proto(weights: WeightsSummary) -> job_pb2.InitialWeightsSummary:
    return job_pb2.InitialWeightsSummary(**asdict(weights))


def _weights_from_proto(message: job_pb2.InitialWeightsSummary) -> WeightsSummary:
    return WeightsSummary(
        message.matched,
        message.missing,
        message.unexpected,
        tuple(message.missing_names),
        tuple(message.unexpected_names),
    )
