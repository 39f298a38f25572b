"""Jobs in process whose members die, freeze in mid-work, wake up too late and miss doorbells, and whose
coordinator is killed: the means, and what holds whatever is done with them."""

from __future__ import annotations

import random
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from chainrule.core.serialize import digest
from chainrule.worker import faults
from chainrule.worker.exchange.board import Board
from chainrule.worker.job import run_job
from chainrule.worker.messages import Event, Lost
from chainrule.worker.parameter_server import ParameterServerShard, Push
from chainrule.worker.plan import Plan
from chainrule.worker.reports import Report, Role
from chainrule.worker.runtime import JobOrder, Stop
from chainrule.worker.runtime.inprocess import InProcessCrew, MemberKilled
from chainrule.worker.spec import JobSpec

MOST_TURNS = 2_000
"""More than any of these jobs may need: one that has no end fails instead."""
_TIMEOUT_TURNS = 20
_TURN_SECONDS = 0.001

Member = tuple[Role, int]


class CoordinatorKilled(BaseException):
    """Ends the process of the coordinator, and its members with it."""


class MortalCrew(InProcessCrew):
    """Its members do one piece of work a turn, and may be lost at any moment."""

    def __init__(self) -> None:
        super().__init__()
        self.turns = 0
        self.at_work: Member | None = None

    def of(self, role: Role) -> list[Member]:
        """The members with this role, in order."""
        return sorted((key for key in self.members if key[0] is role), key=lambda key: key[1])

    def lose(self, key: Member, reason: str = "killed") -> None:
        """End a member from outside."""
        del self.members[key]
        self._events.append(Lost(*key, reason))

    def wait(self, seen: int) -> list[Event]:
        """A turn of each member."""
        self.turns += 1
        assert self.turns < MOST_TURNS, "the job does not come to an end"
        with np.errstate(all="ignore"):
            self._turn()
        events, self._events = self._events, []
        return events

    def _turn(self) -> None:
        for key in list(self.members):
            self._advance(key)

    def _advance(self, key: Member) -> bool:
        self.at_work = key
        try:
            return super()._advance(key)
        finally:
            self.at_work = None


class Frozen(threading.Thread):
    """A member whose process was stopped at a named point in the middle of a piece of work, or ended it."""

    def __init__(self, member: Any, points: int) -> None:
        """points: how many named points it still passes."""
        super().__init__(daemon=True)
        self._member = member
        self._points = points
        self._halted, self._continued = threading.Event(), threading.Event()
        self._doomed = False
        self.advanced = False
        self.start()
        self._halted.wait()

    def run(self) -> None:
        """The piece of work."""
        with np.errstate(all="ignore"):
            try:
                self.advanced = self._member.advance()
            except MemberKilled:
                pass
            finally:
                self._halted.set()

    def reach(self) -> None:
        """Called in this thread at every named point."""
        self._points -= 1
        if self._points == -1:
            self._halted.set()
            self._continued.wait()
            if self._doomed:
                raise MemberKilled

    def go_on(self, doomed: bool = False) -> None:
        """Let it end its piece of work, or die where it stands."""
        self._doomed = doomed
        self._continued.set()
        self.join()


class ChaoticCrew(MortalCrew):
    """Members that advance in any order, starve, freeze, die, go on after they were given up, and sleep on
    doorbells of which some ring twice or never.

    A lost worker's process may live on and write to its desk. A shard writes to what all read, so the process
    of a lost one is known to be dead before there is another.
    """

    def __init__(self, chance: random.Random, harm: int) -> None:
        """harm: the members that die."""
        super().__init__()
        self._chance = chance
        self._harm = harm
        self._starving = chance.choice([0.0, 0.2, 0.6])
        self._freezing = chance.choice([0.0, 0.05, 0.2])
        self._lost_bells = chance.choice([0.0, 0.0, 0.2])
        self._asleep: dict[Member, tuple[int, int]] = {}
        self._frozen: dict[Member, Frozen] = {}
        self._zombies: list[tuple[Any, Frozen | None]] = []

    def open(self, plan: Plan) -> Board:
        """As ever, with doorbells that cannot be relied on."""
        board = super().open(plan)
        ring = board.bells.ring

        def unreliable(waiter: int) -> None:
            if self._chance.random() >= self._lost_bells:
                ring(waiter)
                if self._chance.random() < 0.1:
                    ring(waiter)

        board.bells.ring = unreliable
        return board

    def lose(self, key: Member, reason: str = "killed") -> None:
        """Give a member up."""
        self._give_up(key)
        super().lose(key, reason)

    def kill(self, role: Role, member: int) -> None:
        """End a member that does not answer."""
        if (role, member) in self.members:
            self._give_up((role, member))
        super().kill(role, member)

    def close(self, at_once: bool = False) -> None:
        """End everybody, those that were frozen too."""
        for frozen in (*self._frozen.values(), *(frozen for _, frozen in self._zombies)):
            if frozen is not None:
                frozen.go_on(doomed=True)
        self._frozen.clear()
        self._zombies.clear()
        super().close(at_once)

    def _give_up(self, key: Member) -> None:
        frozen = self._frozen.pop(key, None)
        if key[0] is Role.WORKER:
            self._zombies.append((self.members[key], frozen))
        elif frozen is not None:
            frozen.go_on(doomed=True)

    def _turn(self) -> None:
        chance = self._chance
        for key in chance.sample(list(self.members), len(self.members)):
            if chance.random() >= self._starving:
                self._advance(key)
        if self._zombies and chance.random() < 0.3:
            member, frozen = self._zombies.pop(chance.randrange(len(self._zombies)))
            if frozen is None:
                member.advance()
            else:
                frozen.go_on()
            self._zombies.append((member, None))
        if self._harm and self.members and chance.random() < 0.05:
            self._harm -= 1
            self.lose(chance.choice(list(self.members)))

    def _advance(self, key: Member) -> bool:
        assert self._board is not None
        member, bells = self.members[key], self._board.bells
        if key in self._frozen:
            if self._chance.random() < 0.2:
                self._frozen.pop(key).go_on()
            return False
        bell, since = self._asleep.get(key, (None, 0))
        late = self._lost_bells > 0 and self.turns - since >= _TIMEOUT_TURNS
        if bells.read(member.bell) == bell and not late:
            return False
        seen = bells.read(member.bell)
        if self._chance.random() < self._freezing:
            frozen = Frozen(member, self._chance.randrange(3))
            if frozen.is_alive():
                self._frozen[key] = frozen
            advanced = frozen.advanced or frozen.is_alive()
        else:
            advanced = super()._advance(key)
        if not advanced:
            self._asleep[key] = seen, self.turns
        return advanced


