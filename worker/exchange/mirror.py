"""The far end of a link: a board that shows the workers of its node what the one of the coordinator's node
shows, and passes on what they leave on their desks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np

from .board import COORDINATOR, Board, Desk, Orders
from .doorbell import fence
from .link import BEAT_SECONDS, Connection, Kind, LinkError, gradient_payload, version_payload


class Mirror:
    """Keeps a board the same as the one at the other end of a connection.

    Two threads: one brings down what the coordinator and the shards say, each version whole before the word
    that says it is there; the other takes up gradients, sums of evaluations, and what workers tell of
    themselves. Where the link breaks, the board is closed, so that the workers on it end.
    """

    def __init__(
        self,
        board: Board,
        connection: Connection,
        observes: Callable[[int], bool],
        ended: Callable[[LinkError], None] = lambda error: None,
    ) -> None:
        """observes(step): whether gradients of this step, counted from 1, come with an estimate of the
        curvature. ended: called once, from a thread, when the link is over."""
        self._board = board
        self._connection = connection
        self._observes = observes
        self._ended = ended
        self._desks: dict[int, _Seen] = {}
        self._lock = threading.Lock()
        self._over = False
        parts = self._bring_down, self._take_up
        self._threads = [threading.Thread(target=self._keep, args=(part,), daemon=True) for part in parts]

    @property
    def over(self) -> bool:
        """Whether the link broke or was closed."""
        return self._over

    def start(self) -> None:
        """Begin to mirror."""
        for thread in self._threads:
            thread.start()

    def add(self, incarnation: int) -> None:
        """Watch the desk of a worker of this node from now on; before it starts."""
        self._board.forget(self._board.worker_bell(incarnation))
        with self._lock:
            self._desks = {**self._desks, incarnation: _Seen(self._board.desk(incarnation))}
        self._board.ring_shards()

    def remove(self, incarnation: int) -> None:
        """Watch the desk of a lost worker no more."""
        with self._lock:
            self._desks = {i: desk for i, desk in self._desks.items() if i != incarnation}

    def close(self) -> None:
        """End the link."""
        self._over = True
        self._cut()
        for thread in self._threads:
            if thread.is_alive() and thread is not threading.current_thread():
                thread.join()

    def _cut(self) -> None:
        self._connection.close()
        self._board.close()
        self._board.bells.ring(COORDINATOR)

    def _keep(self, part: Callable[[], None]) -> None:
        try:
            part()
        except LinkError as error:
            with self._lock:
                first, self._over = not self._over, True
            self._cut()
            if first:
                self._ended(error)

    # Down.

    def _bring_down(self) -> None:
        while True:
            header = self._connection.receive()
            version = header.numbers[0]
            match header.kind:
                case Kind.ORDERS:
                    orders = np.zeros(4 + self._board.shape.workers, np.int64)
                    self._connection.receive_into(header, [orders])
                    self._board.follow(orders_of(orders))
                case Kind.PARAMETERS:
                    scale, board = np.zeros(2), self._board
                    self._connection.receive_into(header, version_payload(board, version, scale))
                    board.set_loss_scale(version, float(scale[0]), int(scale[1]))
                case Kind.AVERAGE if self._board.shape.slots:
                    self._connection.receive_into(header, [self._board.state[version % 2, -1]])
                case Kind.PUBLISHED:
                    self._connection.receive_into(header, [])
                    self._board.publish_mirrored(version)
                case Kind.ALIVE:
                    self._connection.receive_into(header, [])
                case _:
                    raise LinkError(f"the other end sent {header.kind.name}, which does not go this way")

    # Up.

    def _take_up(self) -> None:
        board, bells, told = self._board, self._board.bells, -BEAT_SECONDS
        while True:
            # Workers ring the shards when gradients are ready and the coordinator after an evaluation; here
            # there are neither, so their bells are this thread's.
            evaluation = board.evaluation
            bell = COORDINATOR if evaluation else board.shard_bell(0)
            seen = bells.read(bell)
            if board.evaluation != evaluation:
                continue
            if self._over:
                raise LinkError("the link was closed")
            if time.monotonic() - told >= BEAT_SECONDS:
                told = time.monotonic()
                self._send_vitals()
            if not self._send_what_is_new() and bells.read(bell) == seen:
                bells.wait(bell, seen, BEAT_SECONDS)

    def _send_vitals(self) -> None:
        self._connection.send(Kind.ALIVE)
        for incarnation in self._desks:
            row = self._board.vitals(self._board.worker_bell(incarnation))
            self._connection.send(Kind.VITALS, (incarnation, 0, 0), [row])

    def _send_what_is_new(self) -> bool:
        sent = False
        for incarnation, desk in self._desks.items():
            sent = self._send_gradients(incarnation, desk) or sent
            for chunk in desk.new_evaluations():
                evaluation = int(desk.evaluations[chunk])
                numbers = incarnation, chunk, evaluation
                self._connection.send(Kind.EVALUATION, numbers, [desk.desk.evaluation_sums[chunk]])
                sent = True
        return sent

    def _send_gradients(self, incarnation: int, desk: _Seen) -> bool:
        sent = False
        for micro_batch in desk.new_gradients():
            step = int(desk.gradients[micro_batch]) - 1
            if step >= self._board.step():  # otherwise somebody else was faster
                payload = gradient_payload(desk.desk, micro_batch, self._observes(step + 1))
                self._connection.send(Kind.GRADIENT, (incarnation, micro_batch, step), payload)
                sent = True
        return sent


class _Seen:
    """A desk, and which of its stamps were seen so far."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.gradients = np.zeros_like(desk.stamps)
        self.evaluations = np.zeros_like(desk.evaluation_stamps)

    def new_gradients(self) -> list[int]:
        """The micro-batches published since the last time; `gradients` then holds their stamps."""
        return _news(self.desk.stamps, self.gradients)

    def new_evaluations(self) -> list[int]:
        """The chunks published since the last time; `evaluations` then holds their numbers."""
        return _news(self.desk.evaluation_stamps, self.evaluations)


def _news(stamps: np.ndarray, seen: np.ndarray) -> list[int]:
    now = stamps.copy()
    fence()
    new = np.flatnonzero(now != seen).tolist()
    seen[...] = now
    return new


def orders_row(orders: Orders, workers: int) -> np.ndarray:
    """Orders as they travel: (4 + workers,) int64."""
    row = np.zeros(4 + workers, np.int64)
    row[:4] = orders.horizon, orders.closing, orders.evaluation, len(orders.crew)
    row[4 : 4 + len(orders.crew)] = orders.crew
    return row


def orders_of(row: np.ndarray) -> Orders:
    """The orders that `orders_row` wrote; LinkError for what it cannot have written."""
    horizon, closing, evaluation, count, *crew = row.tolist()
    if not 0 <= count <= len(crew) or closing not in (0, 1):
        raise LinkError("the other end sent orders that make no sense")
    return Orders(horizon, bool(closing), evaluation, tuple(crew[:count]))
