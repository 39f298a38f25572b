"""Where a job's processes run: the contract that every runtime keeps, whatever it runs them on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol

from ..reports import Report
from ..spec import JobSpec


@dataclass(frozen=True)
class JobOrder:
    """One execution of a job.

    `folder` is the job's own folder (checkpoints, model). With `resume` it goes on from the newest good
    checkpoint there; otherwise from `continue_from`, the folder of another job, where that is given.
    """

    job_id: str
    attempt: int
    spec: JobSpec
    folder: Path
    resume: bool = False
    continue_from: Path | None = None


class Stop(Enum):
    """How to end an execution before its time: PAUSE and CANCEL save a checkpoint first, KILL saves
    nothing."""

    PAUSE = "pause"
    CANCEL = "cancel"
    KILL = "kill"


class Execution(Protocol):
    """A job that is being trained."""

    def reports(self) -> Iterator[Report]:
        """Every report in order, the last of them `Finished`; blocks between them and never raises for a
        failed job."""
        ...

    def stop(self, how: Stop) -> None:
        """Ask for an early end, from any thread; returns at once, `Finished` tells what came of it."""
        ...


class Runtime(Protocol):
    """A place to run jobs."""

    def start(self) -> None:
        """Make the place ready (idempotent; may take seconds)."""
        ...

    def execute(self, order: JobOrder) -> Execution:
        """Begin to train a job; returns at once."""
        ...

    def close(self) -> None:
        """Give the place back; kills what still runs."""
        ...
