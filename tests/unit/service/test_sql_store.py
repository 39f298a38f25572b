"""What only the database can do: outlive its process, and break in ways that have to be told."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest

from chainrule.service.jobs.disk_reserve import RESERVE_BYTES
from chainrule.service.jobs.errors import Reason, StoreError
from chainrule.service.jobs.events import StateChanged
from chainrule.service.jobs.job import Job
from chainrule.service.jobs.lifecycle import move
from chainrule.service.jobs.sql_store import SCHEMA_VERSION, SqlStore
from chainrule.service.jobs.states import JobState, Trigger
from chainrule.service.jobs.store import Decision

TIME = datetime(2026, 1, 2, tzinfo=timezone.utc)
QUEUED = StateChanged(JobState.QUEUED, "waiting")

CREATE_UNTIL_KILLED = """
import sys
from datetime import datetime, timezone
from pathlib import Path
from chainrule.service.jobs.events import StateChanged
from chainrule.service.jobs.job import Job
from chainrule.service.jobs.sql_store import SqlStore
from chainrule.service.jobs.states import JobState

store, time = SqlStore(Path(sys.argv[1])), datetime(2026, 1, 2, tzinfo=timezone.utc)
number = 0
while True:
    job = Job(f"job-{number}", f"uid-{number}", {}, JobState.QUEUED, time, time)
    store.create(job, StateChanged(JobState.QUEUED), None)
    print(job.id, flush=True)
    number += 1
"""


def new_job(name: str, text: str = "") -> Job:
    return Job(name, f"uid-{name}", {"text": text}, JobState.QUEUED, TIME, TIME)


def test_what_was_stored_is_there_after_reopening(tmp_path: Path) -> None:
    store = SqlStore(tmp_path / "jobs.sqlite3")
    store.create(new_job("a"), QUEUED, None)
    store.close()
    again = SqlStore(tmp_path / "jobs.sqlite3")
    assert again.get("a") == new_job("a")
    assert [event.report for event in again.events("a", 0, 10)] == [QUEUED]
    again.close()


def test_a_loss_that_was_stored_as_a_name_alone_is_read_as_the_loss_that_it_names(tmp_path: Path) -> None:
    store = SqlStore(tmp_path / "jobs.sqlite3")
    store.create(replace(new_job("old"), spec={"loss": "squared_error", "name": "old"}), QUEUED, None)
    assert store.get("old").spec == {"loss": {"squared_error": {}}, "name": "old"}
    store.close()


def test_every_acknowledged_job_survives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite3"
    process = subprocess.Popen(
        [sys.executable, "-c", CREATE_UNTIL_KILLED, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    acknowledged = [process.stdout.readline().strip() for _ in range(25)]
    process.send_signal(signal.SIGKILL)
    acknowledged += process.stdout.read().split()
    process.wait()
    process.stdout.close()
    store = SqlStore(path)
    for job_id in acknowledged:
        assert store.get(job_id).state is JobState.QUEUED
        assert store.last_sequence(job_id) == 1
    store.close()


def test_commits_wait_for_the_disk(tmp_path: Path) -> None:
    store = SqlStore(tmp_path / "jobs.sqlite3")
    with store._engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    store.close()


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite3"
    path.write_bytes(b"this is not a database, however long one looks at it" * 50)
    with pytest.raises(StoreError, match="damaged or not a database") as caught:
        SqlStore(path)
    assert caught.value.reason is Reason.STORAGE_FAILED
    assert str(path) in str(caught.value)


def test_damaged_pages_are_reported_when_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite3"
    store = SqlStore(path)
    for number in range(200):
        store.create(new_job(f"job-{number}", "x" * 1000), QUEUED, None)
    store.close()
    data = bytearray(path.read_bytes())
    data[8192:] = os.urandom(len(data) - 8192)
    path.write_bytes(data)
    with pytest.raises(StoreError, match="damaged"):
        SqlStore(path).page(200, "")


def test_a_database_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite3"
    SqlStore(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    with pytest.raises(StoreError, match="later version of chainrule"):
        SqlStore(path)


def test_a_folder_that_is_not_there_is_reported(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be opened for writing") as caught:
        SqlStore(tmp_path / "nowhere" / "jobs.sqlite3")
    assert caught.value.reason is Reason.DATA_FOLDER_UNUSABLE


def test_a_full_disk_is_reported_and_what_was_stored_stays(tmp_path: Path) -> None:
    store = SqlStore(tmp_path / "jobs.sqlite3")
    store.create(new_job("a"), QUEUED, None)
    with store._engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match="the disk is full") as caught:
        store.create(new_job("b", "x" * 100_000), QUEUED, None)
    assert caught.value.reason is Reason.STORAGE_FULL
    assert [job.id for job in store.active()] == ["a"]
    store.close()


def test_an_entry_that_cannot_be_read_is_reported_with_its_job(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite3"
    store = SqlStore(path)
    store.create(new_job("a"), QUEUED, None)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE jobs SET state = 'DREAMING'")
    with pytest.raises(StoreError, match=r"job 'a'.*DREAMING"):
        store.get("a")
    store.close()


def test_the_end_of_a_job_is_stored_even_on_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SqlStore(tmp_path / "jobs.sqlite3")
    reserve = tmp_path / "jobs.sqlite3-reserve"
    assert reserve.stat().st_size == RESERVE_BYTES
    store.create(new_job("a"), QUEUED, None)
    store.change("a", lambda job: move(job, Trigger.START, "starting"))
    change = store._change

    def on_a_full_disk(job_id: str, decide: Decision) -> Job:
        if reserve.exists():
            decide(store.get(job_id))
            raise StoreError(Reason.STORAGE_FULL, "the disk is full")
        return change(job_id, decide)

    monkeypatch.setattr(store, "_change", on_a_full_disk)
    with pytest.raises(StoreError, match="the disk is full"):
        store.change("a", lambda job: move(job, Trigger.STARTED, "training"))
    assert store.change("a", lambda job: move(job, Trigger.FAIL, "no room")).state is JobState.FAILED
    assert store.get("a").state is JobState.FAILED
    store.close()
    SqlStore(tmp_path / "jobs.sqlite3").close()
    assert reserve.exists()
