"""Ctrl-C: the first one is a request that the command answers in its own time, the second an order."""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

from .exits import ExitStatus

_LAST_SECONDS = 1.0

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class StopAtOnce(BaseException):
    """The user does not want to wait. Not a KeyboardInterrupt, because typer answers that one itself."""


class Interrupts:
    """Counts requests to stop (Ctrl-C, SIGTERM, a closed terminal) while installed.

    Outside of `deferred`, each raises StopAtOnce at once. Inside it the first only sets `requested`;
    the second raises StopAtOnce. A signal that was ignored when the command began (`nohup`, a script's
    background job) stays ignored.
    """

    def __init__(self) -> None:
        self.requested = False
        self._deferring = False

    @contextmanager
    def installed(self) -> Iterator[Interrupts]:
        caught = [number for number in SIGNALS if not is_ignored(number)]
        previous = [signal.signal(number, self._on_signal) for number in caught]
        try:
            yield self
        finally:
            for number, handler in zip(caught, previous, strict=True):
                signal.signal(number, handler)

    @contextmanager
    def deferred(self) -> Iterator[None]:
        self._deferring = True
        try:
            yield
        finally:
            self._deferring = False

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._deferring and not self.requested:
            self.requested = True
            return
        self.requested = True
        raise StopAtOnce


def is_ignored(number: int) -> bool:
    """Whether whoever started this process wants it to ignore the signal."""
    return signal.getsignal(number) is signal.SIG_IGN


def exit_at_once() -> NoReturn:
    """End this process and every process below it now, whatever they are at; status 130.

    What is in the data folder stays as it is: the next service on it finds the job interrupted.
    """
    from ...worker.exchange.folder import clear_abandoned

    below = descendants(os.getpid())
    kill(below)
    # What they held is free once the kernel has taken them apart, a moment after the signal.
    wait_for_end(below, _LAST_SECONDS)
    with suppress(OSError):
        clear_abandoned()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(ExitStatus.INTERRUPTED)


@dataclass(frozen=True)
class Process:
    """A process with the time when it started: its number alone might mean another one a moment later."""

    number: int
    started: str


def descendants(root: int) -> list[Process]:
    """The processes below `root`, parents before children; none where there is no /proc."""
    children: dict[int, list[Process]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            number = int(folder.name)
            fields = _fields(number)
            children.setdefault(int(fields[_PARENT]), []).append(Process(number, fields[_STARTED]))
    found: list[Process] = []
    reached = [root]
    while reached:
        below = children.get(reached.pop(), [])
        found += below
        reached += [process.number for process in below]
    return found


def kill(processes: Iterable[Process]) -> None:
    """End those of the processes that are still there."""
    for process in processes:
        with suppress(OSError, IndexError):
            if _fields(process.number)[_STARTED] == process.started:
                os.kill(process.number, signal.SIGKILL)


def wait_for_end(processes: Iterable[Process], seconds: float) -> None:
    """Block until these killed processes are gone, for so long at most."""
    deadline = time.monotonic() + seconds
    for process in processes:
        try:
            descriptor = os.pidfd_open(process.number)
        except (OSError, AttributeError):  # gone already, or a system without pidfd
            continue
        try:
            select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
        finally:
            os.close(descriptor)


# Places in /proc/PID/stat after the name, which stands in parentheses and may hold anything.
_PARENT, _STARTED = 1, 19


def _fields(number: int) -> list[str]:
    return Path(f"/proc/{number}/stat").read_text(errors="replace").rpartition(")")[2].split()
