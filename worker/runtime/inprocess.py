"""The whole of a job in one process, its members taking turns: for debugging, and for playing faults
through."""

from __future__ import annotations

import time
from collections.abc import Iterator
from queue import SimpleQueue

import numpy as np
from threadpoolctl import threadpool_limits

from ..crew import Crew
from ..exchange.board import Board, private_board
from ..failures import broken
from ..gradient_worker import GradientWorker
from ..job import run_job
from ..member import make_member, take_turn
from ..messages import Event, Lost, Ready
from ..parameter_server import ParameterServer
from ..plan import Plan
from ..reports import Report, Role
from . import Execution, JobOrder, Stop

_TURN_SECONDS = 0.02
_IDLE_SECONDS = 0.001


class MemberKilled(BaseException):
    """Raised by an injected fault to end the member that is computing, as a signal would end its process."""


class InProcessCrew:
    """Members as objects, advanced one after the other by the thread that also runs the coordinator."""

    def __init__(self) -> None:
        self.members: dict[tuple[Role, int], GradientWorker | ParameterServer] = {}
        self._events: list[Event] = []
        self._plan: Plan | None = None
        self._board: Board | None = None

    def open(self, plan: Plan) -> Board:
        """Make a board that only this process sees."""
        self._plan, self._board = plan, private_board(plan.shape)
        return self._board

    def start(self, role: Role, member: int) -> None:
        """Build the member; it is ready at once."""
        assert self._plan is not None and self._board is not None
        self.members[role, member] = make_member(self._plan, self._board, role, member)
        self._events.append(Ready(role, member))

    def kill(self, role: Role, member: int) -> None:
        """Drop the member."""
        if self.members.pop((role, member), None) is not None:
            self._events.append(Lost(role, member, "it was ended because it did not answer"))

    def wait(self, seen: int) -> list[Event]:
        """Let every member advance until none has anything to do, or for one turn."""
        end, idle = time.monotonic() + _TURN_SECONDS, True
        with np.errstate(all="ignore"):
            while not self._events and time.monotonic() < end:
                advanced = [self._advance(key) for key in list(self.members)]
                if not any(advanced):
                    break
                idle = False
        if idle and not self._events:
            time.sleep(_IDLE_SECONDS)  # a replacement is waited for, or a member that is late
        events, self._events = self._events, []
        return events

    def close(self, at_once: bool = False) -> None:
        """Drop all members."""
        self.members.clear()
        self._board = None

    def _advance(self, key: tuple[Role, int]) -> bool:
        member = self.members.get(key)
        if member is None or self._board is None:
            return False
        self._board.beat(member.bell)
        try:
            return take_turn(self._board, member)
        except MemberKilled as killed:
            del self.members[key]
            self._events.append(Lost(*key, str(killed)))
        except MemoryError:
            del self.members[key]
            self._events.append(Lost(*key, "out of memory"))
        except Exception as error:
            self._events.append(broken(*key, error))
        return False


class InProcessExecution:
    """A job that trains in the thread that reads its reports."""

    def __init__(self, order: JobOrder, crew: Crew) -> None:
        self._order = order
        self._crew = crew
        self._stops: SimpleQueue[Stop] = SimpleQueue()

    def reports(self) -> Iterator[Report]:
        """Train, on one BLAS thread as every worker process does, and tell."""
        with threadpool_limits(1):
            yield from run_job(self._order, self._crew, self._stops)

    def stop(self, how: Stop) -> None:
        """Ask for an early end."""
        self._stops.put(how)


class InProcessRuntime:
    """Runs each job in the thread of whoever reads its reports."""

    def start(self) -> None:
        """Nothing needs to be made ready."""

    def execute(self, order: JobOrder) -> Execution:
        """Begin a job; it advances while its reports are read."""
        return InProcessExecution(order, InProcessCrew())

    def close(self) -> None:
        """Nothing needs to be given back."""
