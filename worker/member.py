"""The loop that a member runs in a process of its own: work while there is some, sleep on its doorbell
otherwise, and show that it lives."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..core.flat import FlatLayout
from .buffers import Buffers
from .exchange.board import Board, BoardShape, open_shared_board
from .exchange.dataset import SharedDataset
from .gradient_worker import GradientWorker
from .optimization import Optimization
from .parameter_server import ParameterServer
from .plan import Plan, make_parameter_server, make_worker
from .reports import Role
from .spec import JobSpec

_SLEEP_SECONDS = 1.0
BEAT_SECONDS = 0.5
"""How often a member shows that its process is running."""


@dataclass(frozen=True, eq=False)
class SharedPlan:
    """A plan as it travels to another process: its dataset as files, its board as the folder that holds
    it."""

    spec: JobSpec
    dataset: SharedDataset
    layout: FlatLayout
    buffers: Buffers
    shape: BoardShape
    optimization: Optimization
    folder: Path

    def open(self) -> tuple[Plan, Board]:
        """The plan and the board as this process sees them."""
        dataset = self.dataset.open()
        plan = Plan(self.spec, dataset, self.layout, self.buffers, self.shape, self.optimization)
        return plan, open_shared_board(self.shape, self.folder)


def make_member(plan: Plan, board: Board, role: Role, member: int) -> GradientWorker | ParameterServer:
    """The member with this role and number."""
    make = make_worker if role is Role.WORKER else make_parameter_server
    return make(plan, board, member)


def serve(board: Board, member: GradientWorker | ParameterServer) -> None:
    """Let a member work until the board is closed."""
    bells = board.bells
    # A loss that overflows is reported by the coordinator; NumPy's warnings would only repeat it.
    with np.errstate(all="ignore"), _beating(board, member.bell), _termination_is_notice(board, member.bell):
        while not board.closing:
            seen = bells.read(member.bell)
            if not take_turn(board, member):
                bells.wait(member.bell, seen, min(_SLEEP_SECONDS, member.patience))


def take_turn(board: Board, member: GradientWorker | ParameterServer) -> bool:
    """Let a member do one piece of work, and show that it is at it; False when there is none."""
    board.turn(member.bell)
    advanced = member.advance()
    board.turn(member.bell)
    return advanced


@contextmanager
def _beating(board: Board, bell: int) -> Iterator[None]:
    # A thread, because a member in the middle of a long computation is alive.
    over = threading.Event()

    def beat() -> None:
        while not over.wait(BEAT_SECONDS):
            board.beat(bell)

    board.beat(bell)
    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def _termination_is_notice(board: Board, bell: int) -> Iterator[None]:
    """Take SIGTERM as the notice that whoever owns the machine gives before ending the process."""
    before = signal.signal(signal.SIGTERM, lambda *_: board.give_notice(bell))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
