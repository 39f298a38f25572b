"""How many jobs go into one answer of ListJobs."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

from chainrule.service.api.channel import MESSAGE_LIMIT
from chainrule.service.api.job_servicer import JobServicer
from chainrule.service.api.offload import Offload
from chainrule.service.config import ServiceConfig
from chainrule.service.jobs.events import StateChanged
from chainrule.service.jobs.job import Job
from chainrule.service.jobs.states import JobState
from chainrule.service.jobs.store import MemoryStore
from chainrule.service.jobs.supervisor import Supervisor
from chainrule.service.jobs.watchers import Watchers
from chainrule.v1 import job_service_pb2
from chainrule.worker.runtime.inprocess import InProcessRuntime

TIME = datetime(2026, 1, 2, tzinfo=timezone.utc)


def test_jobs_that_together_exceed_a_message_come_on_several_pages_each_once(tmp_path: Any) -> None:
    store, text = MemoryStore(), "x" * 100_000
    for number in range(60):
        time = TIME + timedelta(seconds=number)
        job = Job(f"job-{number}", f"uid-{number}", {}, JobState.FAILED, time, time, state_message=text)
        store.create(replace(job, spec={"name": "big", "model": []}), StateChanged(JobState.FAILED), None)
    config = ServiceConfig(tmp_path, runtime="inprocess")
    supervisor = Supervisor(store, InProcessRuntime(), config, lambda job_id: None)

    async def pages() -> list[job_service_pb2.ListJobsResponse]:
        servicer, context = JobServicer(store, supervisor, Watchers(), Offload()), Any
        found, token = [], ""
        while not found or token:
            request = job_service_pb2.ListJobsRequest(
                parent="projects/default", page_size=1000, page_token=token
            )
            found.append(await servicer.ListJobs(request, context))  # pyright: ignore[reportArgumentType]
            token = found[-1].next_page_token
        return found

    found = asyncio.run(pages())
    assert len(found) > 1
    assert all(page.jobs and page.ByteSize() < MESSAGE_LIMIT and page.total_size == 60 for page in found)
    names = [job.name.rpartition("/")[2] for page in found for job in page.jobs]
    assert names == [f"job-{number}" for number in reversed(range(60))]
