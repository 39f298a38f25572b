"""`bounded` and `async` on the simulated cluster: the sequencer deals mini-batches and orders gradients."""

from __future__ import annotations

import time
from dataclasses import replace

from chainrule.worker.sequencer import Seat, Sequencer

from .cluster import Result, Setting, Simulation
from .machine import Machine


class Asynchronous(Simulation):
    """Each worker holds one task, without a bound two, and asks for the newest parameters each time."""

    bound: int | None = None

    def __init__(self, machine: Machine, setting: Setting, steps: int) -> None:
        super().__init__(machine, setting, steps)
        self._slots = 2 if self.bound is None else 1
        self._sequencer = Sequencer(steps, self.bound, self._slots)
        self._queue: dict[int, list[Seat]] = {}
        self._busy: dict[int, Seat | None] = {}
        self._kept: tuple[int, ...] = ()
        self._taken: set[Seat] = set()
        self._idle: dict[int, None] = {}  # who has a seat without a task, longest first
        self._read: dict[Seat, int] = {}
        self._staleness = 0
        self._applying = False
        self._logged: list[Seat] = []

    def gone(self, worker: int) -> None:
        self._queue.pop(worker, None)
        self._busy.pop(worker, None)
        self._idle.pop(worker, None)
        self._taken = {seat for seat in self._taken if seat.incarnation != worker}

    def dealt(self) -> None:
        start = time.perf_counter()
        if self.crew != self._kept:
            self._sequencer.keep(set(self.crew))
            self._kept = self.crew
        self.deciding += time.perf_counter() - start
        for worker in self.crew:
            self._queue.setdefault(worker, [])
            self._busy.setdefault(worker, None)
            self._idle[worker] = None
        self._deal(tuple(self._idle))

    def _deal(self, workers: tuple[int, ...]) -> None:
        start = time.perf_counter()
        given: list[int] = []
        seats = (Seat(worker, slot) for worker in workers for slot in range(self._slots))
        if self._sequencer.logged < self.horizon:
            for seat in (seat for seat in seats if seat not in self._taken):
                worker = seat.incarnation
                if self._sequencer.deal(seat, self.version) is None:
                    if self.bound is None:
                        continue
                    break  # the bound holds for all
                self._taken.add(seat)
                self._queue[worker].append(seat)
                given.append(worker)
                if all(Seat(worker, slot) in self._taken for slot in range(self._slots)):
                    self._idle.pop(worker, None)
        self.deciding += time.perf_counter() - start
        for worker in dict.fromkeys(given):
            self._begin(worker)

    def _begin(self, worker: int) -> None:
        if self._busy.get(worker) is not None or not self._queue.get(worker):
            return
        seat = self._busy[worker] = self._queue[worker].pop(0)
        self._read[seat] = self.version
        start = self.clock.now if self.node(worker) == 0 else self.sent_down()
        seconds = self.compute(self.setting.batch_size)
        self.clock.at(start + seconds, lambda: self._computed(worker, seat))

    def _computed(self, worker: int, seat: Seat) -> None:
        if self._busy.get(worker) != seat:
            return  # it is gone
        self._busy[worker] = None
        self.clock.at(self.sent_up(worker), lambda: self._arrived(seat))
        self._begin(worker)

    def _arrived(self, seat: Seat) -> None:
        if seat not in self._taken:
            return
        start = time.perf_counter()
        self._sequencer.finish(seat)
        self.deciding += time.perf_counter() - start
        self._log()

    def _log(self) -> None:
        start = time.perf_counter()
        while (seat := self._sequencer.next_to_log()) is not None:
            self._staleness += self._sequencer.logged - self._read.pop(seat)
            self._sequencer.log(seat)
            self._logged.append(seat)
        self.deciding += time.perf_counter() - start
        self._apply()

    def _apply(self) -> None:
        if self._logged and not self._applying:
            self._applying = True
            self.clock.at(self.applied(1), self._complete)

    def _complete(self) -> None:
        seat = self._logged.pop(0)
        self._applying = False
        self._taken.discard(seat)
        self.version += 1
        self.losses.append(1.0)
        if self.version >= self.horizon:
            self.observe()
        self._apply()
        if seat.incarnation in self._busy:
            self._idle[seat.incarnation] = None
        # Whoever waits for a task: the one whose seat is free now, with a bound any.
        self._deal(tuple(self._idle) if self.bound is not None else (seat.incarnation,))
        self._log()

    def run(self) -> Result:
        return replace(super().run(), staleness=self._staleness / self.steps)


def bounded(staleness: int) -> type[Asynchronous]:
    """The simulation of `bounded` with this staleness."""
    return type("Bounded", (Asynchronous,), {"bound": staleness})
