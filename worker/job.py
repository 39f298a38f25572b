"""One execution of a job: carries the coordinator's instructions out and tells it what happened."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from queue import Empty, SimpleQueue

import numpy as np

from ..core.serialize import digest
from .checkpoint import Checkpoint, write_checkpoint
from .coordinator import Coordinator
from .crew import Crew
from .durable import storage_errors
from .ending import LastReported
from .errors import JobError
from .exchange.board import COORDINATOR, LOSS_RING, Board
from .failures import describe_failure
from .messages import (
    Advanced,
    Assign,
    Begin,
    End,
    Evaluate,
    Evaluated,
    Event,
    Grant,
    Instruction,
    KeepBest,
    Kill,
    Leaving,
    ModelWritten,
    Moved,
    NotFinite,
    Position,
    SetRateFactor,
    Snapshot,
    Start,
    StopRequested,
    Tell,
    Tick,
    Vital,
    Vitals,
    WriteCheckpoint,
    WriteFailed,
    WriteModel,
    Written,
)
from .model import save_model
from .plan import Plan, make_plan, make_schedule
from .reports import Finished, Outcome, Reason, Report, Role
from .runtime import JobOrder, Stop
from .start import StartingPoint, starting_point

MODEL_FILE = "model.safetensors"
LOOK_SECONDS = 0.5
"""How often the coordinator looks at what the members show of themselves."""

log = logging.getLogger(__name__)


def run_job(
    order: JobOrder, crew: Crew, stops: SimpleQueue[Stop], clock: Callable[[], float] = time.monotonic
) -> Iterator[Report]:
    """Train a job with this crew and yield its reports, the last one `Finished`; the crew is closed before
    that.

    Never raises for what can go wrong with a job. `stops` may be fed from any thread.
    """
    last = LastReported(order.folder)
    try:
        for report in _train(order, crew, stops, clock):
            if isinstance(report, Finished):
                crew.close()
            last.note(report)
            yield report
    except _Killed:
        crew.close(at_once=True)
        yield last.finished(
            Outcome.CANCELLED, None, "Stopped at once; what came after the last checkpoint is lost."
        )
    except Exception as error:
        reason, message = describe_failure(error)
        if reason is Reason.INTERNAL:
            log.exception("job %s failed", order.job_id)
        crew.close()
        yield last.finished(Outcome.FAILED, reason, message)
    finally:
        crew.close()


class _Killed(Exception):
    """The execution is to end without saving anything."""


def _train(
    order: JobOrder, crew: Crew, stops: SimpleQueue[Stop], clock: Callable[[], float]
) -> Iterator[Report]:
    plan = make_plan(order.spec)
    start = starting_point(order, plan)
    board = crew.open(plan)
    state = start.parameters, start.state, start.loss_scale, start.buffers, start.residuals
    board.begin(start.position.step, *state, start.position.done)
    coordinator = Coordinator(make_schedule(plan), start.position, start.resumed)
    hands = _Hands(order, plan, start, board, crew)
    events: deque[Event] = deque([Begin()])
    while True:
        while events:
            for instruction in coordinator.handle(events.popleft(), clock()):
                if isinstance(instruction, Tell):
                    yield instruction.report
                elif isinstance(instruction, End):
                    return
                elif (event := hands.carry_out(instruction)) is not None:
                    events.append(event)
                    if isinstance(event, NotFinite):
                        break
        seen = board.bells.read(COORDINATOR)
        events.extend(_stop_requests(stops))
        events.extend(hands.observe())
        if not events:
            events.extend(crew.wait(seen) or hands.observe() or [Tick()])
        events.extend(hands.look(clock()))


def _stop_requests(stops: SimpleQueue[Stop]) -> list[Event]:
    requests: list[Event] = []
    while True:
        try:
            stop = stops.get_nowait()
        except Empty:
            return requests
        if stop is Stop.KILL:
            raise _Killed
        requests.append(StopRequested(stop))


class _Hands:
    """Carries instructions out on the board, the crew and the disk, and reads from the board what has
    happened."""

    def __init__(self, order: JobOrder, plan: Plan, start: StartingPoint, board: Board, crew: Crew) -> None:
        self._order = order
        self._plan = plan
        self._board = board
        self._crew = crew
        self._step = start.position.step
        self._dataset = start.dataset
        self._best = start.best
        self._best_buffers = start.best_buffers
        self._snapshot: tuple[np.ndarray, np.ndarray, np.ndarray, tuple[float, int]] | None = None
        self._done: tuple[int, ...] = ()
        self._residuals: np.ndarray | None = None
        self._evaluation = 0
        self._evaluating = False
        self._known_pieces = (0, 0)
        self._looked = -LOOK_SECONDS

    def carry_out(self, instruction: Instruction) -> Event | None:
        """Do what one instruction says; returns the event that it leads to at once, if any."""
        board, crew = self._board, self._crew
        match instruction:
            case Start(role, member):
                board.forget(board.member_bell(role, member))
                crew.start(role, member)
            case Kill(role, member):
                crew.kill(role, member)
            case Assign(incarnations):
                board.assign(incarnations)
            case Grant(horizon):
                board.grant(horizon)
            case SetRateFactor(factor):
                board.set_rate_factor(factor)
            case Evaluate():
                self._evaluation += 1
                self._evaluating = True
                board.evaluate(self._evaluation)
            case KeepBest():
                self._best = self._evaluated(self._parameters(), self._state()).copy()
                self._best_buffers = self._buffers().copy()
            case Snapshot():
                return self._take_snapshot()
            case WriteCheckpoint(position):
                return self._write_checkpoint(position)
            case WriteModel():
                return self._write_model()
        return None

    def observe(self) -> list[Event]:
        """What the board shows that the coordinator has not been told yet."""
        board = self._board
        events: list[Event] = []
        step = board.step()
        if step > self._step:
            losses = tuple(float(board.losses[s % LOSS_RING]) for s in range(self._step, step))
            idle = self._input_idle() if step % self._plan.steps.per_epoch == 0 else 0.0
            staleness: tuple[int, ...] = ()
            if board.shape.has_ledger:
                staleness = tuple(map(board.ledger.staleness, range(self._step, step)))
            events.append(Advanced(step, losses, idle, staleness))
            self._step = step
        if self._evaluating and (sums := self._evaluation_sums()) is not None:
            self._evaluating = False
            events.append(Evaluated(sums))
        if not events and (finished := self._finished_pieces()) != self._known_pieces:
            self._known_pieces = finished
            events.append(Moved())
        return events

    def _input_idle(self) -> float:
        totals = [desk.input_seconds for desk in self._board.desks()]
        busy = sum(seconds for _, seconds in totals)
        return sum(waited for waited, _ in totals) / busy if busy else 0.0

    def look(self, now: float) -> list[Event]:
        """What the members show of themselves, now and then."""
        if now - self._looked < LOOK_SECONDS:
            return []
        self._looked = now
        board = self._board
        members = [(Role.WORKER, incarnation) for incarnation in board.crew()]
        members += [(Role.PARAMETER_SERVER, shard) for shard in range(self._plan.shape.shards)]
        bells = [(role, member, board.member_bell(role, member)) for role, member in members]
        vitals = tuple(Vital(role, member, *board.vital(bell)) for role, member, bell in bells)
        leaving = [Leaving(role, member) for role, member, bell in bells if board.has_notice(bell)]
        return [*leaving, Vitals(vitals)]

    def _finished_pieces(self) -> tuple[int, int]:
        """A number for what is under way, and how much of it the desks of the crew hold."""
        board, shape = self._board, self._plan.shape
        desks = board.desks()
        if self._evaluating:
            chunks = range(shape.evaluation_chunks)
            return self._evaluation, sum(
                desk.has_evaluation(self._evaluation, c) for desk in desks for c in chunks
            )
        step = board.step()
        if shape.has_ledger:
            return step, sum(
                desk.has_gradient(task, slot)
                for incarnation in board.crew()
                if (desk := board.desk_of(incarnation)) is not None
                for slot, task, _ in board.ledger.dealt(incarnation)
            )
        return step, sum(desk.has_gradient(step, m) for desk in desks for m in range(shape.micro_batches))

    def _parameters(self) -> np.ndarray:
        return self._board.parameters[self._step % 2]

    def _buffers(self) -> np.ndarray:
        return self._board.buffers[self._step % 2]

    def _state(self) -> np.ndarray:
        return self._board.state[self._step % 2]

    def _evaluated(self, parameters: np.ndarray, state: np.ndarray) -> np.ndarray:
        """The weights that are evaluated and saved: the moving average, where there is one."""
        return parameters if self._plan.optimization.average is None else state[-1]

    def _evaluation_sums(self) -> tuple[float, ...] | None:
        """The sums over all chunks, added in the order of the chunks; None while one is missing."""
        desks = self._board.desks()
        total = np.zeros(self._plan.shape.evaluation_values)
        for chunk in range(self._plan.shape.evaluation_chunks):
            desk = next((desk for desk in desks if desk.has_evaluation(self._evaluation, chunk)), None)
            if desk is None:
                return None
            total += desk.evaluation_sums[chunk]
        return tuple(total.tolist())

    def _take_snapshot(self) -> Event | None:
        parameters = self._parameters().copy()
        if not np.isfinite(parameters).all():
            return NotFinite()
        scale = self._board.loss_scale(self._step)
        self._snapshot = parameters, self._state().copy(), self._buffers().copy(), scale
        self._done = ()
        if (tasks := self._plan.shape.tasks) and self._step % tasks:
            self._done = tuple(self._board.ledger.done(self._step // tasks))
        residuals = self._board.residuals[self._step % 2]
        self._residuals = residuals.copy() if residuals.any() else None
        return None

    def _checkpoint(self, position: Position) -> Checkpoint:
        assert self._snapshot is not None
        parameters, state, buffers, loss_scale = self._snapshot
        return Checkpoint(
            job=self._order.spec.model_dump_job(),
            dataset=self._dataset,
            layout=self._plan.layout,
            slots=self._plan.slots,
            position=replace(position, done=self._done),
            parameters=parameters,
            state=state,
            best=self._best,
            loss_scale=loss_scale,
            buffers=buffers,
            best_buffers=self._best_buffers,
            residuals=self._residuals,
        )

    def _write_checkpoint(self, position: Position) -> Event:
        try:
            value = write_checkpoint(self._order.folder, self._checkpoint(position))
        except JobError as error:
            return WriteFailed(error.reason, error.message)
        return Written(position.step, value)

    def _write_model(self) -> Event:
        assert self._snapshot is not None
        parameters, state, buffers, _ = self._snapshot
        parameters = self._evaluated(parameters, state) if self._best is None else self._best
        buffers = buffers if self._best_buffers is None else self._best_buffers
        value = digest([parameters, *state, *([buffers] if buffers.size else [])])
        plan = self._plan
        weights = plan.layout.views(parameters) | plan.buffers.layout.views(buffers)
        path = self._order.folder / MODEL_FILE
        try:
            with storage_errors("The model", path):
                save_model(path, plan.spec, weights, plan.dataset, value)
        except JobError as error:
            return WriteFailed(error.reason, error.message)
        return ModelWritten(MODEL_FILE, value)
