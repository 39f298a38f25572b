"""Follows a job from its first event to the state in which it rests, and answers Ctrl-C on the way."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from ..client import Client, Event, Job
from ..jobs.states import JobState
from .display import Display
from .progress import TrainingProgress
from .signals import Interrupts

TICK_SECONDS = 0.1


@dataclass(frozen=True)
class _Ended:
    error: Exception | None


def follow(
    client: Client,
    job: str,
    progress: TrainingProgress,
    display: Display,
    interrupts: Interrupts,
    on_interrupt: Callable[[], bool],
    shown_since: datetime | None = None,
) -> Job | None:
    """Show the events of `job` (from `shown_since` on) until it has ended or is paused; returns it then.

    The first request to stop calls `on_interrupt`; where that returns False, following ends with None.
    The second one raises StopAtOnce.
    """
    feed = _EventFeed(client, job)
    answered = False
    with interrupts.deferred():
        while True:
            if interrupts.requested and not answered:
                answered = True
                if not on_interrupt():
                    return None
            item = feed.next(TICK_SECONDS)
            if isinstance(item, Event):
                sentence = progress.apply(item.report)
                if shown_since is None or item.time >= shown_since:
                    display.event(progress, item, sentence)
                continue
            display.tick(progress)
            if item is not None and item.error is not None:
                raise item.error
            # A paused job sends no further event, but the events so far may tell of an earlier pause.
            if item is not None or progress.state is JobState.PAUSED:
                current = client.get_job(job)
                if current.state.terminal or current.state is JobState.PAUSED:
                    return current
                if item is not None:
                    feed = _EventFeed(client, job, after_sequence=feed.last_sequence)


class _EventFeed:
    """A thread that waits for the events, so that the main thread stays free for signals and the display."""

    def __init__(self, client: Client, job: str, after_sequence: int = 0) -> None:
        self.last_sequence = after_sequence
        self._items: queue.SimpleQueue[Event | _Ended] = queue.SimpleQueue()
        threading.Thread(target=self._read, args=(client, job), name="watch", daemon=True).start()

    def next(self, seconds: float) -> Event | _Ended | None:
        try:
            return self._items.get(timeout=seconds)
        except queue.Empty:
            return None

    def _read(self, client: Client, job: str) -> None:
        error: Exception | None = None
        try:
            for event in client.watch(job, after_sequence=self.last_sequence):
                self.last_sequence = event.sequence
                self._items.put(event)
        except Exception as failure:
            error = failure
        self._items.put(_Ended(error))
