"""Which job runs next: one at a time, the oldest first."""

from __future__ import annotations

from collections.abc import Iterable

from .job import Standing
from .states import JobState


def next_job(active: Iterable[Standing]) -> Standing | None:
    """The job to start now among those that have not ended; None while one executes or none waits."""
    waiting = []
    for job in active:
        if job.state.executing:
            return None
        if job.state is JobState.QUEUED:
            waiting.append(job)
    return min(waiting, key=_age, default=None)


def queue_positions(active: Iterable[Standing]) -> dict[str, int]:
    """For each waiting job, by id, how many jobs run or wait before it."""
    jobs = list(active)
    running = sum(job.state.executing for job in jobs)
    waiting = sorted((job for job in jobs if job.state is JobState.QUEUED), key=_age)
    return {job.id: running + place for place, job in enumerate(waiting)}


def _age(job: Standing) -> tuple[object, str]:
    return job.create_time, job.id
