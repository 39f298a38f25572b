"""A little of the disk kept back, so that the end of a job can still be stored when nothing else can."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

RESERVE_BYTES = 256 * 1024


class DiskReserve:
    """A file of no use but its size: taken when there is room, given up when a job has to end without any."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def take(self) -> None:
        """Takes the space where it is not taken yet; on a disk without room nothing happens."""
        if self._path.exists():
            return
        try:
            # Random bytes, which no file system can store in less.
            self._path.write_bytes(os.urandom(RESERVE_BYTES))
        except OSError:
            self.give_up()

    def give_up(self) -> bool:
        """Gives the space back; returns whether there was any."""
        there = self._path.exists()
        with suppress(OSError):
            self._path.unlink(missing_ok=True)
        return there
