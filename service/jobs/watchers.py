"""Wakes those who watch a job when something happened to it; what it was they read from the store."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Watcher:
    """One who watches, in the event loop that made it. However slow it is, it holds a flag and no events."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._flag = asyncio.Event()
        self.closed = False

    def clear(self) -> None:
        """Forgets wake-ups so far. To miss nothing: clear, read the store, then wait."""
        self._flag.clear()

    async def wait(self) -> None:
        """Returns when something happened since `clear`."""
        await self._flag.wait()

    def wake(self) -> None:
        """From any thread."""
        try:
            self._loop.call_soon_threadsafe(self._flag.set)
        except RuntimeError:
            # The loop has ended, and with it the one who waited.
            return


class Watchers:
    """All who watch, by job. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watchers: dict[str, set[Watcher]] = {}
        self._closed = False

    @contextmanager
    def watch(self, job_id: str) -> Iterator[Watcher]:
        """A watcher of this job, for as long as the context lasts."""
        watcher = Watcher()
        with self._lock:
            watcher.closed = self._closed
            self._watchers.setdefault(job_id, set()).add(watcher)
        try:
            yield watcher
        finally:
            with self._lock:
                self._watchers[job_id].discard(watcher)
                if not self._watchers[job_id]:
                    del self._watchers[job_id]

    def notify(self, job_id: str) -> None:
        """Wakes all who watch this job."""
        with self._lock:
            watchers = list(self._watchers.get(job_id, ()))
        for watcher in watchers:
            watcher.wake()

    def close(self) -> None:
        """Wakes everybody for the last time and tells them so."""
        with self._lock:
            self._closed = True
            watchers = [watcher for each in self._watchers.values() for watcher in each]
        for watcher in watchers:
            watcher.closed = True
            watcher.wake()
