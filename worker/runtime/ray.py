"""Jobs on Ray: one actor for the coordinator, one for each worker and each parameter-server shard, all on one
node.

Ray places, starts and watches the processes; what they exchange goes through shared memory. The service reads
the coordinator's reports as a Ray generator.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from queue import SimpleQueue
from typing import Any

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")

import ray
from ray.exceptions import OutOfMemoryError, RayError
from ray.util.placement_group import PlacementGroup, placement_group, remove_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy
from threadpoolctl import threadpool_limits

from ..checkpoint import checkpoint_steps
from ..errors import JobError
from ..exchange.arena import arena_bytes
from ..exchange.board import COORDINATOR, Board, create_desk, create_shared_board
from ..exchange.dataset import dataset_bytes, share_dataset
from ..exchange.folder import ExchangeFolder, clear_abandoned
from ..failures import broken
from ..job import run_job
from ..member import SharedPlan, make_member, serve
from ..messages import Broken, Event, Lost, Ready
from ..plan import Plan
from ..reports import Finished, MemberLost, Outcome, Reason, Report, Role
from . import Execution, JobOrder, Stop

PLACEMENT_SECONDS = 60.0
COORDINATOR_RESTARTS = 2
_WAIT_SECONDS = 0.05
_CLOSE_SECONDS = 5.0
_KILL_SECONDS = 1.0
# The object store carries only reports and plans; 75 MiB is the least that Ray accepts.
_OBJECT_STORE_BYTES = 80 * 2**20


class MemberActor:
    """The process of one worker or parameter-server shard."""

    def __init__(self, plan: SharedPlan, role: Role, member: int) -> None:
        self._shared = plan
        self._role = role
        self._number = member

    def prepare(self) -> Broken | None:
        """Open the board and build the member; what is wrong comes back as a value."""
        # More than one BLAS thread a process would fight with the other processes of the node, and change the
        # bytes.
        threadpool_limits(1)
        try:
            plan, self._board = self._shared.open()
            self._member = make_member(plan, self._board, self._role, self._number)
        except Exception as error:
            return broken(self._role, self._number, error)
        return None

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


class CoordinatorActor:
    """The process of the coordinator, which also owns the members: when it dies, Ray ends them."""

    def __init__(self, cpus: float, gpus: float) -> None:
        self._stops: SimpleQueue[Stop] = SimpleQueue()
        self._cpus, self._gpus = cpus, gpus

    def train(self, order: JobOrder) -> Iterator[Report]:
        """Run the job."""
        with threadpool_limits(1):
            yield from run_job(order, RayCrew(self._cpus, self._gpus), self._stops)

    def stop(self, how: Stop) -> None:
        """Ask for an early end."""
        self._stops.put(how)


class RayCrew:
    """Starts and watches the members' actors; lives in the coordinator's process."""

    def __init__(self, cpus: float, gpus: float) -> None:
        """cpus, gpus: what each worker asks Ray for."""
        options = {"max_restarts": 0, "max_task_retries": 0}
        self._kinds = {
            Role.WORKER: ray.remote(num_cpus=cpus, num_gpus=gpus, **options)(GradientWorkerActor),
            Role.PARAMETER_SERVER: ray.remote(num_cpus=0, **options)(ParameterServerActor),
        }
        self._actors: dict[tuple[Role, int], Any] = {}
        self._preparing: dict[Any, tuple[Role, int]] = {}
        self._running: dict[Any, tuple[Role, int]] = {}
        self._folder: ExchangeFolder | None = None
        self._board: Board | None = None
        self._checked = 0.0

    def open(self, plan: Plan) -> Board:
        """Share the dataset and make the board in a folder of this node's memory."""
        shape = plan.shape
        desks = shape.workers * arena_bytes(shape.desk_fields())
        self._folder = ExchangeFolder(dataset_bytes(plan.dataset) + arena_bytes(shape.board_fields()) + desks)
        folder = self._folder.path
        try:
            self._board = create_shared_board(shape, folder)
            dataset = share_dataset(plan.dataset, folder)
        except OSError as error:
            message = f"The job's shared memory in {folder} could not be made: {error.strerror or error}."
            raise JobError(Reason.RESOURCES_UNAVAILABLE, message) from error
        self._plan = ray.put(SharedPlan(plan.spec, dataset, plan.layout, shape, folder))
        return self._board

    def start(self, role: Role, member: int) -> None:
        """Start the member's actor."""
        assert self._board is not None and self._folder is not None
        if role is Role.WORKER:
            create_desk(self._board.shape, self._folder.path, member)
        actor = self._kinds[role].remote(self._plan, role, member)
        self._actors[role, member] = actor
        self._preparing[actor.prepare.remote()] = role, member

    def kill(self, role: Role, member: int) -> None:
        """End the member's process."""
        if (actor := self._actors.get((role, member))) is not None:
            ray.kill(actor)

    def wait(self, seen: int) -> list[Event]:
        """Sleep on the coordinator's doorbell; now and then ask Ray which members came up or are gone."""
        assert self._board is not None
        timeout = 0.0 if self._preparing else _WAIT_SECONDS
        if timeout:
            self._board.bells.wait(COORDINATOR, seen, timeout)
        now = time.monotonic()
        if now - self._checked < _WAIT_SECONDS and not self._preparing:
            return []
        self._checked = now
        references = [*self._preparing, *self._running]
        patience = _WAIT_SECONDS if self._preparing else 0
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
        self._actors.clear()
        self._preparing.clear()
        self._running.clear()
        self._board = None
        if self._folder is not None:
            self._folder.remove()
            self._folder = None

    def _take(self, reference: Any) -> Event | None:
        """The event that a finished call stands for."""
        prepared = reference in self._preparing
        member = (self._preparing if prepared else self._running).pop(reference)
        try:
            result = ray.get(reference)
        except RayError as error:
            self._actors.pop(member, None)
            return Lost(*member, _cause(error))
        if result is not None:
            return result
        if prepared:
            self._running[self._actors[member].run.remote()] = member
            return Ready(*member)
        return None


