"""Which members do not answer any more: stopped ones within seconds, hanging ones by what their work takes.

Two signs, as neither tells all. A thread of each member's process counts *beats*: a stopped process has none,
and one in the middle of a long computation has. The member counts *turns* at its work: one that hangs (in a
lock, a driver, a disk) beats on and never ends its turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .messages import Vital
from .reports import Role

SILENT_SECONDS = 5.0
"""Without a beat for this long, a member counts as stopped; a beat is due every half second."""

HANG_SECONDS = 20.0
HANG_FACTOR = 10.0
"""A turn may take this many times the longest that any member of its role has needed, and never less than
that long. A member's first turn is not judged: compilers and libraries work in it."""

_LONGEST_LOOK = 1.0
"""What a look may add, in seconds: while the coordinator itself was held up, it saw nobody."""


@dataclass
class _Watched:
    beats: int
    turns: int
    silence: float = 0.0
    turn: float = 0.0


@dataclass(frozen=True)
class Unresponsive:
    """A member that does not answer, and how that shows."""

    role: Role
    member: int
    reason: str


class Liveness:
    """What was seen of each member so far."""

    def __init__(self) -> None:
        self._watched: dict[tuple[Role, int], _Watched] = {}
        self._longest: dict[Role, float] = {}
        self._looked: float | None = None

    def look(self, members: Sequence[Vital], now: float) -> list[Unresponsive]:
        """Take a look in; those that are to be ended. Each is named once, and again after as long."""
        elapsed = 0.0 if self._looked is None else min(now - self._looked, _LONGEST_LOOK)
        self._looked = now
        watched = self._watched
        self._watched = {(vital.role, vital.member): self._seen(vital, watched, elapsed) for vital in members}
        return [found for vital in members if (found := self._judge(vital)) is not None]

    def _seen(self, vital: Vital, before: dict[tuple[Role, int], _Watched], elapsed: float) -> _Watched:
        watched = before.get((vital.role, vital.member))
        if watched is None:
            return _Watched(vital.beats, vital.turns)
        watched.silence = watched.silence + elapsed if vital.beats == watched.beats else 0.0
        if vital.turns == watched.turns:
            watched.turn += elapsed
        else:
            if watched.turns % 2 and watched.turns > 1:
                self._longest[vital.role] = max(self._longest.get(vital.role, 0.0), watched.turn)
            watched.turn = 0.0
        watched.beats, watched.turns = vital.beats, vital.turns
        return watched

    def _judge(self, vital: Vital) -> Unresponsive | None:
        key = vital.role, vital.member
        watched, longest = self._watched[key], self._longest.get(vital.role, 0.0)
        reason = None
        if vital.beats and watched.silence >= SILENT_SECONDS:
            reason = f"it gave no sign of life for {watched.silence:.0f} seconds"
        elif vital.turns % 2 and vital.turns > 1 and watched.turn >= max(HANG_SECONDS, HANG_FACTOR * longest):
            reason = f"it has been at one piece of its work for {watched.turn:.0f} seconds"
        if reason is None:
            return None
        del self._watched[key]
        return Unresponsive(*key, reason)
