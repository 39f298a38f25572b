"""`sync` on the simulated cluster: each step is complete when every micro-batch of it is."""

from __future__ import annotations

import time

from chainrule.worker.parameter_server import ParameterServerShard, Push

from .cluster import NO_GRADIENT, Setting, Simulation
from .machine import Machine


class Synchronous(Simulation):
    """Every worker has the micro-batches that the board's rule gives it; each shard counts all of them."""

    def __init__(self, machine: Machine, setting: Setting, steps: int) -> None:
        super().__init__(machine, setting, steps)
        self._micro_batches = micro_batches = setting.workers
        self._shards = [ParameterServerShard(0, lambda step: micro_batches) for _ in range(setting.shards)]
        self._here: dict[int, float] = {}  # a node -> when the present version is on it
        self._at_work: dict[int, list[int]] = {}
        self._left = micro_batches
        self._done: set[int] = set()

    def gone(self, worker: int) -> None:
        self._at_work.pop(worker, None)

    def dealt(self) -> None:
        if self.version >= self.horizon:
            return
        for position, worker in enumerate(self.crew):
            due = [m for m in range(position, self._micro_batches, len(self.crew)) if m not in self._done]
            if worker in self._at_work:
                self._at_work[worker][:] = due
                continue
            self._at_work[worker] = due
            start = max(self.clock.now, self._here.get(self.node(worker), 0.0))
            self.clock.at(start, lambda worker=worker, due=due: self._next(worker, due))

    def _next(self, worker: int, due: list[int]) -> None:
        if self._at_work.get(worker) is not due:
            return  # it is gone, or the step is over
        if not due:
            del self._at_work[worker]
            return
        step, micro_batch = self.version, due.pop(0)
        seconds = self.compute(self.setting.batch_size / self._micro_batches)
        self.clock.after(seconds, lambda: self._computed(worker, due, step, micro_batch))

    def _computed(self, worker: int, due: list[int], step: int, micro_batch: int) -> None:
        if self._at_work.get(worker) is due:
            self.clock.at(self.sent_up(worker), lambda: self._pushed(step, micro_batch))
            self._next(worker, due)

    def _pushed(self, step: int, micro_batch: int) -> None:
        start = time.perf_counter()
        answers = [shard.push(step, micro_batch, 1.0, NO_GRADIENT) for shard in self._shards]
        self.deciding += time.perf_counter() - start
        if all(answer is Push.ACCEPTED for answer in answers):
            self._done.add(micro_batch)
            self._left -= 1
            if not self._left:
                self.clock.at(self.applied(self._micro_batches), self._complete)

    def _complete(self) -> None:
        start = time.perf_counter()
        loss = sum(shard.complete() for shard in self._shards) / len(self._shards)
        self.deciding += time.perf_counter() - start
        self.losses.append(loss)
        self.version += 1
        self._left = self._micro_batches
        self._done.clear()
        self._at_work.clear()
        self._here = {0: self.clock.now} | {node: self.sent_down() for node in range(1, self.nodes)}
        if self.version >= self.horizon:
            self.observe()
        self.dealt()
