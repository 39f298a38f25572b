"""Jobs and events in a SQLite database, through SQLAlchemy; a write is on the disk before it is answered."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, delete, event, func, select, text, tuple_
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session

from .disk_reserve import DiskReserve
from .errors import Reason, StoreError, job_not_found
from .events import Event, Happening, happening_from_json, happening_to_json
from .job import Job, Standing
from .lifecycle import Change, now
from .pages import decode_token, encode_token
from .states import TERMINAL_STATES, JobState
from .store import Decision, Page, RequestKey, job_exists, microseconds, moment, position_of, request_reused
from .tables import EventRow, JobRow, Row, job_of_row, unreadable, write_job

SCHEMA_VERSION = 1
_BUSY_SECONDS = 15
_LEAST_ROOM = 64 * 1024
_TERMINAL = [state.value for state in TERMINAL_STATES]


class SqlStore:
    """The store in the SQLite file at `path` (made where it is not there; its folder must be).

    Raises StoreError where the file cannot be opened, is no database of ours, or is one of a later version.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._reserve = DiskReserve(path.with_name(f"{path.name}-reserve"))
        # SQLite has one writer at a time; waiting for it here is fair, inside SQLite it is not.
        self._write_lock = threading.Lock()
        self._engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": _BUSY_SECONDS})
        event.listen(self._engine, "connect", _configure)
        event.listen(self._engine, "begin", _begin)
        self._writing = self._engine.execution_options(sqlite_begin="BEGIN IMMEDIATE")
        try:
            self._prepare()
            self._reserve.take()
        except BaseException:
            self._engine.dispose()
            raise

    def create(self, job: Job, happening: Happening, request: RequestKey | None) -> Job:
        with self._write() as session:
            first = _find_request(session, request) if request else None
            if first is not None:
                return first
            if session.get(JobRow, job.id) is not None:
                raise job_exists(job.id)
            row = JobRow(
                id=job.id,
                last_sequence=1,
                request_id=request.id if request else None,
                request_digest=request.digest if request else None,
            )
            write_job(row, job)
            session.add(row)
            session.flush()
            session.add(_event_row(Event(1, job.create_time, happening), job.id))
        return job

    def find_request(self, request: RequestKey) -> Job | None:
        with self._read() as session:
            return _find_request(session, request)

    def get(self, job_id: str) -> Job:
        with self._read() as session:
            return job_of_row(_row(session, job_id))

    def page(self, page_size: int, page_token: str) -> Page:
        after = decode_token(page_token) if page_token else None
        place = tuple_(JobRow.create_time, JobRow.id)
        query = select(JobRow).order_by(JobRow.create_time.desc(), JobRow.id.desc()).limit(page_size + 1)
        if after is not None:
            query = query.where(place < (after.created, after.job_id))
        with self._read() as session:
            jobs = [job_of_row(row) for row in session.scalars(query)]
            total = session.scalar(select(func.count()).select_from(JobRow)) or 0
        token = encode_token(position_of(jobs[page_size - 1])) if len(jobs) > page_size else ""
        return Page(tuple(jobs[:page_size]), token, total)

    def active(self) -> list[Standing]:
        # The columns that it takes and no more: every look at the queue reads all that waits in it.
        columns = (JobRow.id, JobRow.state, JobRow.create_time, JobRow.continue_from)
        query = select(*columns).where(JobRow.state.not_in(_TERMINAL)).order_by(JobRow.create_time, JobRow.id)
        with self._read() as session:
            return [
                Standing(id, JobState(state), moment(time), origin)
                for id, state, time, origin in session.execute(query)
            ]

    def change(self, job_id: str, decide: Decision) -> Job:
        """Also on a full disk where the job ends by it: what waits for its end must not wait for space."""
        ends = False

        def noting(job: Job) -> Change:
            nonlocal ends
            change = decide(job)
            ends = job.state.executing and not change.job.state.executing
            return change

        try:
            job = self._change(job_id, noting)
        except StoreError as error:
            if not (ends and error.reason is Reason.STORAGE_FULL and self._reserve.give_up()):
                raise
            return self._change(job_id, noting)
        if ends:
            self._reserve.take()
        return job

    def _change(self, job_id: str, decide: Decision) -> Job:
        with self._write() as session:
            row = _row(session, job_id)
            change = decide(job_of_row(row))
            if not change.happenings:
                return change.job
            time = now()
            job = replace(change.job, update_time=time)
            for happening in change.happenings:
                row.last_sequence += 1
                session.add(_event_row(Event(row.last_sequence, time, happening), job_id))
            write_job(row, job)
        return job

    def events(self, job_id: str, after_sequence: int, limit: int) -> list[Event]:
        query = (
            select(EventRow)
            .where(EventRow.job_id == job_id, EventRow.sequence > after_sequence)
            .order_by(EventRow.sequence)
            .limit(limit)
        )
        with self._read() as session:
            _row(session, job_id)
            rows = session.scalars(query)
            return [_event_of_row(row) for row in rows]

    def last_sequence(self, job_id: str) -> int:
        with self._read() as session:
            return _row(session, job_id).last_sequence

    def delete(self, job_id: str) -> None:
        with self._write() as session:
            row = _row(session, job_id)
            session.execute(delete(EventRow).where(EventRow.job_id == job_id))
            session.delete(row)

    def close(self) -> None:
        self._engine.dispose()

    def _prepare(self) -> None:
        with self._errors(), self._writing.begin() as connection:
            version = connection.scalar(text("PRAGMA user_version"))
            if version > SCHEMA_VERSION:
                raise StoreError(
                    Reason.STORAGE_FAILED,
                    f"the job database '{self._path}' was made by a later version of chainrule "
                    f"(its schema is {version}, this version knows {SCHEMA_VERSION}): use that version, or "
                    "another data folder",
                )
            Row.metadata.create_all(connection)
            connection.execute(text(f"PRAGMA user_version = {SCHEMA_VERSION}"))

    @contextmanager
    def _write(self) -> Iterator[Session]:
        with self._errors(), self._write_lock, _session(self._writing) as session:
            yield session

    @contextmanager
    def _read(self) -> Iterator[Session]:
        with self._errors(), _session(self._engine) as session:
            yield session

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            raise self._store_error(error) from error

    def _store_error(self, error: SQLAlchemyError) -> StoreError:
        said = str(error.orig) if isinstance(error, DBAPIError) else str(error)
        where = f"the job database '{self._path}'"
        if "is full" in said or ("disk I/O error" in said and _no_room(self._path)):
            return StoreError(
                Reason.STORAGE_FULL, f"{where} cannot be written: the disk is full. Free some space"
            )
        if "malformed" in said or "not a database" in said:
            return StoreError(
                Reason.STORAGE_FAILED,
                f"{where} is damaged or not a database ({said}): restore it from a backup, or move it away "
                "to begin anew; checkpoints and models in the folder beside it are not affected",
            )
        if "readonly" in said or "unable to open" in said or "not authorized" in said:
            return StoreError(
                Reason.DATA_FOLDER_UNUSABLE,
                f"{where} cannot be opened for writing ({said}): check the permissions of the folder and its "
                "files, or choose another data folder",
            )
        if "locked" in said:
            return StoreError(
                Reason.STORAGE_FAILED,
                f"{where} was locked by another program for {_BUSY_SECONDS} seconds: close that program",
            )
        return StoreError(Reason.STORAGE_FAILED, f"{where} failed: {said}")


