"""The near end of all links of a job, in the coordinator's process: sends down what the board shows, and puts
what comes up on the desks of the workers that it is from."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import numpy as np

from ..faults import reach
from .arena import arena_bytes
from .board import COORDINATOR, Board, Desk, Orders
from .link import (
    BEAT_SECONDS,
    SILENCE_SECONDS,
    Connection,
    Kind,
    LinkError,
    gradient_payload,
    listen,
    version_payload,
    welcome,
)
from .mirror import orders_row

log = logging.getLogger(__name__)

_MOST_AT_THE_DOOR = 64


class Hub:
    """Takes the links of other nodes to this board, until it is closed."""

    def __init__(
        self,
        board: Board,
        host: str,
        secret: bytes,
        averages: bool,
        observes: Callable[[int], bool],
        silence: float = SILENCE_SECONDS,
    ) -> None:
        """averages: whether the last row of the state is what is evaluated. observes: as in `Mirror`."""
        self._board = board
        self._secret = secret
        self._averages = averages
        self._observes = observes
        self._silence = silence
        self._lock = threading.Lock()
        self._links: dict[int, _Link] = {}
        self._numbers = 0
        self._broken: list[tuple[int, Exception]] = []
        self._at_the_door = threading.BoundedSemaphore(_MOST_AT_THE_DOOR)
        self._server = listen(host)
        self.address: tuple[str, int] = (host, self._server.getsockname()[1])
        self._thread = threading.Thread(target=self._take, daemon=True)
        self._thread.start()

    def expect(self) -> int:
        """Let one more link in; its number."""
        with self._lock:
            number = self._numbers
            self._numbers += 1
            self._links[number] = _Link(number, self._board, self._averages, self._observes)
        self._board.ring_links(self._numbers)
        return number

    def add(self, number: int, incarnation: int) -> None:
        """Take from this link what is from this worker, onto its desk."""
        self._links[number].add(incarnation)

    def remove(self, number: int, incarnation: int) -> None:
        """Take nothing more that is from this worker."""
        if (link := self._links.get(number)) is not None:
            link.remove(incarnation)

    def broken(self) -> list[tuple[int, Exception]]:
        """The links that broke since this was asked last, and why."""
        with self._lock:
            broken, self._broken = self._broken, []
        return broken

    def drop(self, number: int) -> None:
        """End a link."""
        with self._lock:
            link = self._links.pop(number, None)
        if link is not None:
            link.close()

    def close(self) -> None:
        """End every link and take no more."""
        # Closing alone would not wake the thread that accepts.
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()
        for number in list(self._links):
            self.drop(number)

    def _take(self) -> None:
        while True:
            try:
                channel, _ = self._server.accept()
            except OSError:
                return
            if not self._at_the_door.acquire(blocking=False):
                channel.close()
                continue
            threading.Thread(target=self._let_in, args=(channel,), daemon=True).start()

    def _let_in(self, channel: socket.socket) -> None:
        try:
            connection, number = welcome(channel, self._secret, self._board.shape, self._silence)
        except LinkError as error:
            log.warning("a connection was refused: %s", error)
            channel.close()
            return
        finally:
            self._at_the_door.release()
        with self._lock:
            link = self._links.get(number)
        if link is None:
            connection.close()
            return
        link.start(connection, partial(self._note, number))

    def _note(self, number: int, error: Exception) -> None:
        with self._lock:
            if number not in self._links:
                return
            self._broken.append((number, error))
        self._board.bells.ring(COORDINATOR)


class _Link:
    """One link: a thread that sends and one that receives."""

    def __init__(self, number: int, board: Board, averages: bool, observes: Callable[[int], bool]) -> None:
        self.connection: Connection | None = None
        self._bell = board.link_bell(number)
        self._board = board
        self._averages = averages
        self._observes = observes
        self._lock = threading.Lock()
        self._over = False
        self._threads: list[threading.Thread] = []
        self._desks: dict[int, Desk] = {}
        self._known: set[int] = set()
        # What the mirror shows.
        self._version = -1
        self._average = -1
        self._orders: Orders | None = None

    def start(self, connection: Connection, note: Callable[[Exception], None]) -> None:
        """Begin, unless the link is over or has begun; `note` is told once why it ended, unless it was
        closed."""
        with self._lock:
            if self._over or self.connection is not None:
                connection.close()
                return
            self.connection = connection
            parts = partial(self._send_down, connection), partial(self._take_in, connection)
            self._threads = [
                threading.Thread(target=self._keep, args=(part, connection, note), daemon=True)
                for part in parts
            ]
            for thread in self._threads:
                thread.start()

    def add(self, incarnation: int) -> None:
        """Put what comes from this worker on its desk."""
        self._desks[incarnation] = self._board.desk(incarnation)
        self._known.add(incarnation)

    def remove(self, incarnation: int) -> None:
        """Drop what still comes from this worker."""
        self._desks.pop(incarnation, None)

    def close(self) -> None:
        """End the link."""
        with self._lock:
            self._over = True
            if self.connection is not None:
                self.connection.close()
        self._board.bells.ring(self._bell)
        for thread in self._threads:
            thread.join()

    def _keep(
        self, part: Callable[[], None], connection: Connection, note: Callable[[Exception], None]
    ) -> None:
        try:
            part()
        except Exception as error:
            with self._lock:
                over, self._over = self._over, True
            connection.close()
            if not over:
                note(error)

    def _send_down(self, connection: Connection) -> None:
        bells = self._board.bells
        said = time.monotonic()
        while not self._over:
            seen = bells.read(self._bell)
            if self._send_what_is_new(connection):
                said = time.monotonic()
                continue
            if time.monotonic() - said >= BEAT_SECONDS:
                connection.send(Kind.ALIVE)
                said = time.monotonic()
            bells.wait(self._bell, seen, BEAT_SECONDS)

    def _send_what_is_new(self, connection: Connection) -> bool:
        """Send what the mirror lacks, the parameters before the orders that are about them."""
        board = self._board
        orders = board.orders()
        version = board.step()
        works_here = any(incarnation in self._desks for incarnation in orders.crew)
        if works_here and version != self._version:
            self._send_version(connection, version)
            return True
        if works_here and self._averages and orders.evaluation and version != self._average:
            connection.send(Kind.AVERAGE, (version, 0, 0), [board.state[version % 2, -1]])
            self._average = version
            return True
        if orders != self._orders:
            connection.send(Kind.ORDERS, arrays=[orders_row(orders, board.shape.workers)])
            self._orders = orders
            return True
        return False

    def _send_version(self, connection: Connection, version: int) -> None:
        board = self._board
        reach("link.before_parameters", version)
        scale = np.array(board.loss_scale(version), np.float64)
        connection.send(Kind.PARAMETERS, (version, 0, 0), version_payload(board, version, scale))
        # Until every shard has reached the next version, none writes into this half.
        if board.step() == version:
            connection.send(Kind.PUBLISHED, (version, 0, 0))
            self._version = version
        reach("link.after_parameters", version)

    def _take_in(self, connection: Connection) -> None:
        board = self._board
        while True:
            header = connection.receive()
            incarnation, item, key = header.numbers
            match header.kind:
                case Kind.ALIVE:
                    connection.receive_into(header, [])
                    continue
                case Kind.GRADIENT:
                    items = board.shape.micro_batches
                case Kind.EVALUATION:
                    items = board.shape.evaluation_chunks
                case Kind.VITALS:
                    items = 1
                case _:
                    raise LinkError(f"the other end sent {header.kind.name}, which does not go this way")
            if not 0 <= item < items or incarnation not in self._known:
                what = f"{header.kind.name} {item} of worker {incarnation}"
                raise LinkError(f"the other end sent {what}, which nobody awaits")
            desk = self._desks.get(incarnation)
            if desk is None:
                connection.skip(header, arena_bytes(board.shape.desk_fields()))
            elif header.kind is Kind.VITALS:
                connection.receive_into(header, [board.vitals(board.worker_bell(incarnation))])
            elif header.kind is Kind.GRADIENT:
                desk.reserve(item)
                payload = gradient_payload(desk, item, self._observes(key + 1))
                connection.receive_into(header, payload, self._beat)
                desk.publish_gradient(key, item)
                board.ring_shards()
            else:
                connection.receive_into(header, [desk.evaluation_sums[item]])
                desk.publish_evaluation(key, item)
                board.bells.ring(COORDINATOR)

    def _beat(self) -> None:
        """While a long gradient comes, nothing can tell of the workers: they live as long as bytes come."""
        for incarnation in list(self._desks):
            self._board.beat(self._board.worker_bell(incarnation))
