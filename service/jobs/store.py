"""Where jobs and their events are kept: the contract of every store, and the one in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import Protocol

from .errors import Reason, ServiceFault, job_not_found
from .events import Event, Happening
from .job import Job, Standing
from .lifecycle import Change, now
from .pages import Position, decode_token, encode_token

Decision = Callable[[Job], Change]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class RequestKey:
    """A caller's id of a request, and a digest of what the request asked for."""

    id: str
    digest: str


@dataclass(frozen=True)
class Page:
    """Some jobs, how to ask for the next ones ("": there are none), and how many there are in all."""

    jobs: tuple[Job, ...]
    next_page_token: str
    total: int


class Store(Protocol):
    """Keeps jobs and events. Threads may share it; what a method has returned is durable.

    Methods raise ServiceFault (JOB_NOT_FOUND and so on) and StoreError.
    """

    def create(self, job: Job, happening: Happening, request: RequestKey | None) -> Job:
        """Adds a job with its first event. A repeated request gets the first one's job, and nothing is added.

        Raises ServiceFault: JOB_EXISTS, REQUEST_ID_REUSED.
        """
        ...

    def find_request(self, request: RequestKey) -> Job | None:
        """The job that this request created; raises ServiceFault (REQUEST_ID_REUSED) for another body."""
        ...

    def get(self, job_id: str) -> Job:
        """The job."""
        ...

    def page(self, page_size: int, page_token: str) -> Page:
        """Jobs from the newest to the oldest. A job that comes later never shifts the pages that follow."""
        ...

    def active(self) -> list[Standing]:
        """All jobs that have not ended, oldest first."""
        ...

    def change(self, job_id: str, decide: Decision) -> Job:
        """Replaces a job by what `decide` makes of it and adds what happened, both or neither.

        `decide` sees the newest version, and nothing changes meanwhile. Its errors pass and change nothing.
        """
        ...

    def events(self, job_id: str, after_sequence: int, limit: int) -> list[Event]:
        """The job's events with a greater sequence, in order."""
        ...

    def last_sequence(self, job_id: str) -> int:
        """The sequence of the job's newest event."""
        ...

    def delete(self, job_id: str) -> None:
        """Removes a job and its events."""
        ...

    def close(self) -> None:
        """Gives files back; idempotent."""
        ...


def microseconds(time: datetime) -> int:
    """A moment as microseconds since 1970, exactly."""
    return (time - _EPOCH) // timedelta(microseconds=1)


def moment(value: int) -> datetime:
    """The inverse of `microseconds`."""
    return _EPOCH + timedelta(microseconds=value)


def position_of(job: Job) -> Position:
    """The job's place in the list."""
    return Position(microseconds(job.create_time), job.id)


def request_reused(request: RequestKey) -> ServiceFault:
    """The fault of a request id that comes again with another body."""
    return ServiceFault(
        Reason.REQUEST_ID_REUSED,
        f"request_id '{request.id}' was used before for another request: use a new one for each new request",
    )


def job_exists(job_id: str) -> ServiceFault:
    """The fault of an id that is taken."""
    return ServiceFault(
        Reason.JOB_EXISTS, f"there is a job '{job_id}' already: choose another id", resource=job_id
    )


class MemoryStore:
    """A store that forgets all when its process ends: for tests, and as the plainest form of the contract."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._jobs: dict[str, Job] = {}
        self._events: dict[str, list[Event]] = {}
        self._requests: dict[str, tuple[RequestKey, str]] = {}

    def create(self, job: Job, happening: Happening, request: RequestKey | None) -> Job:
        with self._lock:
            first = self.find_request(request) if request else None
            if first is not None:
                return first
            if job.id in self._jobs:
                raise job_exists(job.id)
            self._jobs[job.id] = job
            self._events[job.id] = [Event(1, job.create_time, happening)]
            if request is not None:
                self._requests[request.id] = (request, job.id)
            return job

    def find_request(self, request: RequestKey) -> Job | None:
        with self._lock:
            first, job_id = self._requests.get(request.id, (request, ""))
            if first.digest != request.digest:
                raise request_reused(request)
            return self._jobs.get(job_id)

    def get(self, job_id: str) -> Job:
        with self._lock:
            if job_id not in self._jobs:
                raise job_not_found(job_id)
            return self._jobs[job_id]

    def page(self, page_size: int, page_token: str) -> Page:
        after = decode_token(page_token) if page_token else None
        with self._lock:
            jobs = sorted(self._jobs.values(), key=_place, reverse=True)
        rest = [job for job in jobs if after is None or _place(job) < (after.created, after.job_id)]
        more = len(rest) > page_size
        token = encode_token(position_of(rest[page_size - 1])) if more else ""
        return Page(tuple(rest[:page_size]), token, len(jobs))

    def active(self) -> list[Standing]:
        with self._lock:
            jobs = sorted((job for job in self._jobs.values() if not job.state.terminal), key=_place)
        return [Standing(job.id, job.state, job.create_time, job.continue_from) for job in jobs]

    def change(self, job_id: str, decide: Decision) -> Job:
        with self._lock:
            change = decide(self.get(job_id))
            if not change.happenings:
                return change.job
            time, events = now(), self._events[job_id]
            events.extend(Event(len(events) + 1 + n, time, each) for n, each in enumerate(change.happenings))
            self._jobs[job_id] = replace(change.job, update_time=time)
            return self._jobs[job_id]

    def events(self, job_id: str, after_sequence: int, limit: int) -> list[Event]:
        with self._lock:
            self.get(job_id)
            return self._events[job_id][after_sequence : after_sequence + limit]

    def last_sequence(self, job_id: str) -> int:
        with self._lock:
            self.get(job_id)
            return len(self._events[job_id])

    def delete(self, job_id: str) -> None:
        with self._lock:
            self.get(job_id)
            del self._jobs[job_id], self._events[job_id]
            self._requests = {key: value for key, value in self._requests.items() if value[1] != job_id}

    def close(self) -> None:
        """Nothing to give back."""


def _place(job: Job) -> tuple[int, str]:
    position = position_of(job)
    return position.created, position.job_id