class _StoppedEarly(Exception):
    """Somebody asked for an end before the job had a place to run."""


class RayExecution:
    """A job on Ray, as the service sees it: places the coordinator and restarts it where it dies."""

    def __init__(self, order: JobOrder, embedded: bool) -> None:
        self._order = order
        self._embedded = embedded
        self._lock = threading.Lock()
        self._coordinator: Any = None
        self._stopping: Stop | None = None

    def stop(self, how: Stop) -> None:
        """Pass the request on to the coordinator, now or as soon as it exists.

        A KILL lets it clear up for a moment, and then ends its process.
        """
        with self._lock:
            self._stopping = how
            self._pass_on()

    def reports(self) -> Iterator[Report]:
        """The coordinator's reports; where it dies, those of its successor."""
        order, last = self._order, None
        group: PlacementGroup | None = None
        try:
            cpus, gpus = self._share()
            group = self._place(cpus, gpus)
            for restart in range(COORDINATOR_RESTARTS + 1):
                try:
                    for report in self._attempt(order, group, cpus, gpus):
                        last = report
                        yield report
                    return
                except RayError as error:
                    clear_abandoned()
                    if self._stopping is Stop.KILL:
                        yield _ended(order, last, Outcome.CANCELLED, None, "Stopped at once.")
                        return
                    cause = _cause(error)
                    if restart == COORDINATOR_RESTARTS:
                        message = (
                            f"The coordinator's process died {restart + 1} times, the last time: {cause}."
                        )
                        yield _ended(order, last, Outcome.FAILED, Reason.COORDINATOR_LOST, message)
                        return
                    order = replace(order, resume=True)
                    steps = checkpoint_steps(order.folder)
                    action = (
                        f"restarted from the checkpoint of step {steps[-1]}"
                        if steps
                        else "restarted from step 0"
                    )
                    yield MemberLost(Role.COORDINATOR, restart, getattr(last, "step", 0), cause, action)
        except _StoppedEarly:
            outcome = Outcome.PAUSED if self._stopping is Stop.PAUSE else Outcome.CANCELLED
            yield _ended(order, last, outcome, None, "Stopped while it waited for room in the Ray cluster.")
        except JobError as error:
            yield _ended(order, last, Outcome.FAILED, error.reason, error.message)
        except Exception as error:
            message = f"Ray could not run the job: {type(error).__name__}: {error}"
            yield _ended(order, last, Outcome.FAILED, Reason.RESOURCES_UNAVAILABLE, message)
        finally:
            if group is not None:
                _forget(group)

    def _attempt(self, order: JobOrder, group: PlacementGroup, cpus: float, gpus: float) -> Iterator[Report]:
        strategy = PlacementGroupSchedulingStrategy(group, placement_group_capture_child_tasks=True)
        kind = ray.remote(num_cpus=0, max_restarts=0, max_concurrency=2, scheduling_strategy=strategy)(
            CoordinatorActor
        )
        with self._lock:
            self._coordinator = kind.remote(cpus, gpus)
            self._pass_on()
        try:
            for reference in self._coordinator.train.options(num_returns="streaming").remote(order):
                yield ray.get(reference)
        finally:
            with self._lock:
                ray.kill(self._coordinator)
                self._coordinator = None

    def _pass_on(self) -> None:
        if self._coordinator is None or self._stopping is None:
            return
        self._coordinator.stop.remote(self._stopping)
        if self._stopping is Stop.KILL:
            timer = threading.Timer(_KILL_SECONDS, ray.kill, (self._coordinator,))
            timer.daemon = True
            timer.start()

    def _share(self) -> tuple[float, float]:
        """CPUs and GPUs that each worker asks for; on this machine, where nobody else does, workers may
        share."""
        workers = self._order.spec.cluster.workers
        on_gpu = self._order.spec.cluster.device == "cuda"
        if not self._embedded:
            return 1.0, 1.0 if on_gpu else 0.0
        here = ray.cluster_resources()
        cpus = min(1.0, int(here.get("CPU", 1) / workers * 1000) / 1000)
        return cpus, min(1.0, int(here.get("GPU", 0) / workers * 1000) / 1000) if on_gpu else 0.0

    def _place(self, cpus: float, gpus: float) -> PlacementGroup:
        """Room for all of the job's processes on one node, or none: they meet in its shared memory."""
        workers = self._order.spec.cluster.workers
        bundle = {"CPU": cpus * workers, **({"GPU": gpus * workers} if gpus else {})}
        group = placement_group([bundle], strategy="STRICT_PACK")
        deadline = time.monotonic() + PLACEMENT_SECONDS
        while not group.wait(timeout_seconds=1):
            if self._stopping is not None:
                _forget(group)
                raise _StoppedEarly
            if time.monotonic() > deadline:
                _forget(group)
                wanted = ", ".join(f"{amount:g} {name}" for name, amount in bundle.items())
                free = {
                    name: amount
                    for name, amount in ray.available_resources().items()
                    if name in ("CPU", "GPU")
                }
                message = (
                    f"The Ray cluster had no node with {wanted} free within {PLACEMENT_SECONDS:.0f} seconds "
                    f"(free on all nodes together: {free}). Lower cluster.workers, or add or free a node."
                )
                raise JobError(Reason.RESOURCES_UNAVAILABLE, message)
        return group


