"""Which job runs next."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from chainrule.service.jobs.job import Standing
from chainrule.service.jobs.queue import next_job, queue_positions
from chainrule.service.jobs.states import JobState


def job(number: int, state: JobState = JobState.QUEUED) -> Standing:
    time = datetime(2026, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=number)
    return Standing(f"job-{number}", state, time)


def test_the_oldest_waiting_job_is_next() -> None:
    chosen = next_job([job(3), job(1), job(2), job(0, JobState.PAUSED)])
    assert chosen is not None
    assert chosen.id == "job-1"


def test_nothing_starts_while_a_job_executes() -> None:
    for state in (JobState.STARTING, JobState.RUNNING, JobState.PAUSING, JobState.CANCELLING):
        assert next_job([job(1), job(2, state)]) is None


def test_nothing_starts_where_nothing_waits() -> None:
    assert next_job([job(1, JobState.PAUSED)]) is None


def test_places_count_what_runs_and_what_waits_before() -> None:
    jobs = [job(3), job(1), job(0, JobState.RUNNING), job(2, JobState.PAUSED)]
    assert queue_positions(jobs) == {"job-1": 1, "job-3": 2}
