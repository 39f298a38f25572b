"""Finds the service that a command talks to: at an address, on the data folder, or one of its own."""

from __future__ import annotations

import logging
import logging.handlers
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..api.embedded import EmbeddedService
from ..client import Client, Job, ServiceError
from ..config import ServiceConfig
from ..jobs.folder_lock import read_holder
from .errors import UsageProblem
from .log import log_to
from .options import default_data_folder
from .signals import StopAtOnce, descendants, kill

SHORTEST_PREFIX = 4
LOG_BYTES = 2_000_000
START_SECONDS = 10.0


@dataclass(frozen=True)
class Connection:
    """A client with what it takes to reach the same service by another command.

    `data_folder` is None where the service is elsewhere. `service` is one that ends with this command.
    """

    client: Client
    options: tuple[str, ...]
    data_folder: Path | None
    service: EmbeddedService | None = None

    @property
    def own(self) -> bool:
        """Whether the service ends with this command."""
        return self.service is not None

    def allow_code(self, spec: Mapping[str, Any]) -> None:
        """Let a service of our own run the Python file of this job, which the user named; others decide."""
        if self.service is not None:
            self.service.allow_code(spec)

    def model_path(self, job: Job) -> Path | None:
        """Where the job's model is on this machine, as far as this machine can tell."""
        if self.data_folder is None or job.model is None:
            return None
        path = ServiceConfig(self.data_folder).jobs_folder / job.id / job.model.file_name
        return path if path.exists() else None

    def find(self, job: str) -> Job:
        """The job of this id, full name or unique beginning of an id."""
        job_id = job.rpartition("/")[2]
        try:
            return self.client.get_job(job_id)
        except ServiceError as error:
            if error.reason not in ("JOB_NOT_FOUND", "NAME_INVALID"):
                raise
        found = [
            j for j in self.client.list_jobs() if len(job_id) >= SHORTEST_PREFIX and j.id.startswith(job_id)
        ]
        if len(found) == 1:
            return found[0]
        if found:
            some = ", ".join(j.id for j in found[:5]) + (", ..." if len(found) > 5 else "")
            raise UsageProblem(
                f"'{job}' is the beginning of {len(found)} jobs ({some}): write more of the id."
            )
        listing = " ".join(("chainrule jobs", *self.options))
        raise UsageProblem(f"there is no job '{job}'. `{listing}` lists the jobs there are.")


@contextmanager
def connect(address: str | None, data_dir: Path | None) -> Iterator[Connection]:
    """For commands about known jobs: `address`, else who holds the data folder, else a service of our own."""
    folder = data_folder(data_dir)
    if address is not None:
        with Client(address) as client:
            yield Connection(client, ("--address", address), None)
        return
    there = address_of_holder(folder)
    if there is not None:
        with Client(there) as client:
            yield Connection(client, folder_options(data_dir), folder)
        return
    if not folder.is_dir():
        raise UsageProblem(f"there are no jobs: the data folder {folder} does not exist.")
    # Nothing is trained here, so the runtime that costs nothing will do.
    with connect_own(data_dir, "inprocess", lambda sentence: nullcontext()) as connection:
        yield connection


@contextmanager
def connect_running(address: str | None, data_dir: Path | None) -> Iterator[Connection]:
    """For commands that leave the work to a service that runs already."""
    folder = data_folder(data_dir)
    if address is None and address_of_holder(folder) is None:
        raise UsageProblem(
            f"no service runs on the data folder {folder}: start one with `chainrule serve`, name one with "
            "--address, or train here and now with `chainrule train`."
        )
    with connect(address, data_dir) as connection:
        yield connection


@contextmanager
def connect_own(
    data_dir: Path | None, runtime: str, waiting: Callable[[str], AbstractContextManager[None]]
) -> Iterator[Connection]:
    """A service on the data folder that runs in this process, on loopback, as long as the command does.

    On the Ray cluster that RAY_ADDRESS names, as it does in a job submitted to one, else on Ray here.
    StopAtOnce leaves it running: whoever catches that ends the process at once.
    """
    folder = data_folder(data_dir)
    config = ServiceConfig(
        folder,
        runtime="inprocess" if runtime == "inprocess" else "ray",
        ray_address=os.environ.get("RAY_ADDRESS"),
    )
    service = EmbeddedService(config)
    # Only now: importing Ray sets up a log of its own.
    log_to_file(folder)
    address = service.start()
    try:
        with Client(address) as client:
            yield Connection(client, folder_options(data_dir), folder, service)
    except Exception:
        service.stop()
        raise
    processes = descendants(os.getpid())
    try:
        with waiting("ending its processes"):
            service.stop()
    except StopAtOnce:
        # The children of a process that has ended already can no longer be found as ours.
        kill(processes)
        raise


@contextmanager
def connect_to_train(
    address: str | None,
    data_dir: Path | None,
    runtime: str,
    waiting: Callable[[str], AbstractContextManager[None]],
) -> Iterator[Connection]:
    """For `train`: the service at `address`, else one of our own."""
    here = address is None
    with connect_own(data_dir, runtime, waiting) if here else connect(address, data_dir) as connection:
        yield connection


def address_of_holder(folder: Path) -> str | None:
    """Where the service on the data folder listens; None if none does (waits for one that starts)."""
    give_up_at = time.monotonic() + START_SECONDS
    while True:
        holder = read_holder(folder)
        if holder is None:
            return None
        if holder.address or time.monotonic() > give_up_at:
            return holder.address or None
        time.sleep(0.05)


def data_folder(data_dir: Path | None) -> Path:
    """The absolute path of the data folder."""
    return (default_data_folder() if data_dir is None else data_dir.expanduser()).absolute()


def folder_options(data_dir: Path | None) -> tuple[str, ...]:
    """What a later command must say to use the same data folder."""
    return () if data_dir is None else ("--data-dir", str(data_dir))


def log_to_file(folder: Path) -> None:
    """Send what is logged to `logs/chainrule.log` in the data folder, not to the terminal."""
    path = folder / "logs" / "chainrule.log"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler: logging.Handler = logging.handlers.RotatingFileHandler(
            path, maxBytes=LOG_BYTES, backupCount=1, delay=True, encoding="utf-8"
        )
    except OSError:
        handler = logging.NullHandler()
    log_to(handler)
