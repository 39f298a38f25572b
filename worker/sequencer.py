"""Deals the mini-batches of an epoch out to workers that do not wait for one another, and puts what they
finish in one order.

Plain logic, without a board or a clock. What is dealt is a *task*: all that makes up one update. Tasks count
from 0 through all epochs, as updates do; within an epoch the order of the updates is that in which workers
finish.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from heapq import heapify, heappop, heappush
from typing import NamedTuple


class Seat(NamedTuple):
    """Where a task lies: one of the slots on the desk of one incarnation of a worker."""

    incarnation: int
    slot: int


@dataclass(frozen=True)
class Dealt:
    """A task in work. `version`: of the oldest parameters that its gradient can come from."""

    task: int
    version: int
    finished: bool = False


class Sequencer:
    """Every task of an epoch is dealt, and logged exactly once; what was dealt to a lost worker is dealt
    again.

    With a bound s, an update is never applied to parameters more than s updates newer than those that it was
    computed from. Let r_1 <= r_2 <= ... be the versions that the tasks in work are read at, and u the number
    of the next update. If they are logged in this order, task i becomes update u + i - 1 at the earliest. So
    what is kept is u + (i - 1) - r_i <= s for every i. The oldest task may always be logged, and a new one
    begins at the latest when none is in work: nobody waits for ever.
    """

    def __init__(
        self,
        tasks_per_epoch: int,
        bound: int | None,
        ahead: int,
        logged: int = 0,
        done: Collection[int] = (),
        in_work: Iterable[tuple[Seat, Dealt]] = (),
    ) -> None:
        """bound: s, None for none. ahead: how many tasks a worker may hold that it has not finished.

        To go on where another sequencer left off: `logged` updates so far, `done` the tasks of the present
        epoch among them, `in_work` what is dealt and not logged.
        """
        self.logged = logged
        self._tasks_per_epoch = tasks_per_epoch
        self._bound = bound
        self._ahead = ahead
        # In the order of their versions, as these never go down from one deal to the next.
        self._in_work = dict(sorted(in_work, key=lambda item: (item[1].version, item[1].task)))
        self._unfinished = Counter(
            seat.incarnation for seat, dealt in self._in_work.items() if not dealt.finished
        )
        # In the order in which they finished, as far as that is known.
        self._finished = dict.fromkeys(seat for seat, dealt in self._in_work.items() if dealt.finished)
        self._open = self._tasks_of(logged // tasks_per_epoch)
        taken = {*done, *(dealt.task for dealt in self._in_work.values())}
        self._open = [task for task in self._open if task not in taken]
        heapify(self._open)

    def in_work(self) -> list[tuple[Seat, Dealt]]:
        """What is dealt and not logged, the oldest version first."""
        return list(self._in_work.items())

    def keep(self, crew: Collection[int]) -> None:
        """Take back what was dealt to workers that are not in `crew`."""
        for seat, dealt in self.in_work():
            if seat.incarnation not in crew:
                del self._in_work[seat]
                self._finished.pop(seat, None)
                self._unfinished[seat.incarnation] -= not dealt.finished
                heappush(self._open, dealt.task)

    def deal(self, seat: Seat, version: int) -> int | None:
        """The next task for an empty seat, or None if it must wait.

        version: one that every shard has reached, so that the worker will read at this or a later one.
        """
        if not self._open:
            return None
        if self._unfinished[seat.incarnation] >= self._ahead:
            return None
        if self._bound is not None and self.logged + len(self._in_work) - version > self._bound:
            return None
        task = heappop(self._open)
        self._in_work[seat] = Dealt(task, version)
        self._unfinished[seat.incarnation] += 1
        return task

    def finish(self, seat: Seat) -> None:
        """The gradient of the task at `seat` is there."""
        dealt = self._in_work[seat]
        self._unfinished[seat.incarnation] -= not dealt.finished
        self._in_work[seat] = replace(dealt, finished=True)
        self._finished[seat] = None

    def next_to_log(self) -> Seat | None:
        """The oldest finished task that may become the next update; without a bound, the first that was
        finished."""
        if self._bound is None:
            return next(iter(self._finished), None)
        for position, (seat, dealt) in enumerate(self._in_work.items()):
            if dealt.finished:
                return seat
            # Whatever is logged before this one, it then comes one update later.
            if self._bound is not None and self.logged + 1 + position - dealt.version > self._bound:
                return None
        return None

    def log(self, seat: Seat) -> int:
        """Make the task at `seat` the next update, and return the task; at the end of an epoch, open the
        next."""
        dealt = self._in_work.pop(seat)
        self._finished.pop(seat, None)
        self._unfinished[seat.incarnation] -= not dealt.finished
        task = dealt.task
        self.logged += 1
        if self.logged % self._tasks_per_epoch == 0:
            self._open = self._tasks_of(self.logged // self._tasks_per_epoch)
        return task

    def _tasks_of(self, epoch: int) -> list[int]:
        return list(range(epoch * self._tasks_per_epoch, (epoch + 1) * self._tasks_per_epoch))
