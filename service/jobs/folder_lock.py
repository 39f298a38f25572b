"""Sees to it that one data folder has one service, and tells others who that is."""

from __future__ import annotations

import errno
import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from .errors import Reason, ServiceFault, StoreError

_LOCK, _HOLDER = "service.lock", "service.json"
_PATIENCE_SECONDS = 1.0


@dataclass(frozen=True)
class Holder:
    """The service that has a data folder; `address` is "" until it listens."""

    pid: int
    address: str


class FolderLock:
    """The right to serve a data folder; it ends with the process, however that ends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = FileLock(folder / _LOCK, thread_local=False)

    def acquire(self) -> None:
        """Raises ServiceFault (DATA_FOLDER_IN_USE), and StoreError where the folder cannot be written."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            # Not at once: somebody may just be looking whether the folder is taken.
            self._lock.acquire(timeout=_PATIENCE_SECONDS)
            self._write(Holder(os.getpid(), ""))
        except Timeout:
            raise _in_use(self._folder, _read(self._folder)) from None
        except OSError as error:
            self.release()
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                message = (
                    f"the data folder '{self._folder}' cannot be used: the disk is full. Free some space"
                )
                raise StoreError(Reason.STORAGE_FULL, message) from error
            raise StoreError(
                Reason.DATA_FOLDER_UNUSABLE,
                f"the data folder '{self._folder}' cannot be used: {error.strerror or error}; make it "
                "writable, or choose another data folder",
            ) from error

    def announce(self, address: str) -> None:
        """Tells others where the service listens."""
        self._write(Holder(os.getpid(), address))

    def release(self) -> None:
        """Gives the folder back; idempotent."""
        if self._lock.is_locked:
            with suppress(OSError):
                (self._folder / _HOLDER).unlink(missing_ok=True)
            self._lock.release()

    def _write(self, holder: Holder) -> None:
        part = self._folder / f"{_HOLDER}.part"
        part.write_text(json.dumps(asdict(holder)))
        part.replace(self._folder / _HOLDER)


def read_holder(folder: Path) -> Holder | None:
    """Who serves this data folder now; None where nobody does, also after a service that was killed."""
    if not (folder / _LOCK).exists():
        return None
    lock = FileLock(folder / _LOCK, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return _read(folder)
    except OSError:
        return None
    lock.release()
    return None


def _in_use(folder: Path, holder: Holder | None) -> ServiceFault:
    who, advice = "another process", "stop it"
    if holder is not None:
        who = f"process {holder.pid}"
        if holder.address:
            who, advice = f"{who} at {holder.address}", f"use it with --address {holder.address}, stop it"
    message = (
        f"the data folder '{folder}' is in use by a chainrule service ({who}): {advice}, or choose another"
    )
    return ServiceFault(Reason.DATA_FOLDER_IN_USE, f"{message} data folder")


def _read(folder: Path) -> Holder | None:
    try:
        return Holder(**json.loads((folder / _HOLDER).read_text()))
    except (OSError, ValueError, TypeError):
        return None
