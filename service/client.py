"""The Python client of the service: typed calls over gRPC, without a protobuf type in sight."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import grpc

from chainrule.v1 import (
    job_pb2,
    job_service_pb2,
    job_service_pb2_grpc,
    model_service_pb2,
    model_service_pb2_grpc,
)

from ..worker.reports import Report
from ..worker.spec import JobSpec, load_spec, parse_spec
from .api.channel import open_channel
from .api.event_proto import event_from_proto
from .api.job_proto import job_from_proto
from .api.spec_proto import spec_to_proto
from .client_errors import ServiceError, error_of_call
from .jobs.events import Event, StateChanged
from .jobs.job import PROJECT, Job, JobError, JobProgress, JobSummary, LayerSummary, ModelFile, job_name
from .jobs.states import JobState
from .model_download import receive_model

__all__ = [
    "Client",
    "Event",
    "Job",
    "JobError",
    "JobProgress",
    "JobState",
    "JobSummary",
    "LayerSummary",
    "ModelFile",
    "Report",
    "ServiceError",
    "StateChanged",
]

Answer = TypeVar("Answer")
JobLike = Job | str

_CREATE_SECONDS = 300.0
_FIRST_DELAY, _LONGEST_DELAY = 0.1, 5.0


class Client:
    """A connection to the service at `address` ("host:port"). Threads may share it.

    Jobs are given as Job, as full name or as id. Calls raise ServiceError; each answers within `timeout`
    seconds (creating a job, where the service reads the data first, within five minutes).
    """

    def __init__(self, address: str, *, timeout: float = 30.0) -> None:
        self.address = address
        self._timeout = timeout
        self._channel = open_channel(address)
        self._jobs = job_service_pb2_grpc.JobServiceStub(self._channel)
        self._models = model_service_pb2_grpc.ModelServiceStub(self._channel)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection and every watch on it."""
        self._channel.close()

    def create_job(
        self,
        spec: JobSpec | Mapping[str, Any] | Path | str,
        *,
        request_id: str | None = None,
        validate_only: bool = False,
        continue_from: JobLike | None = None,
        job_id: str = "",
    ) -> Job:
        """Submits a job: a spec, its plain data, or the path of a job file.

        With `continue_from` it starts from the newest checkpoint of another job. With `validate_only` nothing
        is submitted and the answer only has `spec` and `summary`. Raises SpecError for what can be seen to be
        wrong before it is sent.
        """
        job = job_pb2.Job(spec=spec_to_proto(_spec_of(spec)))
        if continue_from is not None:
            job.continue_from = _name_of(continue_from)
        request = job_service_pb2.CreateJobRequest(
            parent=PROJECT,
            job=job,
            job_id=job_id,
            request_id=request_id or str(uuid.uuid4()),
            validate_only=validate_only,
        )
        timeout = max(self._timeout, _CREATE_SECONDS)
        return job_from_proto(self._call(self._jobs.CreateJob, request, timeout=timeout))

    def get_job(self, job: JobLike) -> Job:
        """Where the job stands now."""
        return job_from_proto(
            self._call(self._jobs.GetJob, job_service_pb2.GetJobRequest(name=_name_of(job)))
        )

    def list_jobs(self, *, page_size: int = 100) -> Iterator[Job]:
        """All jobs, newest first; asks for the next page when it is wanted."""
        token = ""
        while True:
            request = job_service_pb2.ListJobsRequest(parent=PROJECT, page_size=page_size, page_token=token)
            page = self._call(self._jobs.ListJobs, request)
            yield from map(job_from_proto, page.jobs)
            token = page.next_page_token
            if not token:
                return

    def cancel_job(self, job: JobLike) -> Job:
        """Ends a job for good. A running one is CANCELLING until its checkpoint is saved."""
        return job_from_proto(
            self._call(self._jobs.CancelJob, job_service_pb2.CancelJobRequest(name=_name_of(job)))
        )

    def delete_job(self, job: JobLike) -> None:
        """Deletes a job in a terminal state, with everything that belongs to it."""
        self._call(self._jobs.DeleteJob, job_service_pb2.DeleteJobRequest(name=_name_of(job)))

    def pause_job(self, job: JobLike) -> Job:
        """Stops a job so that it can go on later. A running one is PAUSING until its checkpoint is saved."""
        return job_from_proto(
            self._call(self._jobs.PauseJob, job_service_pb2.PauseJobRequest(name=_name_of(job)))
        )

    def resume_job(self, job: JobLike) -> Job:
        """Puts a paused job back into the queue."""
        return job_from_proto(
            self._call(self._jobs.ResumeJob, job_service_pb2.ResumeJobRequest(name=_name_of(job)))
        )

    def watch(
        self, job: JobLike, after_sequence: int = 0, *, reconnect_seconds: float = 60.0
    ) -> Iterator[Event]:
        """Every event after `after_sequence`, in order, without gap or repeat; ends after the terminal one.

        A connection that breaks is made anew, for at most `reconnect_seconds` without any event; then, and
        where the first connection fails, it raises ServiceError. A paused job keeps the watch open.
        """
        name, sequence = _name_of(job), after_sequence
        connected, give_up_at, delay = False, 0.0, _FIRST_DELAY
        while True:
            call = self._jobs.WatchJob(job_service_pb2.WatchJobRequest(name=name, after_sequence=sequence))
            try:
                # The service sends this at once, also while nothing happens.
                call.initial_metadata()
                connected = connected or call.is_active()
                for message in call:
                    event = event_from_proto(message)
                    sequence, give_up_at, delay = event.sequence, 0.0, _FIRST_DELAY
                    yield event
                return
            except grpc.RpcError as error:
                failure = error_of_call(error, self.address)
                now = time.monotonic()
                give_up_at = give_up_at or now + reconnect_seconds
                if not connected or not failure.connection_lost or now + delay > give_up_at:
                    raise failure from None
            finally:
                call.cancel()
            time.sleep(delay)
            delay = min(2 * delay, _LONGEST_DELAY)

    def download_model(self, job: JobLike, path: Path | str) -> Path:
        """Saves the model of a job at `path` (in a folder: under the job's id), checked against its SHA-256.

        The file appears whole or not at all. Returns where it is. Raises ServiceError.
        """
        name, target = _name_of(job), Path(path)
        if target.is_dir():
            target = target / (name.rpartition("/")[2] + ".safetensors")
        call = self._models.DownloadModel(model_service_pb2.DownloadModelRequest(name=name))
        try:
            return receive_model(call, target)
        except grpc.RpcError as error:
            raise error_of_call(error, self.address) from None
        finally:
            call.cancel()

    def _call(
        self, method: Callable[..., Answer], request: object, *, timeout: float | None = None
    ) -> Answer:
        try:
            return method(request, timeout=self._timeout if timeout is None else timeout)
        except grpc.RpcError as error:
            raise error_of_call(error, self.address) from None


def _name_of(job: JobLike) -> str:
    if isinstance(job, Job):
        return job.name
    return job if "/" in job else job_name(job)


def _spec_of(spec: JobSpec | Mapping[str, Any] | Path | str) -> JobSpec:
    if isinstance(spec, (Path, str)):
        return load_spec(Path(spec))
    if not isinstance(spec, JobSpec):
        spec = parse_spec(spec)
    return spec.with_paths_relative_to(Path.cwd())