def _no_room(path: Path) -> bool:
    """Whether the disk is full, which SQLite calls an I/O error where it is its index that has to grow."""
    try:
        return shutil.disk_usage(path.parent).free < _LEAST_ROOM
    except OSError:
        return False


def _configure(connection: Any, record: object) -> None:
    # The driver's own guesses at when a transaction begins are off; _begin says it.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    # A transaction that reads first and writes later must hold the write lock from its beginning.
    connection.exec_driver_sql(connection.get_execution_options().get("sqlite_begin", "BEGIN"))


@contextmanager
def _session(engine: Engine) -> Iterator[Session]:
    with Session(engine, expire_on_commit=False) as session, session.begin():
        yield session


def _row(session: Session, job_id: str) -> JobRow:
    row = session.get(JobRow, job_id)
    if row is None:
        raise job_not_found(job_id)
    return row


def _find_request(session: Session, request: RequestKey) -> Job | None:
    row = session.scalar(select(JobRow).where(JobRow.request_id == request.id))
    if row is None:
        return None
    if row.request_digest != request.digest:
        raise request_reused(request)
    return job_of_row(row)


def _event_of_row(row: EventRow) -> Event:
    try:
        return Event(row.sequence, moment(row.time), happening_from_json(row.body))
    except (ValueError, KeyError, TypeError) as error:
        raise unreadable(row.job_id, error) from error


def _event_row(happened: Event, job_id: str) -> EventRow:
    return EventRow(
        job_id=job_id,
        sequence=happened.sequence,
        time=microseconds(happened.time),
        body=happening_to_json(happened.report),
    )
