"""Backup work: an idle worker also computes what another is late with, and the first result counts.

After Dean and Barroso, "The Tail at Scale" (2013), section "Hedged requests", and the backup workers of Chen
et al., "Revisiting Distributed Synchronous SGD" (2016); here no gradient is dropped, only computed twice, so
the result stays the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

_PATIENCE = 1.0
"""An idle worker waits for as long as this many of its own micro-batches take before it calls another
late."""


class Backup:
    """When a worker takes up the work of others, and which. Times in seconds, by any monotonic clock."""

    def __init__(self, spares: int) -> None:
        """spares: how many micro-batches at the end of a step may be computed twice."""
        self.spares = spares
        self._usual: float | None = None
        self._idle_since: float | None = None

    def begin(self) -> None:
        """The work was dealt out anew."""
        self._idle_since = None

    def computed(self, seconds: float) -> None:
        """A micro-batch took this long; the patience for others follows the time it takes of late."""
        self._usual = seconds if self._usual is None else 0.75 * self._usual + 0.25 * seconds
        self._idle_since = None

    def may_begin(self, now: float) -> bool:
        """Whether this worker, idle now, has waited long enough for the others."""
        if not self.spares or self._usual is None:
            return False
        if self._idle_since is None:
            self._idle_since = now
        return now - self._idle_since >= _PATIENCE * self._usual

    def patience(self, now: float) -> float:
        """How long until `may_begin` is worth another question."""
        if self._idle_since is None or self._usual is None:
            return math.inf
        remaining = self._idle_since + _PATIENCE * self._usual - now
        # Once it has run out, what keeps this worker idle is that too much is missing still.
        return remaining if remaining > 0 else self._usual

    def choose(self, missing: Sequence[int], place: int) -> list[int]:
        """One of the micro-batches that nobody has finished, (missing,) in ascending order; none while there
        are more than the spares.

        From the end, where whoever is late arrives last; idle workers at other places begin elsewhere.
        """
        if not missing or len(missing) > self.spares:
            return []
        return [missing[-1 - place % len(missing)]]
