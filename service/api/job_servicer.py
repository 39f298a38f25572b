"""JobService: checks requests, asks the supervisor and the store, and answers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace

import grpc
from google.protobuf import empty_pb2

from chainrule.v1 import event_pb2, job_pb2, job_service_pb2, job_service_pb2_grpc

from ...worker.inspect import LARGEST_MEMORY, JobSummary, inspect_job
from ...worker.python_model import pinned
from ...worker.spec import JobSpec, parse_spec
from ...worker.spec.errors import SpecError, Violation
from ..jobs.errors import Reason, ServiceFault, stopping
from ..jobs.job import JOB_ID, Job, check_project, parse_job_name
from ..jobs.lifecycle import now
from ..jobs.pages import encode_token
from ..jobs.queue import queue_positions
from ..jobs.states import JobState
from ..jobs.store import RequestKey, Store, position_of
from ..jobs.supervisor import Supervisor
from ..jobs.url_gate import check_urls
from ..jobs.watchers import Watchers
from .channel import MESSAGE_LIMIT
from .event_proto import event_to_proto
from .job_proto import job_to_proto
from .offload import Offload
from .spec_proto import spec_data_from_proto

DEFAULT_PAGE, LARGEST_PAGE = 50, 1000
LONGEST_REQUEST_ID = 128
LARGEST_SPEC = 1_000_000
_EVENTS_AT_ONCE = 256
# Leaves room for what is not a job, and for clients that do not allow all of gRPC's usual limit.
_PAGE_BYTES = MESSAGE_LIMIT // 2

Context = grpc.aio.ServicerContext


class JobServicer(job_service_pb2_grpc.JobServiceServicer):
    """Answers calls on the event loop; whatever blocks goes through `offload`."""

    def __init__(
        self,
        store: Store,
        supervisor: Supervisor,
        watchers: Watchers,
        offload: Offload,
        *,
        memory_limit: int = LARGEST_MEMORY,
        url_schemes: tuple[str, ...] | None = None,
    ) -> None:
        self._store = store
        self._supervisor = supervisor
        self._watchers = watchers
        self._offload = offload
        self._memory_limit = memory_limit
        self._url_schemes = url_schemes

    async def CreateJob(self, request: job_service_pb2.CreateJobRequest, context: Context) -> job_pb2.Job:
        check_project(request.parent)
        _check_job_id(request.job_id)
        continue_from = parse_job_name(request.job.continue_from) if request.job.continue_from else None
        spec = await self._offload.short(_spec, request.job)
        key = _request_key(request, spec)
        if key is not None and not request.validate_only:
            first = await self._offload.short(self._store.find_request, key)
            if first is not None:
                return await self._answer(first)
        await self._offload.short(self._supervisor.gate.check, spec.model_dump_job())
        await self._offload.short(check_urls, spec, self._url_schemes)
        spec = await self._offload.short(pinned, spec)
        if continue_from is not None:
            await self._offload.short(self._supervisor.check_source, continue_from)
        summary = await self._offload.long(inspect_job, spec, self._memory_limit)
        if request.validate_only:
            return job_to_proto(_validated(spec, summary, continue_from))
        job = await self._offload.short(
            self._supervisor.create,
            spec,
            summary,
            job_id=request.job_id,
            continue_from=continue_from,
            request=key,
        )
        return await self._answer(job)

    async def GetJob(self, request: job_service_pb2.GetJobRequest, context: Context) -> job_pb2.Job:
        return await self._answer(await self._offload.short(self._store.get, parse_job_name(request.name)))

    async def ListJobs(
        self, request: job_service_pb2.ListJobsRequest, context: Context
    ) -> job_service_pb2.ListJobsResponse:
        check_project(request.parent)
        if request.page_size < 0:
            raise ServiceFault(
                Reason.REQUEST_INVALID, f"page_size: expected 0 or more, got {request.page_size}"
            )
        size = min(request.page_size or DEFAULT_PAGE, LARGEST_PAGE)
        page = await self._offload.short(self._store.page, size, request.page_token)
        jobs = list(map(job_to_proto, await self._placed(page.jobs)))
        fitting, token = _fitting(jobs), page.next_page_token
        if fitting < len(jobs):
            token = encode_token(position_of(page.jobs[fitting - 1]))
        return job_service_pb2.ListJobsResponse(
            jobs=jobs[:fitting], next_page_token=token, total_size=page.total
        )

    async def CancelJob(self, request: job_service_pb2.CancelJobRequest, context: Context) -> job_pb2.Job:
        return await self._answer(
            await self._offload.short(self._supervisor.cancel, parse_job_name(request.name))
        )

    async def DeleteJob(self, request: job_service_pb2.DeleteJobRequest, context: Context) -> empty_pb2.Empty:
        await self._offload.short(self._supervisor.delete, parse_job_name(request.name))
        return empty_pb2.Empty()

    async def PauseJob(self, request: job_service_pb2.PauseJobRequest, context: Context) -> job_pb2.Job:
        return await self._answer(
            await self._offload.short(self._supervisor.pause, parse_job_name(request.name))
        )

    async def ResumeJob(self, request: job_service_pb2.ResumeJobRequest, context: Context) -> job_pb2.Job:
        return await self._answer(
            await self._offload.short(self._supervisor.resume, parse_job_name(request.name))
        )

    async def WatchJob(
        self, request: job_service_pb2.WatchJobRequest, context: Context
    ) -> AsyncIterator[event_pb2.JobEvent]:
        job_id, sequence = parse_job_name(request.name), request.after_sequence
        last = await self._offload.short(self._store.last_sequence, job_id)
        if not 0 <= sequence <= last:
            raise ServiceFault(
                Reason.SEQUENCE_AHEAD if sequence > last else Reason.REQUEST_INVALID,
                f"after_sequence: expected 0 to {last}, the newest event of job '{job_id}', got {sequence}",
                resource=job_id,
            )
        # Now, so that a client knows that it is connected while nothing happens.
        await context.send_initial_metadata(())
        with self._watchers.watch(job_id) as watcher:
            while True:
                # Both before reading: what happens later sets the flag again; nothing follows the closing.
                closed = watcher.closed
                watcher.clear()
                events = await self._offload.short(self._store.events, job_id, sequence, _EVENTS_AT_ONCE)
                for event in events:
                    yield event_to_proto(event)
                    sequence = event.sequence
                    if event.terminal:
                        return
                if events:
                    continue
                if (await self._offload.short(self._store.get, job_id)).state.terminal:
                    # The terminal event was at or before `after_sequence`, or came between the two readings.
                    if sequence == await self._offload.short(self._store.last_sequence, job_id):
                        return
                    continue
                if closed:
                    raise stopping()
                await watcher.wait()

    async def _answer(self, job: Job) -> job_pb2.Job:
        [placed] = await self._placed((job,))
        return job_to_proto(placed)

    async def _placed(self, jobs: tuple[Job, ...]) -> list[Job]:
        """The jobs with their places in the queue."""
        if not any(job.state is JobState.QUEUED for job in jobs):
            return list(jobs)
        positions = queue_positions(await self._offload.short(self._store.active))
        return [
            replace(job, queue_position=positions.get(job.id)) if job.state is JobState.QUEUED else job
            for job in jobs
        ]


def _fitting(jobs: list[job_pb2.Job]) -> int:
    """How many of the jobs, but at least one, go into one message."""
    size = 0
    for count, job in enumerate(jobs):
        size += job.ByteSize()
        if size > _PAGE_BYTES and count:
            return count
    return len(jobs)


def _check_job_id(job_id: str) -> None:
    if job_id and not JOB_ID.fullmatch(job_id):
        raise ServiceFault(
            Reason.NAME_INVALID,
            f"job_id: expected 1 to 63 lowercase letters, digits or '-', a letter first and no '-' last, "
            f"got '{job_id[:100]}'",
        )


def _spec(job: job_pb2.Job) -> JobSpec:
    size = job.spec.ByteSize()
    if size > LARGEST_SPEC:
        raise SpecError(
            [Violation("", f"the job description has {size:,} bytes, expected at most {LARGEST_SPEC:,}")]
        )
    spec = parse_spec(spec_data_from_proto(job.spec))
    urls = {f"dataset.{name}" for name in spec.dataset.urls()}
    relative = [
        Violation(field, f"expected an absolute path (the service has no folder of yours), got '{path}'")
        for field, path in spec.paths().items()
        if not path.startswith("/") and field not in urls
    ]
    if relative:
        raise SpecError(relative)
    return spec


def _request_key(request: job_service_pb2.CreateJobRequest, spec: JobSpec) -> RequestKey | None:
    if not request.request_id:
        return None
    if len(request.request_id) > LONGEST_REQUEST_ID:
        raise ServiceFault(
            Reason.REQUEST_INVALID,
            f"request_id: expected at most {LONGEST_REQUEST_ID} characters, got {len(request.request_id)}",
        )
    body = [request.parent, request.job_id, request.job.continue_from, spec.model_dump_job()]
    return RequestKey(
        request.request_id, hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    )


def _validated(spec: JobSpec, summary: JobSummary, continue_from: str | None) -> Job:
    time = now()
    return Job(
        id="",
        uid="",
        spec=spec.model_dump_job(),
        state=JobState.QUEUED,
        create_time=time,
        update_time=time,
        summary=summary,
        continue_from=continue_from,
    )
