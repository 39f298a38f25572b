"""The loop that a member runs in a process of its own: work while there is some, sleep on its doorbell
otherwise."""

from __future__ import annotations

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
    with np.errstate(all="ignore"):
        while not board.closing:
            seen = bells.read(member.bell)
            if not member.advance():
                bells.wait(member.bell, seen, _SLEEP_SECONDS)
