"""Who takes part in a job: the workers of the crew and the shards, who joins, who goes, who is replaced, and
when it is too much.

Decisions only, for the coordinator. A worker that cannot be started yet stays among those that are starting;
so a crew grows from `least` to `most` workers whenever a runtime finds room for another. The work is dealt
out by place, and whose it is changes no byte of the result.
"""

from __future__ import annotations

from dataclasses import dataclass

from .messages import Assign, Instruction, Kill, Start, Tell
from .reports import CrewChanged, MemberJoined, MemberLost, Reason, Role

FIRST_WAIT_SECONDS = 0.1
LONGEST_WAIT_SECONDS = 10.0
"""A member that is lost again and again is replaced after a wait that doubles each time."""

SHORTAGE_SECONDS = 300.0
"""How long fewer workers than `least` are put up with before the job is given up."""


@dataclass(frozen=True)
class GivenUp:
    """Why a job cannot go on."""

    reason: Reason
    message: str


class Membership:
    """The members by their numbers: a shard's index, a worker's incarnation. `now` is in seconds."""

    def __init__(self, least: int, most: int, shards: int, restarts: int) -> None:
        """restarts: replacements that may be lost in a row without a step of progress."""
        self._least = least
        self._most = most
        self._shards = shards
        self._restarts = restarts
        self._places: list[int | None] = [None] * most
        self._starting: dict[int, int] = {}  # a starting worker's incarnation -> its place in the crew
        self._shards_up: set[int] = set()
        self._incarnations = 0
        self._training = False
        self._losses_in_a_row = 0
        self._waiting: list[tuple[float, Start]] = []
        self._lost_at: dict[tuple[Role, int], float] = {}  # by place or shard
        self._ended_for: dict[int, str] = {}  # shards that are being ended -> why
        self._short_since: float | None = None

    @property
    def crew(self) -> tuple[int, ...]:
        """The workers that share the work, in the order of their places."""
        return tuple(incarnation for incarnation in self._places if incarnation is not None)

    @property
    def shards(self) -> list[int]:
        """The shards that are up."""
        return sorted(self._shards_up)

    @property
    def awaited(self) -> list[int]:
        """The starting workers without which there are too few."""
        return list(self._starting) if len(self.crew) < self._least else []

    @property
    def complete(self) -> bool:
        """Whether training may begin."""
        return len(self.crew) >= self._least and len(self._shards_up) == self._shards

    def begin(self) -> list[Instruction]:
        """Start everybody."""
        shards: list[Instruction] = [Start(Role.PARAMETER_SERVER, shard) for shard in range(self._shards)]
        return [*shards, *(self._start_worker(place) for place in range(self._most))]

    def train(self) -> Instruction:
        """Deal the work out for the first time."""
        self._training = True
        return Assign(self.crew)

    def progressed(self) -> None:
        """A step is done: the losses before it are made good."""
        self._losses_in_a_row = 0

    def ready(self, role: Role, member: int, step: int, now: float) -> list[Instruction]:
        """Let a member that is up take part."""
        if role is Role.WORKER:
            place = self._starting.pop(member, None)
            if place is None:
                return []
            before = self._places[place]
            self._places[place] = member
        else:
            before, place = None, member
            self._shards_up.add(member)
        lost_at = self._lost_at.pop((role, place), None)
        if not self._training:
            return []
        instructions: list[Instruction] = []
        if role is Role.WORKER:
            instructions.append(Assign(self.crew))
            self._watch_shortage(now)
        if before is not None:
            instructions.append(Kill(Role.WORKER, before))
        if lost_at is not None:
            instructions.append(Tell(MemberJoined(role, member, step, now - lost_at)))
        if role is Role.WORKER:
            instructions += self._changed(step, f"worker {member} joined")
        return instructions

    def lost(self, role: Role, member: int, reason: str, step: int, now: float) -> list[Instruction]:
        """Replace a member that is gone."""
        if role is Role.WORKER:
            return self._lost_worker(member, reason, step, now)
        self._shards_up.discard(member)
        reason = self._ended_for.pop(member, reason)
        start, when = self._replace(Start(role, member), (role, member), now)
        action = f"a replacement{when} goes on from the last complete version of its slice"
        return [*start, Tell(MemberLost(role, member, step, reason, action))]

    def fence(self, role: Role, member: int, reason: str, step: int, now: float) -> list[Instruction]:
        """End a member that does not answer, and see to it that nothing it may still do counts.

        A worker's desk is not looked at from now on. A shard writes to what all read, so its replacement
        starts only once it is known to be dead: `lost` follows.
        """
        if role is Role.WORKER:
            if member not in self._places or not self._training:
                return []
            assign, *rest = self._lost_worker(member, reason, step, now)
            return [assign, Kill(role, member), *rest]
        self._ended_for[member] = reason
        return [Kill(role, member)]

    def leaving(self, role: Role, member: int, step: int, now: float) -> list[Instruction]:
        """Hand the work of a member over that was given notice: to the others at once, where it is the only
        worker to its replacement once that is up. That costs no restart."""
        notice = "it was given notice to end"
        if role is Role.PARAMETER_SERVER:
            if member not in self._shards_up:
                return []
            self._losses_in_a_row -= 1
            self._ended_for[member] = notice
            return [Kill(role, member)]
        if member not in self._places or (place := self._places.index(member)) in self._starting.values():
            return []
        start = self._start_worker(place)
        self._lost_at[role, place] = now
        if self.crew == (member,):
            action = "it works on until the replacement that was started is up"
            return [start, Tell(MemberLost(role, member, step, notice, action))]
        self._places[place] = None
        self._watch_shortage(now)
        action = "its micro-batches were handed over to the other workers, and a replacement was started"
        return [
            Assign(self.crew),
            Kill(role, member),
            start,
            Tell(MemberLost(role, member, step, notice, action)),
            *self._changed(step, f"worker {member} goes"),
        ]

    def due(self, now: float) -> list[Instruction]:
        """Start those whose wait is over."""
        due = [start for when, start in self._waiting if when <= now]
        self._waiting = [(when, start) for when, start in self._waiting if when > now]
        return [*due]

    def given_up(self, last: str, step: int, now: float) -> GivenUp | None:
        """Whether losses or a shortage have become too much. `last`: the last loss, in words."""
        if self._losses_in_a_row > self._most + self._shards + self._restarts:
            message = (
                f"{self._losses_in_a_row} processes of the job died one after the other at step {step} "
                f"without one step of progress in between; the last was {last}. Look for a lack of memory "
                "first (fewer workers or a smaller batch_size need less). cluster.restarts "
                f"({self._restarts}) says how many replacements may be lost in a row."
            )
            return GivenUp(Reason.WORKERS_LOST, message)
        if self._short_since is not None and now - self._short_since >= SHORTAGE_SECONDS:
            message = (
                f"For {SHORTAGE_SECONDS:.0f} seconds the job had {len(self.crew)} of the {self._least} "
                f"workers that it needs at least, at step {step}: no room was found for others. Lower "
                "cluster.workers (or its min), or add a node, and continue from the last checkpoint."
            )
            return GivenUp(Reason.RESOURCES_UNAVAILABLE, message)
        return None

    def _lost_worker(self, member: int, reason: str, step: int, now: float) -> list[Instruction]:
        place = self._starting.pop(member, None)
        was_at_work = place is None
        if place is None:
            if member not in self._places:
                return []
            place = self._places.index(member)
            self._places[place] = None
        instructions: list[Instruction] = []
        action = "another was started in its place"
        if was_at_work and self._training:
            instructions.append(Assign(self.crew))
            self._watch_shortage(now)
        if place in self._starting.values():
            action = "its replacement had been started before"
            return [*instructions, Tell(MemberLost(Role.WORKER, member, step, reason, action))]
        start, when = self._replace(self._start_worker(place), (Role.WORKER, place), now)
        if was_at_work and self._training:
            action = f"its micro-batches went to the other workers, and a replacement{when} was started"
        if not self.crew:
            action = f"training waits for the replacement{when} that was started"
        tell = Tell(MemberLost(Role.WORKER, member, step, reason, action))
        changed = self._changed(step, f"worker {member} was lost") if was_at_work and self._training else []
        return [*instructions, *start, tell, *changed]

    def _start_worker(self, place: int) -> Start:
        incarnation = self._incarnations
        self._incarnations += 1
        self._starting[incarnation] = place
        return Start(Role.WORKER, incarnation)

    def _replace(self, start: Start, place: tuple[Role, int], now: float) -> tuple[list[Instruction], str]:
        """The start of a replacement, now or later, and the latter in words.

        A loss of each member, even at the same moment, is nothing to wait for; that of a replacement is.
        """
        self._lost_at.setdefault(place, now)
        self._losses_in_a_row += 1
        again = self._losses_in_a_row - self._most - self._shards
        if again <= 0:
            return [start], ""
        seconds = min(FIRST_WAIT_SECONDS * 2.0 ** (again - 1), LONGEST_WAIT_SECONDS)
        self._waiting.append((now + seconds, start))
        return [], f" (after a wait of {seconds:g} seconds)"

    def _changed(self, step: int, reason: str) -> list[Instruction]:
        if self._least == self._most:
            return []  # a loss and its replacement say it all
        return [Tell(CrewChanged(step, len(self.crew), reason))]

    def _watch_shortage(self, now: float) -> None:
        if len(self.crew) >= self._least:
            self._short_since = None
        elif self._short_since is None:
            self._short_since = now
