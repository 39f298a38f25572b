"""The links of a job to its further nodes: a process on each that keeps the mirror of the board."""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.exceptions import RayError

from ...core.errors import ChainruleError
from ..errors import JobError
from ..exchange.arena import arena_bytes
from ..exchange.board import Board, BoardShape, create_desk, create_mirror_board, remove_desk
from ..exchange.dataset import dataset_bytes, share_dataset
from ..exchange.folder import OwnedFolder, exchange_folder
from ..exchange.hub import Hub
from ..exchange.link import SECRET_BYTES, Connection, LinkError, connect
from ..exchange.mirror import Mirror
from ..failures import broken
from ..member import SharedPlan
from ..messages import Broken
from ..plan import Plan, dataset_fingerprint, make_plan
from ..reports import Reason, Role
from ..spec import JobSpec
from .ray_places import Places, actor_class, on_node

_CLOSE_SECONDS = 1.0


@dataclass(frozen=True)
class LinkOrder:
    """What a link needs to know. dataset: the fingerprint of the samples. number: its own."""

    spec: JobSpec
    shape: BoardShape
    dataset: str
    address: tuple[str, int]
    secret: bytes
    number: int


class LinkActor:
    """The link of one node: loads the data there, mirrors the board, makes desks for the workers."""

    def __init__(self, order: LinkOrder) -> None:
        self._order = order
        self._folder: OwnedFolder | None = None
        self._mirror: Mirror | None = None
        self._plan: SharedPlan | None = None

    def join(self, incarnation: int) -> SharedPlan | Broken:
        """A desk for this worker, and the plan that it opens; what is wrong comes back as a value."""
        try:
            plan = self._plan or self._open()
            create_desk(plan.shape, plan.folder, incarnation)
            assert self._mirror is not None
            self._mirror.add(incarnation)
        except Exception as error:
            if self._mirror is not None and self._mirror.over:
                raise LinkError("the link broke before the worker could join") from error
            found = broken(Role.WORKER, incarnation, error)
            where = f"on node {ray.util.get_node_ip_address()}: {found.message}"
            return Broken(Role.WORKER, incarnation, found.reason, where)
        return plan

    def leave(self, incarnation: int) -> None:
        """Take the desk of a lost worker away."""
        if self._mirror is not None and self._folder is not None:
            self._mirror.remove(incarnation)
            remove_desk(self._folder.path, incarnation)

    def close(self) -> None:
        """End the link and give the shared memory back."""
        if self._mirror is not None:
            self._mirror.close()
        self._remove_folder()

    def _open(self) -> SharedPlan:
        order = self._order
        plan = make_plan(order.spec)
        if plan.shape != order.shape or dataset_fingerprint(plan.dataset) != order.dataset:
            raise JobError(
                Reason.DATA_INVALID,
                "The data or the model's file differ from those of the coordinator's node. Give every node "
                "the same files, or a path that all of them share.",
            )
        average = plan.optimization.average is not None
        boards = arena_bytes(plan.shape.board_fields()) + arena_bytes(plan.shape.desk_fields())
        folder = exchange_folder(dataset_bytes(plan.dataset) + boards)
        try:
            board = create_mirror_board(plan.shape, folder.path, average)
            dataset = share_dataset(plan.dataset, folder.path)
            connection = self._connect()
        except OSError as error:
            folder.remove()
            message = (
                f"The job's shared memory in {folder.path} could not be made: {error.strerror or error}."
            )
            raise JobError(Reason.RESOURCES_UNAVAILABLE, message) from error
        except ChainruleError:
            folder.remove()
            raise
        self._folder = folder
        self._mirror = Mirror(board, connection, plan.optimization.observes, lambda _: self._remove_folder())
        self._mirror.start()
        self._plan = SharedPlan(
            plan.spec, dataset, plan.layout, plan.buffers, plan.shape, plan.optimization, folder.path
        )
        return self._plan

    def _connect(self) -> Connection:
        order = self._order
        try:
            return connect(order.address, order.secret, order.shape, order.number)
        except LinkError as error:
            message = f"The coordinator's node cannot be reached: {error}. Workers there need TCP to it."
            raise JobError(Reason.RESOURCES_UNAVAILABLE, message) from error

    def _remove_folder(self) -> None:
        if self._folder is not None:
            self._folder.remove()


@dataclass
class _Link:
    number: int
    actor: Any
    workers: set[int] = field(default_factory=set)


class RayLinks:
    """The links of an execution, in the coordinator's process; the first one opens the hub."""

    def __init__(self, plan: Plan, board: Board, places: Places) -> None:
        self._job = plan
        self._board = board
        self._places = places
        self._secret = secrets.token_bytes(SECRET_BYTES)
        self._hub: Hub | None = None
        self._dataset = ""
        self._links: dict[str, _Link] = {}

    def join(self, node: str, worker: int) -> Any:
        """Have a worker on this node join in: a reference to the plan that it opens, or to why not."""
        link = self._links.get(node) or self._make(node)
        link.workers.add(worker)
        assert self._hub is not None
        self._hub.add(link.number, worker)
        return link.actor.join.remote(worker)

    def leave(self, worker: int) -> None:
        """Forget a worker that was lost. Without any, a link is not kept: it may be what was lost."""
        for link in list(self._links.values()):
            if worker not in link.workers:
                continue
            link.workers.discard(worker)
            assert self._hub is not None
            self._hub.remove(link.number, worker)
            link.actor.leave.remote(worker)
            if not link.workers:
                self.drop(link.number)

    def broken(self) -> list[tuple[int, Exception]]:
        """The links that broke since this was asked last, by number, and why."""
        return [] if self._hub is None else self._hub.broken()

    def drop(self, number: int) -> tuple[str, list[int]]:
        """End a link; the address of its node, and the workers that were there."""
        for node, link in list(self._links.items()):
            if link.number == number:
                del self._links[node]
                self._end([link])
                return self._places.address(node), sorted(link.workers)
        return "", []

    def close(self) -> None:
        """End all links."""
        links, self._links = list(self._links.values()), {}
        self._end(links)
        if self._hub is not None:
            self._hub.close()
            self._hub = None

    def _make(self, node: str) -> _Link:
        if self._hub is None:
            average, observes = self._job.optimization.average, self._job.optimization.observes
            host = ray.util.get_node_ip_address()
            self._hub = Hub(self._board, host, self._secret, average is not None, observes)
            self._dataset = dataset_fingerprint(self._job.dataset)
        number = self._hub.expect()
        order = LinkOrder(
            self._job.spec, self._job.shape, self._dataset, self._hub.address, self._secret, number
        )
        link = _Link(number, actor_class(LinkActor, num_cpus=0, **on_node(node)).remote(order))
        self._links[node] = link
        return link

    def _end(self, links: list[_Link]) -> None:
        """Let links give their node's memory back, and end their processes."""
        closing = [link.actor.close.remote() for link in links]
        if closing:
            with suppress(RayError):
                ray.wait(closing, num_returns=len(closing), timeout=_CLOSE_SECONDS)
        for link in links:
            if self._hub is not None:
                self._hub.drop(link.number)
            ray.kill(link.actor)
