"""The coordinator: decides who computes what, how far training may run, and what happens when something
breaks.

Plain logic: `handle(event, now)` returns instructions, and `job.py` carries them out. It knows no Ray, no
shared memory, no disk and no clock, so every fault can be played through in process.

Between two epochs' ends it is not in the way of a step: it grants a *horizon*, and workers and shards run up
to it on their own. It extends the horizon before they reach it, up to the end of the epoch, where all of them
wait for the evaluation and for the decision whether to go on.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, auto

from ..core.optim.schedules import Plateau
from .exchange.board import LOSS_RING
from .liveness import Liveness
from .membership import Membership
from .messages import (
    Advanced,
    Begin,
    Best,
    Broken,
    End,
    Evaluate,
    Evaluated,
    Event,
    Grant,
    Instruction,
    KeepBest,
    Kill,
    Leaving,
    Lost,
    ModelWritten,
    Moved,
    NotFinite,
    Position,
    Ready,
    SetRateFactor,
    Snapshot,
    StopRequested,
    Tell,
    Tick,
    Vitals,
    WriteCheckpoint,
    WriteFailed,
    WriteModel,
    Written,
)
from .pace import Pace
from .reports import (
    CheckpointSaved,
    EpochCompleted,
    Finished,
    Outcome,
    Progress,
    Reason,
    Role,
    Started,
)
from .runtime import Stop
from .spec import EarlyStoppingSpec
from .staleness import counted
from .stragglers import Stragglers

LEASE_SECONDS = 0.25
"""How much training is granted ahead: long enough to keep members from waiting, short enough to stop soon."""

STALL_SECONDS = 300.0
"""Without any progress for this long, the members that progress waits for are ended and replaced."""


@dataclass(frozen=True)
class Schedule:
    """The parts of a job that the coordinator decides by.

    `workers`: the fewest; training begins with them and grows to `most_workers`. `restarts`: see Membership.
    `batch_samples(step)`: samples of a mini-batch. `advice`: what to try when the loss diverges. `plateau`:
    reduces the learning rate by what it sees of `plateau_metric` at the end of each epoch.
    """

    epochs: int
    steps_per_epoch: int
    train_samples: int
    test_samples: int
    parameters: int
    workers: int
    most_workers: int
    parameter_servers: int
    restarts: int
    batch_samples: Callable[[int], int]
    metrics: tuple[str, ...]
    higher_is_better: frozenset[str]
    checkpoint_every: int
    early_stopping: EarlyStoppingSpec | None
    advice: str
    plateau: Plateau | None = None
    plateau_metric: str = "loss"
    checkpoint_every_steps: int | None = None

    @property
    def total_steps(self) -> int:
        """Steps in all epochs."""
        return self.epochs * self.steps_per_epoch


class Phase(Enum):
    """What the coordinator is waiting for."""

    ASSEMBLING = auto()
    TRAINING = auto()
    EVALUATING = auto()
    STOPPING = auto()
    SAVING_MODEL = auto()
    ENDED = auto()


class Coordinator:
    """Events in, instructions out; see the module's docstring. `now` is any monotonic clock in seconds."""

    def __init__(self, schedule: Schedule, position: Position, resumed: bool = False) -> None:
        """`resumed`: `position` is that of a checkpoint of this job itself."""
        self.phase = Phase.ASSEMBLING
        self.position = position
        self.horizon = position.step
        self._schedule = schedule
        self._members = Membership(
            schedule.workers, schedule.most_workers, schedule.parameter_servers, schedule.restarts
        )
        self._liveness = Liveness()
        self._stragglers = Stragglers()
        self._last_lost = ""
        self._stop: Stop | None = None
        self._stopping: Outcome = Outcome.SUCCEEDED
        self._snapshot: Position | None = None
        self._checkpoint_step = position.step if resumed else None
        self._digest: str | None = None
        self._pace = Pace()
        self._epoch_began = 0.0
        self._last_progress = 0.0
        self._input_idle = 0.0

    def handle(self, event: Event, now: float) -> list[Instruction]:
        """Take one event in and say what is to be done, in this order."""
        if self.phase is Phase.ENDED:
            return []
        instructions = self._handle(event, now)
        if self.phase is Phase.ENDED:
            return instructions
        instructions += self._members.due(now)
        given_up = self._members.given_up(self._last_lost, self.position.step, now)
        if given_up is not None:
            instructions += self._end(Outcome.FAILED, given_up.reason, given_up.message)
        return instructions

    def _handle(self, event: Event, now: float) -> list[Instruction]:
        match event:
            case Begin():
                self._last_progress = now
                return self._members.begin()
            case Ready():
                self._last_progress = now
                return self._ready(event, now)
            case Lost():
                self._last_progress = now
                return self._lost(event, now)
            case Broken():
                return self._end(Outcome.FAILED, event.reason, event.message)
            case NotFinite():
                return self._diverged(
                    self.position.step - 1, f"weights are not finite after step {self.position.step}"
                )
            case Advanced():
                return self._advanced(event, now)
            case Evaluated():
                self._last_progress = now
                return self._evaluated(event, now)
            case Written():
                return self._written(event)
            case WriteFailed():
                return self._end(Outcome.FAILED, event.reason, event.message)
            case ModelWritten():
                return self._model_written(event)
            case StopRequested():
                return self._stop_requested(event)
            case Moved():
                self._last_progress = now
                return []
            case Leaving():
                return self._members.leaving(event.role, event.member, self.position.step, now)
            case Vitals():
                return self._vitals(event, now)
            case Tick():
                return self._tick(now)

    # Members.

    def _ready(self, event: Ready, now: float) -> list[Instruction]:
        instructions = self._members.ready(event.role, event.member, self.position.step, now)
        if self.phase is Phase.ASSEMBLING:
            return self._started(now) if self._members.complete else []
        return instructions

    def _started(self, now: float) -> list[Instruction]:
        schedule, position = self._schedule, self.position
        self._epoch_began = now
        self._pace.begin(position.step, now)
        started = Started(
            step=position.step,
            total_steps=schedule.total_steps,
            steps_per_epoch=schedule.steps_per_epoch,
            epochs=schedule.epochs,
            parameters=schedule.parameters,
            train_samples=schedule.train_samples,
            test_samples=schedule.test_samples,
            workers=len(self._members.crew),
            parameter_servers=schedule.parameter_servers,
        )
        self.phase = Phase.TRAINING
        instructions: list[Instruction] = [Tell(started), self._members.train()]
        if position.step >= schedule.total_steps or position.stopped_early:
            return [*instructions, *self._finish()]
        if schedule.plateau is not None:
            instructions.append(SetRateFactor(position.plateau.factor))
        return [*instructions, *self._go_on()]

    def _lost(self, event: Lost, now: float) -> list[Instruction]:
        instructions = self._members.lost(event.role, event.member, event.reason, self.position.step, now)
        self._last_lost = f"{event.role.value} {event.member}: {event.reason}"
        return instructions

    def _vitals(self, event: Vitals, now: float) -> list[Instruction]:
        step = self.position.step
        instructions: list[Instruction] = []
        for found in self._liveness.look(event.members, now):
            instructions += self._members.fence(found.role, found.member, found.reason, step, now)
            self._last_lost = f"{found.role.value} {found.member}: {found.reason}"
        return [*instructions, *map(Tell, self._stragglers.look(event.members, step, now))]

    # Training.

    def _go_on(self) -> list[Instruction]:
        """Extend the horizon, if there is anything to extend it to."""
        schedule, step = self._schedule, self.position.step
        if self._stop is not None:
            return []
        epoch_end = (step // schedule.steps_per_epoch + 1) * schedule.steps_per_epoch
        lease = min(max(2, int(self._pace.steps_per_second * LEASE_SECONDS)), LOSS_RING // 2)
        horizon = min(step + lease, epoch_end)
        if schedule.checkpoint_every_steps is not None:
            every = schedule.checkpoint_every_steps
            horizon = min(horizon, (step // every + 1) * every)
        if horizon <= self.horizon:
            return []
        self.horizon = horizon
        return [Grant(horizon)]

    def _advanced(self, event: Advanced, now: float) -> list[Instruction]:
        if self.phase is not Phase.TRAINING:
            return []
        schedule = self._schedule
        step, epoch_loss = self.position.step, self.position.epoch_loss
        for loss in event.losses:
            if not math.isfinite(loss):
                return self._diverged(step, f"the training loss became {loss} at step {step + 1}")
            epoch_loss += loss
            self._pace.count(loss, schedule.batch_samples(step))
            step += 1
        self._input_idle = event.input_idle
        if step > self.position.step:
            self._last_progress = now
            self._members.progressed()
        self._pace.measure(step, now)
        staleness = counted(self.position.staleness, event.staleness)
        self.position = replace(self.position, step=step, epoch_loss=epoch_loss, staleness=staleness)
        instructions: list[Instruction] = []
        if step % schedule.steps_per_epoch == 0 and step == self.horizon and event.losses:
            instructions += self._epoch_end(now)
        elif self._stop is not None and step == self.horizon:
            instructions += self._save_and_stop()
        elif self._checkpoint_due(step) and step == self.horizon and event.losses:
            # Training goes on while the snapshot is written.
            instructions += [*self._take_snapshot(), *self._go_on(), WriteCheckpoint(self.position)]
        else:
            instructions += self._go_on()
        if self._pace.due(now):
            loss, rate = self._pace.report(now)
            remaining = (schedule.total_steps - step) / max(self._pace.steps_per_second, 1e-9)
            epoch = min((step - 1) // schedule.steps_per_epoch + 1, schedule.epochs)
            instructions.insert(0, Tell(Progress(step, max(epoch, 1), loss, rate, remaining)))
        return instructions

    def _checkpoint_due(self, step: int) -> bool:
        every = self._schedule.checkpoint_every_steps
        return every is not None and step % every == 0

    def _diverged(self, step: int, what: str) -> list[Instruction]:
        epoch = step // self._schedule.steps_per_epoch + 1
        message = f"Training diverged: {what} (epoch {epoch}). {self._schedule.advice}"
        self.position = replace(self.position, step=step)
        return self._end(Outcome.FAILED, Reason.DIVERGED, message)

    # The end of an epoch.

    def _epoch_end(self, now: float) -> list[Instruction]:
        if self._schedule.test_samples:
            self.phase = Phase.EVALUATING
            return [Evaluate()]
        return self._epoch_completed({}, now)

    def _evaluated(self, event: Evaluated, now: float) -> list[Instruction]:
        if self.phase is not Phase.EVALUATING:
            return []
        names = ("loss", *self._schedule.metrics)
        metrics = {
            name: total / self._schedule.test_samples for name, total in zip(names, event.sums, strict=True)
        }
        if not math.isfinite(metrics["loss"]):
            step = self.position.step
            return self._diverged(
                step - 1, f"the loss on the held-out split is {metrics['loss']} after step {step}"
            )
        return self._epoch_completed(metrics, now)

    def _epoch_completed(self, metrics: dict[str, float], now: float) -> list[Instruction]:
        schedule, position = self._schedule, self.position
        epoch = position.step // schedule.steps_per_epoch
        report = EpochCompleted(
            epoch=epoch,
            step=position.step,
            train_loss=position.epoch_loss / schedule.train_samples,
            metrics=metrics,
            seconds=now - self._epoch_began,
            staleness=position.staleness,
            input_idle_fraction=self._input_idle,
        )
        self._epoch_began = now
        self.phase = Phase.TRAINING
        self.position = replace(position, epoch_loss=0.0, metrics=metrics, staleness=())
        instructions: list[Instruction] = [
            Tell(report),
            *self._compare_with_best(epoch, metrics),
            *self._watch_plateau(metrics),
        ]
        if epoch == schedule.epochs or self.position.stopped_early:
            return [*instructions, *self._finish()]
        if self._stop is not None:
            return [*instructions, *self._save_and_stop()]
        if epoch % schedule.checkpoint_every == 0 or self._checkpoint_due(position.step):
            # Training goes on while the snapshot is written.
            return [*instructions, *self._take_snapshot(), *self._go_on(), WriteCheckpoint(self.position)]
        return [*instructions, *self._go_on()]

    def _compare_with_best(self, epoch: int, metrics: dict[str, float]) -> list[Instruction]:
        rule, best = self._schedule.early_stopping, self.position.best
        if rule is None:
            return []
        value = metrics[rule.metric]
        sign = 1.0 if rule.metric in self._schedule.higher_is_better else -1.0
        if best is None or sign * (value - best.value) > rule.min_delta:
            self.position = replace(self.position, best=Best(value, epoch), waited=0)
            return [KeepBest()] if rule.restore_best else []
        waited = self.position.waited + 1
        self.position = replace(self.position, waited=waited, stopped_early=waited >= rule.patience)
        return []

    def _watch_plateau(self, metrics: dict[str, float]) -> list[Instruction]:
        plateau, state = self._schedule.plateau, self.position.plateau
        if plateau is None:
            return []
        seen = plateau.observe(state, metrics[self._schedule.plateau_metric])
        self.position = replace(self.position, plateau=seen)
        return [SetRateFactor(seen.factor)] if seen.factor != state.factor else []

    # Saving and stopping.

    def _take_snapshot(self) -> list[Instruction]:
        self._snapshot = self.position
        return [Snapshot()]

    def _save_and_stop(self) -> list[Instruction]:
        self._stopping = Outcome.PAUSED if self._stop is Stop.PAUSE else Outcome.CANCELLED
        self.phase = Phase.STOPPING
        return [*self._take_snapshot(), WriteCheckpoint(self.position)]

    def _finish(self) -> list[Instruction]:
        self._stopping = Outcome.SUCCEEDED
        self.phase = Phase.STOPPING
        return [*self._take_snapshot(), WriteCheckpoint(self.position)]

    def _written(self, event: Written) -> list[Instruction]:
        self._checkpoint_step, self._digest = event.step, event.digest
        epoch = -(-event.step // self._schedule.steps_per_epoch)
        saved: list[Instruction] = [Tell(CheckpointSaved(event.step, epoch, event.digest))]
        if self.phase is not Phase.STOPPING or event.step != self.position.step:
            return saved
        if self._stopping is Outcome.SUCCEEDED:
            self.phase = Phase.SAVING_MODEL
            return [*saved, WriteModel()]
        return [*saved, *self._end(self._stopping)]

    def _model_written(self, event: ModelWritten) -> list[Instruction]:
        self._digest = event.digest
        return self._end(Outcome.SUCCEEDED, model=event.file_name)

    def _stop_requested(self, event: StopRequested) -> list[Instruction]:
        if self._stop is Stop.CANCEL:
            return []
        self._stop = event.how
        if self.phase is Phase.ASSEMBLING:
            outcome = Outcome.PAUSED if event.how is Stop.PAUSE else Outcome.CANCELLED
            return self._end(outcome)
        if self.phase is Phase.STOPPING and self._stopping is Outcome.PAUSED and event.how is Stop.CANCEL:
            self._stopping = Outcome.CANCELLED
        if self.phase is Phase.TRAINING and self.position.step == self.horizon:
            return self._save_and_stop()
        return []

    def _end(
        self,
        outcome: Outcome,
        reason: Reason | None = None,
        message: str | None = None,
        model: str | None = None,
    ) -> list[Instruction]:
        self.phase = Phase.ENDED
        position, per_epoch = self.position, self._schedule.steps_per_epoch
        finished = Finished(
            outcome=outcome,
            step=position.step,
            epoch=-(-position.step // per_epoch),
            metrics=position.metrics or {},
            digest=self._digest if outcome is not Outcome.FAILED else None,
            model=model,
            checkpoint_step=self._checkpoint_step,
            stopped_early=position.stopped_early,
            reason=reason,
            message=message,
        )
        return [Tell(finished), End(outcome, reason, message)]

    # Time.

    def _tick(self, now: float) -> list[Instruction]:
        waiting = self.phase in (Phase.ASSEMBLING, Phase.EVALUATING) or self.position.step < self.horizon
        if not waiting or now - self._last_progress < STALL_SECONDS:
            return []
        self._last_progress = now
        members = self._members
        return [
            *(Kill(Role.WORKER, incarnation) for incarnation in (*members.crew, *members.awaited)),
            *(Kill(Role.PARAMETER_SERVER, shard) for shard in members.shards),
        ]
