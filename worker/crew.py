"""What a runtime provides to a job: the board, and processes (or objects) that play the job's parts on it."""

from __future__ import annotations

from typing import Protocol

from .exchange.board import Board
from .messages import Event
from .plan import Plan
from .reports import Role


class Crew(Protocol):
    """The members of one execution. `member` is a shard's index or a worker's incarnation."""

    def open(self, plan: Plan) -> Board:
        """Make the board where every member can reach it."""
        ...

    def start(self, role: Role, member: int) -> None:
        """Begin to start a member; `Ready`, `Lost` or `Broken` follows from `wait`."""
        ...

    def kill(self, role: Role, member: int) -> None:
        """End a member at once; `Lost` follows from `wait`."""
        ...

    def wait(self, seen: int) -> list[Event]:
        """What happened to members; without any, waits a little while or until the coordinator's bell differs
        from `seen`."""
        ...

    def close(self, at_once: bool = False) -> None:
        """End all members, with a little time for what they are at unless `at_once`, and give back everything
        that was shared. May be called twice."""
        ...
