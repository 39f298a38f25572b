"""The part of the board by which workers that do not wait for one another are given work, and by which their
updates get one order.

Shard 0 writes all of it. A log entry says where the gradient of an update lies; every shard applies them in
order, so that all pass through the same versions. A row of the table of deals belongs to one incarnation of a
worker and says what lies in each slot of its desk.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .arena import Fields
from .doorbell import fence

SLOTS = 2
"""Gradients on a worker's desk: one that shards are applying, one that it computes."""

_FIRST, _LOGGED, _GENERATION = range(3)


@dataclass(frozen=True)
class Entry:
    """Update number so-and-so: the gradient of `task` in `slot` of the desk of `incarnation`, computed from
    parameters of `version`."""

    incarnation: int
    slot: int
    task: int
    version: int


class Ledger:
    """The order of the updates, and who has been dealt which task."""

    @staticmethod
    def fields(entries: int, workers: int, tasks: int) -> Fields:
        """Its arrays: for `entries` of the log at a time, `workers` at a time, `tasks` an epoch."""
        return {
            "ledger_words": ("int64", (3,)),
            "ledger_log": ("int64", (entries, 4)),
            "ledger_done": ("int64", (tasks,)),
            "ledger_deals": ("int64", (workers, 1 + 2 * SLOTS)),
        }

    def __init__(self, views: dict[str, np.ndarray]) -> None:
        self._words = views["ledger_words"]
        self._log = views["ledger_log"]
        self._done = views["ledger_done"]
        # A row: the incarnation + 1; for each slot the task + 1, or 0; for each slot the version at the deal.
        self._deals = views["ledger_deals"]

    @property
    def logged(self) -> int:
        """How many updates have their place."""
        return int(self._words[_LOGGED])

    @property
    def generation(self) -> int:
        """The generation of the crew that the deals are for: nothing more is taken from workers that are not
        in it."""
        return int(self._words[_GENERATION])

    @property
    def last(self) -> int | None:
        """The last update that has an entry here."""
        return None if self._words[_FIRST] == self._words[_LOGGED] else self.logged - 1

    def entry(self, update: int) -> Entry:
        """The entry of an update that is logged and that the coordinator may not have seen yet."""
        return Entry(*map(int, self._log[update % len(self._log)]))

    def staleness(self, update: int) -> int:
        """How many updates came between the parameters that an update was computed from and itself."""
        return update - self.entry(update).version

    def done(self, epoch: int) -> list[int]:
        """The tasks of this epoch that are logged."""
        return (np.flatnonzero(self._done == epoch + 1) + epoch * len(self._done)).tolist()

    def dealt(self, incarnation: int) -> list[tuple[int, int, int]]:
        """(slot, task, version at the deal) of each task in the row of this worker."""
        row = self._row_of(incarnation)
        if row is None:
            return []
        owner, *words = self._deals[row].tolist()
        return [
            (slot, words[slot] - 1, words[SLOTS + slot])
            for slot in range(SLOTS)
            if words[slot] and owner == incarnation + 1
        ]

    def incarnations(self) -> list[int]:
        """The workers that have a row."""
        return [owner - 1 for owner in self._deals[:, 0].tolist() if owner]

    # Written by the coordinator, before there are shards.

    def begin(self, update: int, done: tuple[int, ...]) -> None:
        """Start at this update; `done`: the tasks of its epoch that came before it."""
        self._words[_FIRST] = self._words[_LOGGED] = update
        for task in done:
            self._mark(task)

    # Written by shard 0 only.

    def append(self, entry: Entry) -> None:
        """Make this the next update."""
        update = self.logged
        self._log[update % len(self._log)] = (entry.incarnation, entry.slot, entry.task, entry.version)
        fence()
        self._words[_LOGGED] = update + 1

    def mark_done(self, update: int) -> None:
        """Note the task of a logged update as done; may be repeated."""
        self._mark(self.entry(update).task)

    def deal(self, incarnation: int, slot: int, task: int, version: int) -> None:
        """Put a task into a slot that is free."""
        row = self._row_of(incarnation)
        assert row is not None, f"worker {incarnation} has no row"
        self._deals[row, 1 + SLOTS + slot] = version
        fence()
        self._deals[row, 1 + slot] = task + 1

    def clear(self, incarnation: int, slot: int) -> None:
        """Make a slot free."""
        self._deals[self._row_of(incarnation), 1 + slot] = 0

    def seat_crew(self, crew: list[int], generation: int) -> None:
        """Take the rows of workers that left, and give one to each that came."""
        for row, owner in enumerate(self._deals[:, 0].tolist()):
            if owner and owner - 1 not in crew:
                self._deals[row] = 0
        for incarnation in crew:
            if self._row_of(incarnation) is None:
                self._deals[self._row_of(-1), 0] = incarnation + 1
        fence()
        self._words[_GENERATION] = generation

    def _mark(self, task: int) -> None:
        tasks = len(self._done)
        self._done[task % tasks] = task // tasks + 1

    def _row_of(self, incarnation: int) -> int | None:
        owners: list[int] = self._deals[:, 0].tolist()
        return owners.index(incarnation + 1) if incarnation + 1 in owners else None
