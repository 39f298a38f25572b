"""A job on a simulated cluster: the coordinator's own decisions and the shards' own accounting, simulated
workers, network and clock.

Worker i is on node i // cores; node 0 is the home of the coordinator and of all shards. Workers of the home
node share its memory with them, those of another node share one network interface with each other, and all
nodes share that of the home node: a gradient travels up once a micro-batch, a version down once a node.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field

import numpy as np

from chainrule.worker.coordinator import Coordinator, Schedule
from chainrule.worker.messages import (
    Advanced,
    Assign,
    Begin,
    Event,
    Grant,
    Lost,
    Position,
    Ready,
    Start,
    Tick,
)
from chainrule.worker.reports import Role

from .clock import Clock, Line
from .machine import Machine

POLL_SECONDS = 0.05
START_SECONDS = 1.5
NO_GRADIENT = np.empty(0, np.float32)


@dataclass(frozen=True)
class Setting:
    """What is simulated. batch_size: of a mini-batch, or of one worker's in bounded and async.

    stragglers: share of micro-batches that take `slowdown` times as long. lost_every: seconds between two
    losses of a worker; 0: none is lost. sends: bytes that travel for one byte of gradient (compression).
    """

    workers: int
    batch_size: int
    shards: int = 8
    stragglers: float = 0.0
    slowdown: float = 3.0
    lost_every: float = 0.0
    sends: float = 1.0
    seed: int = 0


@dataclass
class Result:
    """Of one simulation. coordinator_seconds: real time that its decisions took, a step. busy: the share of
    the time that each thing was at work."""

    workers: int
    samples_per_second: float
    coordinator_seconds: float
    busy: dict[str, float] = field(default_factory=dict)
    staleness: float = 0.0

    @property
    def limit(self) -> str:
        """What is busiest."""
        return max(self.busy, key=lambda name: self.busy[name])


class Simulation:
    """What the simulated modes share: machine, clock, lines, and the coordinator with its workers."""

    def __init__(self, machine: Machine, setting: Setting, steps: int) -> None:
        self.machine, self.setting, self.steps = machine, setting, steps
        self.clock = Clock()
        self.draw = random.Random(setting.seed)
        self.crew: tuple[int, ...] = ()
        self.horizon = 0
        self.version = 0
        self.losses: list[float] = []
        self.deciding = 0.0
        self.began: float | None = None
        self.nodes = -(-setting.workers // machine.cores)
        self.up = [Line() for _ in range(self.nodes)]
        self.home_in, self.home_out, self.shard_cores = Line(), Line(), Line()
        self.computing = 0.0
        self._places: dict[int, int] = {}
        self._told = 0
        self.coordinator = Coordinator(
            Schedule(
                epochs=1,
                steps_per_epoch=steps,
                train_samples=steps * setting.batch_size,
                test_samples=0,
                parameters=machine.parameters,
                workers=setting.workers,
                parameter_servers=setting.shards,
                batch_samples=lambda step: setting.batch_size,
                metrics=(),
                higher_is_better=frozenset(),
                checkpoint_every=1,
                early_stopping=None,
                advice="",
            ),
            Position(),
        )

    # What a mode adds.

    def dealt(self) -> None:
        """The work was dealt out anew, or may go on further."""
        raise NotImplementedError

    def gone(self, worker: int) -> None:
        """A worker is lost."""

    # The coordinator.

    def tell(self, *events: Event) -> None:
        """Let the coordinator decide, and do what it says."""
        for event in events:
            start = time.perf_counter()
            instructions = self.coordinator.handle(event, self.clock.now)
            self.deciding += time.perf_counter() - start
            for instruction in instructions:
                self._carry_out(instruction)

    def _carry_out(self, instruction: object) -> None:
        match instruction:
            case Start(role, member):
                if role is Role.WORKER:
                    taken = set(self._places.values())
                    self._places[member] = next(i for i in range(self.setting.workers) if i not in taken)
                ready = Ready(role, member)
                self.clock.after(START_SECONDS, lambda: self.tell(ready))
            case Assign(crew):
                self.crew = crew
                self.dealt()
            case Grant(horizon):
                self.began = self.clock.now if self.began is None else self.began
                self.horizon = horizon
                self.dealt()

    def observe(self) -> None:
        """What the coordinator's process does: look at the board when it is woken, or after a while."""
        if self.version > self._told:
            losses = tuple(self.losses[self._told : self.version])
            self._told = self.version
            self.tell(Advanced(self.version, losses))
        else:
            self.tell(Tick())

    def _poll(self) -> None:
        self.observe()
        self.clock.after(POLL_SECONDS, self._poll)

    def lose_one(self) -> None:
        """A worker dies now; the next one later."""
        if self.crew:
            worker = self.draw.choice(self.crew)
            del self._places[worker]
            self.gone(worker)
            self.tell(Lost(Role.WORKER, worker, "simulated"))
        self.clock.after(self.draw.expovariate(1 / self.setting.lost_every), self.lose_one)

    # What takes time.

    def node(self, worker: int) -> int:
        """The node that a worker is on."""
        return self._places.get(worker, 0) // self.machine.cores

    def compute(self, samples: float) -> float:
        """Seconds of a forward and backward pass, now and then those of a straggler."""
        slow = self.setting.slowdown if self.draw.random() < self.setting.stragglers else 1.0
        seconds = self.machine.step_seconds + samples * self.machine.sample_seconds
        seconds *= slow * self.draw.lognormvariate(0.0, 0.05)
        self.computing += seconds
        return seconds

    def sent_up(self, worker: int) -> float:
        """When a gradient that a worker has now is where the shards are."""
        node, now = self.node(worker), self.clock.now
        if node == 0:
            return now
        seconds = self.machine.bytes * self.setting.sends / self.machine.link_bytes_per_second
        left = self.up[node].serve(now, seconds)
        # The home node takes in while the other sends; it is the later of the two that counts.
        return max(left, self.home_in.serve(now, seconds)) + self.machine.link_seconds

    def sent_down(self) -> float:
        """When parameters that are there now are on another node, which asked for them."""
        seconds = self.machine.bytes / self.machine.link_bytes_per_second
        return self.home_out.serve(self.clock.now, seconds) + self.machine.link_seconds

    def applied(self, gradients: int) -> float:
        """When the shards, each on a core, have added up so many gradients and updated their slices."""
        cores = min(self.setting.shards, self.machine.cores)
        adding = gradients * self.machine.bytes / self.machine.memory_bytes_per_second
        return self.shard_cores.serve(self.clock.now, (adding + self.machine.update_seconds) / cores)

    def run(self) -> Result:
        """Simulate until all steps are done."""
        if self.setting.lost_every:
            self.clock.after(START_SECONDS + self.setting.lost_every, self.lose_one)
        self.tell(Begin())
        self.clock.after(POLL_SECONDS, self._poll)
        self.clock.run(lambda: self.version >= self.steps)
        assert self.began is not None
        seconds = self.clock.now - self.began
        workers = self.setting.workers
        busy = {
            "workers": self.computing / seconds / workers,
            "shards": self.shard_cores.busy / seconds,
            "network into the home node": self.home_in.busy / seconds,
            "network out of the home node": self.home_out.busy / seconds,
        }
        rate = self.steps * self.setting.batch_size / seconds
        return Result(workers, rate, self.deciding / self.steps, busy)
