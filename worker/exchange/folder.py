"""Folders that live as long as the process that made them, and the clearing away of those it left behind."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import uuid
from pathlib import Path

_PREFIX = "chainrule-"
_SHARED_MEMORY = Path("/dev/shm")
_ROOM = 1.25


class OwnedFolder:
    """A folder whose maker holds a lock in it.

    The kernel drops the lock with the process, however that ends, and whoever makes the next folder clears
    away those whose lock is free.
    """

    def __init__(self, root: Path, kind: str) -> None:
        clear_abandoned()
        name = f"{_PREFIX}{kind}-{uuid.uuid4().hex[:8]}"
        # Made under another name, so that nobody finds it before its lock is held.
        hidden = root / f".{name}"
        hidden.mkdir(mode=0o700)
        self._lock = os.open(hidden / "lock", os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self.path = root / name
        hidden.rename(self.path)

    def remove(self) -> None:
        """Delete the folder; memory that is still mapped goes with the last process that maps it."""
        if self._lock >= 0:
            shutil.rmtree(self.path, ignore_errors=True)
            os.close(self._lock)
            self._lock = -1


def exchange_folder(size: int) -> OwnedFolder:
    """A folder for `size` bytes that the processes of one execution share.

    On the disk where shared memory has too little room, as in a container with a small /dev/shm; the page
    cache still makes it memory.
    """
    roots = _roots()
    root = next((root for root in roots if shutil.disk_usage(root).free > size * _ROOM), roots[-1])
    return OwnedFolder(root, "job")


def temporary_folder(kind: str) -> OwnedFolder:
    """A folder among the temporary files."""
    return OwnedFolder(_roots()[-1], kind)


def clear_abandoned() -> None:
    """Delete the folders of processes that ended without deleting theirs."""
    for root in _roots():
        for path in root.glob(f"{_PREFIX}*/lock"):
            try:
                lock = os.open(path, os.O_RDWR)
            except OSError:
                continue
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path.parent, ignore_errors=True)
            except OSError:
                pass  # its maker lives
            finally:
                os.close(lock)


def _roots() -> list[Path]:
    temporary = Path(tempfile.gettempdir())
    return [_SHARED_MEMORY, temporary] if _SHARED_MEMORY.is_dir() else [temporary]