@contextmanager
def disturbed(hook: Callable[[str, int], None]) -> Iterator[None]:
    """Call `hook` at every named point that is not reached by a member which can be frozen."""

    def reached(point: str, step: int) -> None:
        thread = threading.current_thread()
        if isinstance(thread, Frozen):
            thread.reach()
        else:
            hook(point, step)

    with faults.injected(reached):
        yield


def train(
    spec: JobSpec,
    folder: Path,
    crew: MortalCrew,
    stop_at: Callable[[Report], Stop | None] = lambda report: None,
) -> list[Any]:
    """Train from the newest checkpoint in `folder` on, by a clock that counts turns."""
    turns, stops = 0, SimpleQueue()

    def clock() -> float:
        nonlocal turns
        turns += 1
        return turns * _TURN_SECONDS

    folder.mkdir(exist_ok=True)
    reports = []
    try:
        for report in run_job(JobOrder("job", 1, spec, folder, resume=True), crew, stops, clock):
            reports.append(report)
            if (how := stop_at(report)) is not None:
                stops.put(how)
    except CoordinatorKilled:
        left = _as_killed(folder)
        shutil.rmtree(folder)
        left.rename(folder)
    assert crew.members == {}
    return reports


def kill_coordinator(folder: Path) -> None:
    """End the process here and now; the disk stays as it is at this moment, with no time to clear up."""
    shutil.copytree(folder, _as_killed(folder))
    raise CoordinatorKilled


def _as_killed(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}-as-killed")


def files(folder: Path) -> list[str]:
    """What lies in a job's folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


class Applied:
    """Watches every shard: each gradient enters once into each step (I3), and each version of weights and
    state is the same whenever and by whomever it is computed (I5)."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.versions: dict[int, tuple[str, float]] = {}
        self._accepted: Counter[tuple[ParameterServerShard, int]] = Counter()
        for kind, name, noted in (
            (Board, "publish_version", self._published),
            (ParameterServerShard, "push", self._pushed),
            (ParameterServerShard, "complete", self._completed),
        ):
            original = getattr(kind, name)
            monkeypatch.setattr(
                kind, name, lambda *given, noted=noted, original=original: noted(original, *given)
            )

    def _pushed(self, push: Callable, shard: ParameterServerShard, step: int, *given: Any) -> Push:
        result = push(shard, step, *given)
        self._accepted[shard, step] += result is Push.ACCEPTED
        return result

    def _completed(self, complete: Callable, shard: ParameterServerShard) -> float:
        missing, accepted = shard.missing(), self._accepted[shard, shard.step]
        assert not missing and accepted == shard._micro_batch_count(shard.step)
        return complete(shard)

    def _published(self, publish: Callable, board: Board, shard: int, version: int, loss: float) -> None:
        assert version - board.shard_version(shard) in (0, 1), "a step was left out, or taken back"
        publish(board, shard, version, loss)
        if board.step() == version:
            half = version % 2
            content = digest([board.parameters[half], *board.state[half], board.buffers[half]])
            value = content, float(board.losses[version - 1])
            assert self.versions.setdefault(version, value) == value


def without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what costs time and is tested elsewhere: compiled steps, and waiting for the disk."""
    monkeypatch.setattr("chainrule.core.plan.native", SimpleNamespace(library=None))
    monkeypatch.setattr("os.fsync", lambda descriptor: None)


def small_job(folder: Path) -> dict[str, Any]:
    """Three epochs of three steps, the last of an epoch with fewer samples, in four micro-batches; dropout,
    running statistics, and an update that needs the norm of the whole gradient."""
    chance = np.random.default_rng(0)
    np.savez(folder / "data.npz", x=chance.random((70, 6), np.float32), y=np.arange(70) % 3)
    return {
        "dataset": {"source": "npz", "path": str(folder / "data.npz")},
        "model": [
            {"linear": {"units": 5}},
            "batch_norm",
            {"dropout": {"rate": 0.2}},
            {"linear": {"units": 3}},
        ],
        "loss": "softmax_cross_entropy",
        "metrics": ["accuracy"],
        "optimizer": {"adam": {"learning_rate": 0.01}},
        "training": {"epochs": 3, "batch_size": 24, "seed": 7, "clip_norm": 1.0},
        "cluster": {"workers": 2, "parameter_servers": 2},
    }
