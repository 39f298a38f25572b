"""What every store must do, run against each of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from chainrule.service.jobs.errors import Reason, ServiceFault
from chainrule.service.jobs.events import Event, StateChanged
from chainrule.service.jobs.job import Job, JobError, JobProgress, ModelFile
from chainrule.service.jobs.lifecycle import Change, apply_report, finish, move
from chainrule.service.jobs.sql_store import SqlStore
from chainrule.service.jobs.states import JobState, Trigger
from chainrule.service.jobs.store import MemoryStore, RequestKey, Store
from chainrule.worker.inspect import JobSummary, LayerSummary, WeightsSummary
from chainrule.worker.reports import Finished, Outcome, Progress, Started

BEGINNING = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=timezone.utc)
QUEUED = StateChanged(JobState.QUEUED, "waiting")
STARTED = Started(0, 100, 10, 10, 1000, 80, 20, 2, 1)


@pytest.fixture(params=["memory", "sql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    made: Store = MemoryStore() if request.param == "memory" else SqlStore(tmp_path / "jobs.sqlite3")
    yield made
    made.close()


def new_job(number: int = 0, *, id: str | None = None) -> Job:
    time = BEGINNING + timedelta(seconds=number)
    name = id or f"job-{number}"
    return Job(name, f"uid-{name}", {"name": "j"}, JobState.QUEUED, time, time, state_message="waiting")


def moved(trigger: Trigger) -> Callable[[Job], Change]:
    return lambda job: move(job, trigger, trigger.value)


def fault_of(call: Callable[[], object]) -> ServiceFault:
    with pytest.raises(ServiceFault) as caught:
        call()
    return caught.value


class TestJobs:
    def test_a_created_job_comes_back_as_it_was(self, store: Store) -> None:
        job = replace(
            new_job(),
            start_time=BEGINNING,
            end_time=BEGINNING,
            attempt=3,
            interruptions=2,
            suspended=True,
            progress=JobProgress(5, 10, 1, 2, loss=0.5, samples_per_second=1e6, remaining_seconds=2.5),
            metrics={"loss": 0.1, "accuracy": 0.9},
            model=ModelFile("model.safetensors", 12, "aa", "bb"),
            checkpoint_step=4,
            error=JobError("DIVERGED", "loss", 7),
            summary=JobSummary(
                1,
                2,
                3,
                (8, 8),
                10,
                4,
                5,
                6,
                (LayerSummary("layers.0.linear", (10,), 650),),
                WeightsSummary(2, 1, 3, ("head.weight",), ("fc.weight", "fc.bias")),
            ),
            continue_from="other",
        )
        store.create(job, QUEUED, None)
        assert store.get(job.id) == job

    def test_an_unknown_job_is_named(self, store: Store) -> None:
        for call in (
            lambda: store.get("nowhere"),
            lambda: store.events("nowhere", 0, 1),
            lambda: store.last_sequence("nowhere"),
            lambda: store.delete("nowhere"),
            lambda: store.change("nowhere", moved(Trigger.START)),
        ):
            fault = fault_of(call)
            assert fault.reason is Reason.JOB_NOT_FOUND
            assert "nowhere" in str(fault)

    def test_an_id_is_given_once(self, store: Store) -> None:
        store.create(new_job(), QUEUED, None)
        assert fault_of(lambda: store.create(new_job(), QUEUED, None)).reason is Reason.JOB_EXISTS

    def test_a_deleted_job_is_gone_with_its_events_and_its_request(self, store: Store) -> None:
        request = RequestKey("r", "body")
        store.create(new_job(), QUEUED, request)
        store.delete("job-0")
        assert fault_of(lambda: store.get("job-0")).reason is Reason.JOB_NOT_FOUND
        assert store.find_request(request) is None
        store.create(new_job(), QUEUED, request)
        assert [event.sequence for event in store.events("job-0", 0, 10)] == [1]

    def test_active_jobs_are_those_that_have_not_ended_oldest_first(self, store: Store) -> None:
        for number in (2, 0, 1):
            store.create(new_job(number), QUEUED, None)
        store.change("job-1", moved(Trigger.CANCEL))
        assert [job.id for job in store.active()] == ["job-0", "job-2"]


class TestRequests:
    def test_a_repeated_request_gets_the_first_job(self, store: Store) -> None:
        request = RequestKey("r", "body")
        first = store.create(new_job(0), QUEUED, request)
        again = store.create(new_job(1), QUEUED, request)
        assert again == first
        assert store.page(10, "").total == 1
        assert store.find_request(request) == first

    def test_a_request_id_with_another_body_is_refused(self, store: Store) -> None:
        store.create(new_job(0), QUEUED, RequestKey("r", "body"))
        other = RequestKey("r", "another body")
        assert fault_of(lambda: store.create(new_job(1), QUEUED, other)).reason is Reason.REQUEST_ID_REUSED
        assert fault_of(lambda: store.find_request(other)).reason is Reason.REQUEST_ID_REUSED

    def test_many_requests_at_once_with_one_id_make_one_job(self, store: Store) -> None:
        request, together = RequestKey("r", "body"), threading.Barrier(8)

        def create(number: int) -> str:
            together.wait()
            return store.create(new_job(number), QUEUED, request).id

        with ThreadPoolExecutor(8) as pool:
            ids = set(pool.map(create, range(8)))
        assert len(ids) == 1
        assert store.page(10, "").total == 1


class TestChanges:
    def test_a_change_of_state_and_its_event_come_together(self, store: Store) -> None:
        store.create(new_job(), QUEUED, None)
        job = store.change("job-0", moved(Trigger.START))
        assert store.get("job-0") == job
        assert job.state is JobState.STARTING
        assert job.update_time > BEGINNING
        assert store.events("job-0", 1, 10) == [
            Event(2, job.update_time, StateChanged(JobState.STARTING, "start"))
        ]

    def test_a_refused_change_leaves_nothing_behind(self, store: Store) -> None:
        before = store.create(new_job(), QUEUED, None)
        assert fault_of(lambda: store.change("job-0", moved(Trigger.RESUME))).reason is Reason.STATE_CONFLICT
        assert store.get("job-0") == before
        assert store.last_sequence("job-0") == 1

    def test_an_error_while_deciding_passes_through_and_leaves_nothing_behind(self, store: Store) -> None:
        before = store.create(new_job(), QUEUED, None)

        def broken(job: Job) -> Change:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            store.change("job-0", broken)
        assert store.get("job-0") == before
        assert store.change("job-0", moved(Trigger.START)).state is JobState.STARTING

    def test_no_event_means_no_change(self, store: Store) -> None:
        store.create(new_job(), QUEUED, None)
        store.change("job-0", moved(Trigger.CANCEL))
        ended = store.get("job-0")
        assert store.change("job-0", moved(Trigger.CANCEL)) == ended
        assert store.last_sequence("job-0") == 2

    def test_events_are_numbered_without_gaps_under_concurrent_changes(self, store: Store) -> None:
        store.create(new_job(), QUEUED, None)
        store.change("job-0", lambda job: apply_report(replace(job, state=JobState.RUNNING), STARTED))

        def report(step: int) -> None:
            store.change("job-0", lambda job: apply_report(job, Progress(step, 1, 0.5, 10.0, 1.0)))

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(report, range(40)))
        events = store.events("job-0", 0, 1000)
        assert [event.sequence for event in events] == list(range(1, len(events) + 1))
        assert store.last_sequence("job-0") == len(events) == 42

    def test_numbers_that_are_not_finite_survive(self, store: Store) -> None:
        store.create(new_job(), QUEUED, None)
        report = Progress(1, 1, float("inf"), 0.0, float("inf"))
        store.change("job-0", lambda job: apply_report(job, report))
        assert store.events("job-0", 1, 10)[0].report == report

    def test_the_last_event_of_a_finished_job_is_the_terminal_one(self, store: Store) -> None:
        store.create(new_job(), QUEUED, None)
        store.change("job-0", moved(Trigger.START))
        report = Finished(Outcome.SUCCEEDED, 100, 10, {"loss": 0.1}, "d", "m", 100)
        store.change("job-0", lambda job: finish(job, report, None, stopped=None, requeue=False))
        events = store.events("job-0", 0, 100)
        assert [event.terminal for event in events] == [False, False, False, True]
        assert events[-2].report == report

    def test_events_come_in_pieces_after_a_sequence(self, store: Store) -> None:
        store.create(new_job(), QUEUED, None)
        for _ in range(3):
            store.change("job-0", moved(Trigger.PAUSE))
            store.change("job-0", moved(Trigger.RESUME))
        assert [event.sequence for event in store.events("job-0", 2, 3)] == [3, 4, 5]
        assert store.events("job-0", 7, 3) == []


class TestPages:
    def test_pages_hold_every_job_once_from_the_newest_to_the_oldest(self, store: Store) -> None:
        for number in range(7):
            store.create(new_job(number), QUEUED, None)
        ids, token, sizes = [], "", []
        while True:
            page = store.page(3, token)
            ids += [job.id for job in page.jobs]
            sizes.append(len(page.jobs))
            token = page.next_page_token
            assert page.total == 7
            if not token:
                break
        assert ids == [f"job-{number}" for number in reversed(range(7))]
        assert sizes == [3, 3, 1]

    def test_a_full_last_page_promises_no_next_one(self, store: Store) -> None:
        for number in range(4):
            store.create(new_job(number), QUEUED, None)
        page = store.page(2, store.page(2, "").next_page_token)
        assert [job.id for job in page.jobs] == ["job-1", "job-0"]
        assert page.next_page_token == ""

    def test_jobs_that_come_later_do_not_shift_the_next_page(self, store: Store) -> None:
        for number in range(4):
            store.create(new_job(number), QUEUED, None)
        token = store.page(2, "").next_page_token
        store.create(new_job(9), QUEUED, None)
        assert [job.id for job in store.page(2, token).jobs] == ["job-1", "job-0"]

    def test_jobs_of_the_same_moment_are_told_apart(self, store: Store) -> None:
        for name in ("b", "c", "a"):
            store.create(new_job(id=name), QUEUED, None)
        first = store.page(2, "")
        second = store.page(2, first.next_page_token)
        assert [job.id for job in (*first.jobs, *second.jobs)] == ["c", "b", "a"]

    def test_a_made_up_token_is_refused(self, store: Store) -> None:
        assert fault_of(lambda: store.page(2, "bm9uc2Vuc2U")).reason is Reason.PAGE_TOKEN_INVALID
