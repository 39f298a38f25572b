"""Simulated time: what happens when, in order; and things of which one at a time is served."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count


class Clock:
    """Runs what was planned in the order of its times; equal times in the order of planning."""

    def __init__(self) -> None:
        self.now = 0.0
        self._planned: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()

    def at(self, when: float, happens: Callable[[], None]) -> None:
        """Plan it for the time `when`, in seconds; not before now."""
        heapq.heappush(self._planned, (max(when, self.now), next(self._order), happens))

    def after(self, seconds: float, happens: Callable[[], None]) -> None:
        """Plan it for so many seconds from now."""
        self.at(self.now + seconds, happens)

    def run(self, done: Callable[[], bool]) -> None:
        """Let time pass until `done`, or until nothing is planned any more."""
        while self._planned and not done():
            self.now, _, happens = heapq.heappop(self._planned)
            happens()


class Line:
    """A network interface or a core: serves one request after the other. busy: seconds so far."""

    def __init__(self) -> None:
        self._free = 0.0
        self.busy = 0.0

    def serve(self, now: float, seconds: float) -> float:
        """When a request that comes now and takes so many seconds is done."""
        self._free = max(now, self._free) + seconds
        self.busy += seconds
        return self._free
