"""Which workers are slow for a while, compared with the others at the same micro-batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from .messages import Vital
from .reports import Role, StragglerDetected

WINDOW_SECONDS = 2.0
SLOW_FACTOR = 2.0
SLOW_WINDOWS = 3
"""A straggler takes this many times the median of the others, in so many windows in a row."""


@dataclass
class _Measured:
    micro_batches: int
    busy_seconds: float
    seconds: float | None = None
    """A micro-batch of late took this long; None before the first."""
    slow_windows: int = 0


class Stragglers:
    """The time that each worker's micro-batches take, window by window."""

    def __init__(self) -> None:
        self._measured: dict[int, _Measured] = {}
        self._began: float | None = None

    def look(self, members: Sequence[Vital], step: int, now: float) -> list[StragglerDetected]:
        """Take a look in; each straggler is told once, and again only after it was not one for a while."""
        if self._began is not None and now - self._began < WINDOW_SECONDS:
            return []
        self._began = now
        workers = [vital for vital in members if vital.role is Role.WORKER]
        self._measured = {vital.member: self._measure(vital) for vital in workers}
        return [found for vital in workers if (found := self._judge(vital.member, step)) is not None]

    def _measure(self, vital: Vital) -> _Measured:
        measured = self._measured.get(vital.member)
        if measured is None:
            return _Measured(vital.micro_batches, vital.busy_seconds)
        done = vital.micro_batches - measured.micro_batches
        if done:
            measured.seconds = (vital.busy_seconds - measured.busy_seconds) / done
            measured.micro_batches, measured.busy_seconds = vital.micro_batches, vital.busy_seconds
        return measured

    def _judge(self, member: int, step: int) -> StragglerDetected | None:
        own = self._measured[member]
        others = [other.seconds for key, other in self._measured.items() if key != member and other.seconds]
        if own.seconds is None or not others:
            return None
        usual = median(others)
        if own.seconds < SLOW_FACTOR * usual:
            own.slow_windows = 0
            return None
        own.slow_windows += 1
        if own.slow_windows != SLOW_WINDOWS:
            return None
        return StragglerDetected(member, step, own.seconds, usual)
