"""Files that are either there and whole, or not there: written beside their place, synced, and renamed into
it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import JobError
from .reports import Reason


@contextmanager
def storage_errors(what: str, path: Path) -> Iterator[None]:
    """Turn an operating system's error while writing `path` into one that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            message = (
                f"{what} could not be written to {path}: no space is left there. "
                "Free some, then continue the job."
            )
            raise JobError(Reason.STORAGE_FULL, message) from error
        message = f"{what} could not be written to {path}: {error.strerror or error}."
        raise JobError(Reason.STORAGE_FAILED, message) from error


def write_bytes(path: Path, *parts: bytes | memoryview) -> None:
    """Write a file and wait until the disk has it; nothing is said yet about its name."""
    with open(path, "xb") as file:
        for part in parts:
            file.write(part)
        file.flush()
        os.fsync(file.fileno())


def sync_file(path: Path) -> None:
    """Wait until the disk has the contents of a file that something else wrote."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Wait until the disk has the names in `folder`."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def put_file(source: Path, target: Path) -> None:
    """Move a written file to its place, over what may be there."""
    os.replace(source, target)
    sync_folder(target.parent)


def put_folder(source: Path, target: Path) -> None:
    """Move a folder of written files to its place, where nothing may be yet."""
    sync_folder(source)
    os.rename(source, target)
    sync_folder(target.parent)