class RayRuntime:
    """Jobs on Ray: on this machine, or on the cluster at `address`."""

    def __init__(self, address: str | None = None) -> None:
        self._address = address
        self._lock = threading.Lock()
        self._session: str | None = None

    def start(self) -> None:
        """Start Ray here, or connect to the cluster. JobError where that fails."""
        with self._lock:
            if ray.is_initialized():
                return
            # Ray's own notice about its token authentication, which stays on, is nothing that a user asked
            # for.
            logging.getLogger("ray._private.authentication").setLevel(logging.ERROR)
            options: dict[str, Any] = {
                "log_to_driver": False,
                "logging_level": "ERROR",
                "configure_logging": False,
            }
            if self._address is None:
                self._session = tempfile.mkdtemp(prefix="chainrule-ray-")
                options |= {
                    "include_dashboard": False,
                    "object_store_memory": _OBJECT_STORE_BYTES,
                    "_temp_dir": self._session,
                }
            try:
                ray.init(self._address or "local", **options)
            except Exception as error:
                where = (
                    f"Ray at {self._address} cannot be reached"
                    if self._address
                    else "Ray could not be started"
                )
                raise JobError(Reason.RESOURCES_UNAVAILABLE, f"{where}: {error}") from error

    def execute(self, order: JobOrder) -> Execution:
        """Begin a job."""
        self.start()
        return RayExecution(order, embedded=self._address is None)

    def close(self) -> None:
        """End everything that was started here, or leave the cluster."""
        with self._lock:
            if ray.is_initialized():
                ray.shutdown()
            if self._session is not None:
                shutil.rmtree(self._session, ignore_errors=True)
                self._session = None
            clear_abandoned()


def _ended(
    order: JobOrder, last: Report | None, outcome: Outcome, reason: Reason | None, message: str
) -> Finished:
    """The end that no coordinator was there to tell."""
    steps = checkpoint_steps(order.folder)
    step, epoch = getattr(last, "step", 0), getattr(last, "epoch", 0)
    return Finished(
        outcome, step, epoch, checkpoint_step=steps[-1] if steps else None, reason=reason, message=message
    )


def _forget(group: PlacementGroup) -> None:
    with suppress(Exception):  # the cluster may be gone, and the group with it
        remove_placement_group(group)


def _cause(error: RayError) -> str:
    """One line on why a process is gone."""
    if isinstance(error, OutOfMemoryError):
        return "the node ran out of memory"
    text = str(error)
    detail = next((line for line in text.splitlines() if "exit type" in line or "dead because" in line), text)
    return f"its process died ({' '.join(detail.split())[:200]})"
