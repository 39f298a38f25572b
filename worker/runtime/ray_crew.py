"""The members of a job as Ray actors: started, watched and ended from the coordinator's process.

Coordinator and parameter server are on the job's home node, and meet the workers there in its shared memory.
On every other node with workers there is a link, which shows them a mirror of what is at home.
"""

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
from .ray_links import RayLinks
from .ray_places import Places, actor_class

_WAIT_SECONDS = 0.05
_NODES_SECONDS = 0.25
_CLOSE_SECONDS = 5.0


@dataclass(frozen=True)
class Prepared:
    """A member is ready, as this process of this node."""

    node: str
    pid: int


class MemberActor:
    """The process of one worker or parameter-server shard."""

    def __init__(self, plan: list[Any], role: Role, member: int, sharing: int) -> None:
        """plan: a reference to a `SharedPlan` or, of a worker on another node, to why it cannot be made
        there; in a list, so that this process starts while the plan is made. sharing: how many processes
        share the cores of the node."""
        self._plan = plan
        self._role = role
        self._number = member
        self._sharing = sharing

    def prepare(self) -> Broken | Prepared:
        """Open the board and build the member; what is wrong comes back as a value."""
        # More than one BLAS thread a process would change the bytes. The kernels' own threads do not, but
        # together the workers have no more of them than the node has cores.
        threadpool_limits(1)
        shared: SharedPlan | Broken = ray.get(self._plan[0])
        if isinstance(shared, Broken):
            return shared
        try:
            plan, self._board = shared.open()
            native.use_threads(max(1, native.available_threads() // self._sharing))
            self._member = make_member(plan, self._board, self._role, self._number)
        except FileNotFoundError:
            raise  # the folder went with the link that made it: a worker that is lost, not a job
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

    def __init__(self, places: Places) -> None:
        """places: where they run."""
        self._places = places
        self._actors: dict[tuple[Role, int], Any] = {}
        self._preparing: dict[Any, tuple[Role, int]] = {}
        self._running: dict[Any, tuple[Role, int]] = {}
        self._waiting: list[int] = []  # workers that have no node yet
        self._left: list[int] = []  # lost workers whose desks are still needed
        self._folder: OwnedFolder | None = None
        self._board: Board | None = None
        self._links: RayLinks | None = None
        self._further = 0
        self._checked = 0.0
        self._looked_for_nodes = 0.0
        self._processes: dict[tuple[Role, int], WatchedProcess] = {}
        self._events: list[Event] = []

    def open(self, plan: Plan) -> Board:
        """Share the dataset and make the board in a folder of this node's memory."""
        shape, cluster = plan.shape, plan.spec.cluster
        self._further = cluster.most_workers - cluster.least_workers
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
        self._links = RayLinks(plan, self._board, self._places)
        return self._board

    def start(self, role: Role, member: int) -> None:
        """Start the member's actor, a worker's once there is a node for it."""
        assert self._board is not None and self._folder is not None
        if role is Role.WORKER:
            with _memory_errors(self._folder.path):
                create_desk(self._board.shape, self._folder.path, member)
            self._places.seat(member)
            self._waiting.append(member)
            self._start_waiting()
        else:
            kind = actor_class(ParameterServerActor, num_cpus=0, **self._places.at_home())
            self._launch(role, member, kind, self._plan, native.available_threads())

    def kill(self, role: Role, member: int) -> None:
        """End the member's process; a stopped one is dead when this returns, if it is on this node."""
        if (role, member) in self._actors or (role is Role.WORKER and member in self._waiting):
            self._end(role, member)
            self._events.append(Lost(role, member, "it was ended because it did not answer"))

    def wait(self, seen: int) -> list[Event]:
        """Sleep on the coordinator's doorbell; now and then ask Ray which members came up or are gone."""
        assert self._board is not None and self._links is not None
        self._clear_desks()
        if self._events:
            events, self._events = self._events, []
            return events
        # Before anybody is at work there is nothing to be woken by.
        assembling = not self._running
        if not assembling:
            self._board.bells.wait(COORDINATOR, seen, _WAIT_SECONDS)
        events = [event for number, error in self._links.broken() for event in self._cut_off(number, error)]
        if events:
            return events
        now = time.monotonic()
        if now - self._checked < _WAIT_SECONDS and not assembling:
            return []
        self._checked = now
        if self._waiting and now - self._looked_for_nodes >= _NODES_SECONDS:
            self._start_waiting()
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
        if self._links is not None:
            self._links.close()
            self._links = None
        for actor in self._actors.values():
            ray.kill(actor)
        # Ray asks a process to end, which a stopped one does not hear.
        for process in self._processes.values():
            process.end()
            process.release()
        self._places.close()
        self._processes.clear()
        self._events.clear()
        self._actors.clear()
        self._preparing.clear()
        self._running.clear()
        self._waiting.clear()
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

    def _start_waiting(self) -> None:
        """Start the workers that have a node by now."""
        assert self._links is not None
        self._looked_for_nodes = time.monotonic()
        for worker, node in self._places.nodes_of(self._waiting).items():
            self._waiting.remove(worker)
            kind = actor_class(GradientWorkerActor, **self._places.of_worker(worker))
            plan = self._plan if node == self._places.home else self._links.join(node, worker)
            # Others may follow it there.
            sharing = self._places.workers_on(node) + self._further
            self._launch(Role.WORKER, worker, kind, plan, sharing)

    def _launch(self, role: Role, member: int, kind: Any, plan: Any, sharing: int) -> None:
        actor = kind.remote([plan], role, member, sharing)
        self._actors[role, member] = actor
        self._preparing[actor.prepare.remote()] = role, member

    def _cut_off(self, number: int, error: Exception) -> list[Event]:
        """The events of a link that broke: its workers are lost, whether or not they still run."""
        assert self._links is not None
        node, workers = self._links.drop(number)
        if isinstance(error, JobError):
            return [broken(Role.WORKER, worker, error) for worker in workers[:1]]
        for worker in workers:
            self._end(Role.WORKER, worker)
        return [Lost(Role.WORKER, worker, f"the link to node {node} broke: {error}") for worker in workers]

    def _end(self, role: Role, member: int) -> None:
        """End what there is of a member, as no two may play the same part, and give its room to one that
        waits."""
        if (actor := self._actors.pop((role, member), None)) is not None:
            ray.kill(actor)
        for references in (self._preparing, self._running):
            for reference in [each for each, whose in references.items() if whose == (role, member)]:
                del references[reference]
        if role is Role.WORKER:
            if member in self._waiting:
                self._waiting.remove(member)
            self._places.leave(member, self._waiting)
            if self._links is not None:
                self._links.leave(member)
            self._left.append(member)
        if (process := self._processes.pop((role, member), None)) is not None:
            process.end()
            process.release()

    def _take(self, reference: Any) -> Event | None:
        """The event that a finished call stands for."""
        member = (self._preparing if reference in self._preparing else self._running).pop(reference)
        try:
            result: Any = ray.get(reference)
        except RayError as error:
            # What went wrong may be a call and not the process.
            self._end(*member)
            return Lost(*member, cause_of_death(error))
        if not isinstance(result, Prepared):
            return result
        if result.node == self._places.home:
            with suppress(ProcessLookupError):  # `run` will tell
                self._processes[member] = WatchedProcess(result.pid)
        self._running[self._actors[member].run.remote()] = member
        return Ready(*member)


@contextmanager
def _memory_errors(folder: Path) -> Iterator[None]:
    """Turn an operating system's error in `folder` into one that says what it was for."""
    try:
        yield
    except OSError as error:
        message = f"The job's shared memory in {folder} could not be made: {error.strerror or error}."
        raise JobError(Reason.RESOURCES_UNAVAILABLE, message) from error


def cause_of_death(error: RayError) -> str:
    """One line on why a process is gone."""
    if isinstance(error, OutOfMemoryError):
        return "the node ran out of memory"
    text = str(error)
    detail = next((line for line in text.splitlines() if "exit type" in line or "dead because" in line), text)
    return f"its process died ({' '.join(detail.split())[:200]})"
