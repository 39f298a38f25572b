"""The members of a job as Ray actors: started, watched and ended from the coordinator's process."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import OutOfMemoryError, RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
from threadpoolctl import threadpool_limits

from ...core import native
from ..errors import JobError
from ..exchange.arena import arena_bytes
from ..exchange.board import COORDINATOR, Board, create_desk, create_shared_board, remove_desk
from ..exchange.dataset import dataset_bytes, share_dataset
from ..exchange.folder import OwnedFolder, exchange_folder
from ..failures import broken
from ..member import SharedPlan, make_member, serve
from ..messages import Broken, Event, Lost, Ready
from ..plan import Plan
from ..reports import Reason, Role
from .process import WatchedProcess

_WAIT_SECONDS = 0.05
_CLOSE_SECONDS = 5.0


@dataclass(frozen=True)
class Prepared:
    """A member is ready, as this process of this node."""

    node: str
    pid: int


class MemberActor:
    """The process of one worker or parameter-server shard."""

    def __init__(self, plan: SharedPlan, role: Role, member: int) -> None:
        self._shared = plan
        self._role = role
        self._number = member

    def prepare(self) -> Broken | Prepared:
        """Open the board and build the member; what is wrong comes back as a value."""
        # More than one BLAS thread a process would change the bytes. The kernels' own threads do not, but
        # together the workers have no more of them than the node has cores.
        threadpool_limits(1)
        try:
            plan, self._board = self._shared.open()
            sharing = (
                plan.spec.cluster.most_workers if self._role is Role.WORKER else native.available_threads()
            )
            native.use_threads(max(1, native.available_threads() // sharing))
            self._member = make_member(plan, self._board, self._role, self._number)
        except Exception as error:
            return broken(self._role, self._number, error)
        # So that it counts as silent if it is stopped before its first beat.
        self._board.beat(self._member.bell)
        return Prepared(ray.get_runtime_context().get_node_id(), os.getpid())

    def run(self) -> Broken | None:
        """Work until the board is closed."""
        try:
            serve(self._board, self._member)
        except MemoryError:
            raise
        except Exception as error:
            return broken(self._role, self._number, error)
        return None


class GradientWorkerActor(MemberActor):
    """A gradient worker, under a name that `ray list actors` shows."""


class ParameterServerActor(MemberActor):
    """A parameter-server shard, under a name that `ray list actors` shows."""


class RayCrew:
    """Starts and watches the members' actors; lives in the coordinator's process."""

    def __init__(self, cpus: float, gpus: float) -> None:
        """cpus, gpus: what each worker asks Ray for."""
        self._share = {"num_cpus": cpus, "num_gpus": gpus}
        self._kinds: dict[Role, Any] = {
            Role.WORKER: actor_class(GradientWorkerActor, **self._share),
            Role.PARAMETER_SERVER: actor_class(ParameterServerActor, num_cpus=0),
        }
        self._actors: dict[tuple[Role, int], Any] = {}
        self._preparing: dict[Any, tuple[Role, int]] = {}
        self._running: dict[Any, tuple[Role, int]] = {}
        self._left: list[int] = []  # lost workers whose desks are still needed
        self._folder: OwnedFolder | None = None
        self._board: Board | None = None
        self._checked = 0.0
        self._node = ""
        self._group_room = 0
        self._in_group: set[tuple[Role, int]] = set()
        self._processes: dict[tuple[Role, int], WatchedProcess] = {}
        self._events: list[Event] = []

    def open(self, plan: Plan) -> Board:
        """Share the dataset and make the board in a folder of this node's memory."""
        shape = plan.shape
        self._node = ray.get_runtime_context().get_node_id()
        self._group_room = plan.spec.cluster.least_workers
        # Among them, the workers write each gradient once.
        gradients = arena_bytes(shape.desk_fields())
        size = dataset_bytes(plan.dataset) + arena_bytes(shape.board_fields()) + gradients
        self._folder = exchange_folder(size)
        folder = self._folder.path
        with _memory_errors(folder):
            self._board = create_shared_board(shape, folder)
            dataset = share_dataset(plan.dataset, folder)
        shared = SharedPlan(plan.spec, dataset, plan.layout, plan.buffers, shape, plan.optimization, folder)
        self._plan = ray.put(shared)
        return self._board

    def start(self, role: Role, member: int) -> None:
        """Start the member's actor."""
        assert self._board is not None and self._folder is not None
        if role is Role.WORKER:
            with _memory_errors(self._folder.path):
                create_desk(self._board.shape, self._folder.path, member)
        self._place(role, member)

    def _place(self, role: Role, member: int) -> None:
        kind = self._kinds[role]
        if role is Role.WORKER and len(self._in_group) < self._group_room:
            self._in_group.add((role, member))
        elif role is Role.WORKER:
            # Beyond what was placed with the job: pending until this node has room, or for good.
            here = NodeAffinitySchedulingStrategy(self._node, soft=False)
            kind = actor_class(GradientWorkerActor, **self._share, scheduling_strategy=here)
        actor = kind.remote(self._plan, role, member)
        self._actors[role, member] = actor
        self._preparing[actor.prepare.remote()] = role, member

    def kill(self, role: Role, member: int) -> None:
        """End the member's process; a stopped one is dead when this returns."""
        if (role, member) not in self._actors:
            return
        for references in (self._preparing, self._running):
            for reference in [each for each, key in references.items() if key == (role, member)]:
                del references[reference]
        self._end(role, member)
        self._events.append(Lost(role, member, "it was ended because it did not answer"))

    def wait(self, seen: int) -> list[Event]:
        """Sleep on the coordinator's doorbell; now and then ask Ray which members came up or are gone."""
        assert self._board is not None
        self._clear_desks()
        if self._events:
            events, self._events = self._events, []
            return events
        # Before anybody is at work there is nothing to be woken by.
        assembling = not self._running
        if not assembling:
            self._board.bells.wait(COORDINATOR, seen, _WAIT_SECONDS)
        now = time.monotonic()
        if now - self._checked < _WAIT_SECONDS and not assembling:
            return []
        self._checked = now
        references = [*self._preparing, *self._running]
        if not references:
            time.sleep(_WAIT_SECONDS)  # all are gone, and their replacements not due yet
            return []
        patience = _WAIT_SECONDS if assembling else 0
        done, _ = ray.wait(references, num_returns=1, timeout=patience)
        if done:
            done, _ = ray.wait(references, num_returns=len(references), timeout=0)
        return [event for reference in done if (event := self._take(reference)) is not None]

    def close(self, at_once: bool = False) -> None:
        """End the members, at first by asking, and give the shared memory back."""
        if self._board is not None:
            self._board.close()
            if self._running and not at_once:
                ray.wait(list(self._running), num_returns=len(self._running), timeout=_CLOSE_SECONDS)
        for actor in self._actors.values():
            ray.kill(actor)
        # Ray asks a process to end, which a stopped one does not hear.
        for process in self._processes.values():
            process.end()
            process.release()
        self._processes.clear()
        self._in_group.clear()
        self._events.clear()
        self._actors.clear()
        self._preparing.clear()
        self._running.clear()
        self._board = None
        if self._folder is not None:
            self._folder.remove()
            self._folder = None

    def _clear_desks(self) -> None:
        assert self._board is not None and self._folder is not None
        for incarnation in list(self._left):
            if not self._board.needs_desk(incarnation):
                remove_desk(self._folder.path, incarnation)
                self._left.remove(incarnation)

    def _take(self, reference: Any) -> Event | None:
        """The event that a finished call stands for."""
        member = (self._preparing if reference in self._preparing else self._running).pop(reference)
        try:
            result: Any = ray.get(reference)
        except RayError as error:
            # What went wrong may be a call and not the process, and no two may play the same part.
            self._end(*member)
            return Lost(*member, cause_of_death(error))
        if not isinstance(result, Prepared):
            return result
        if result.node == self._node:
            with suppress(ProcessLookupError):  # `run` will tell
                self._processes[member] = WatchedProcess(result.pid)
        self._running[self._actors[member].run.remote()] = member
        return Ready(*member)

    def _end(self, role: Role, member: int) -> None:
        """End the process of a member, and give the room that it leaves to one that is pending."""
        ray.kill(self._actors.pop((role, member)))
        had_room = (role, member) in self._in_group
        self._in_group.discard((role, member))
        if role is Role.WORKER:
            self._left.append(member)
        process = self._processes.pop((role, member), None)
        if process is not None:
            process.end()
            process.release()
        pending = [each for each in self._preparing.items() if each[1][0] is Role.WORKER]
        further = [each for each in pending if each[1] not in self._in_group]
        if had_room and further:
            reference, other = further[0]
            ray.kill(self._actors.pop(other))
            del self._preparing[reference]
            self._place(*other)


@contextmanager
def _memory_errors(folder: Path) -> Iterator[None]:
    """Turn an operating system's error in `folder` into one that says what it was for."""
    try:
        yield
    except OSError as error:
        message = f"The job's shared memory in {folder} could not be made: {error.strerror or error}."
        raise JobError(Reason.RESOURCES_UNAVAILABLE, message) from error


def actor_class(kind: type, **options: Any) -> Any:
    """The Ray actor class of `kind`; restarting what dies is the coordinator's decision, never Ray's."""
    return ray.remote(kind).options(max_restarts=0, max_task_retries=0, **options)


def cause_of_death(error: RayError) -> str:
    """One line on why a process is gone."""
    if isinstance(error, OutOfMemoryError):
        return "the node ran out of memory"
    text = str(error)
    detail = next((line for line in text.splitlines() if "exit type" in line or "dead because" in line), text)
    return f"its process died ({' '.join(detail.split())[:200]})"
