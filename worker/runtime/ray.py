"""Jobs on Ray: the processes of coordinator, workers and parameter server, on one node or several.

Ray places, starts and watches the processes; what they exchange goes through shared memory, and between nodes
through links of our own. The service reads the coordinator's reports as a Ray generator.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from queue import SimpleQueue
from typing import Any

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")

import ray
from ray.exceptions import RayError
from ray.util.placement_group import PlacementGroup, remove_placement_group
from threadpoolctl import threadpool_limits

from ..checkpoint import checkpoint_steps
from ..ending import LastReported
from ..errors import JobError
from ..exchange.folder import OwnedFolder, clear_abandoned, temporary_folder
from ..job import run_job
from ..reports import MemberLost, Outcome, Reason, Report, Role
from . import Execution, JobOrder, Stop
from .placement import Layout, Share, arrange, room
from .ray_crew import RayCrew, cause_of_death
from .ray_places import PLACEMENT_SECONDS, Places, actor_class, ask_for, in_bundle, nodes

COORDINATOR_RESTARTS = 2
_KILL_SECONDS = 1.0
_WEAKEST_FIRST = (Stop.PAUSE, Stop.CANCEL, Stop.KILL)
# The object store carries only reports and plans; 75 MiB is the least that Ray accepts.
_OBJECT_STORE_BYTES = 80 * 2**20
# Larger than `struct sigaction` is anywhere.
_SIGACTION_BYTES = 512
_QUIET: dict[str, Any] = {"log_to_driver": False, "configure_logging": False}


class CoordinatorActor:
    """The process of the coordinator, which also owns the members: when it dies, Ray ends them."""

    def __init__(self, layout: Layout, group: PlacementGroup) -> None:
        self._stops: SimpleQueue[Stop] = SimpleQueue()
        self._layout, self._group = layout, group

    def train(self, order: JobOrder) -> Iterator[Report]:
        """Run the job."""
        if not order.folder.is_dir():
            message = (
                f"The job's folder {order.folder} is not there on node {ray.util.get_node_ip_address()}, "
                "where the coordinator runs. Put the service's data folder on storage that all nodes share, "
                "or have room for a worker on the service's own node."
            )
            yield LastReported(order.folder).finished(Outcome.FAILED, Reason.STORAGE_FAILED, message)
            return
        with threadpool_limits(1):
            yield from run_job(order, RayCrew(Places(self._layout, self._group)), self._stops)

    def stop(self, how: Stop) -> None:
        """Ask for an early end."""
        self._stops.put(how)


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

        A KILL lets it clear up for a moment, and then ends its process. A request never weakens an earlier
        one.
        """
        with self._lock:
            if self._stopping is None or _WEAKEST_FIRST.index(how) > _WEAKEST_FIRST.index(self._stopping):
                self._stopping = how
                self._pass_on()

    def reports(self) -> Iterator[Report]:
        """The coordinator's reports; where it dies, those of its successor."""
        order, last = self._order, LastReported(self._order.folder)
        group: PlacementGroup | None = None
        try:
            for restart in range(COORDINATOR_RESTARTS + 1):
                layout, group = self._place()
                try:
                    for report in self._attempt(order, layout, group):
                        last.note(report)
                        yield report
                    return
                except RayError as error:
                    clear_abandoned()
                    # With its home gone, the job may need other nodes than it had.
                    _forget(group)
                    group = None
                    if self._stopping is Stop.KILL:
                        yield last.finished(Outcome.CANCELLED, None, "Stopped at once.")
                        return
                    if not ray.is_initialized():
                        message = "Ray was shut down while the job ran. Continue it from its last checkpoint."
                        raise JobError(Reason.RESOURCES_UNAVAILABLE, message) from error
                    cause = cause_of_death(error)
                    if restart == COORDINATOR_RESTARTS:
                        message = (
                            f"The coordinator's process died {restart + 1} times, the last time: {cause}."
                        )
                        yield last.finished(Outcome.FAILED, Reason.COORDINATOR_LOST, message)
                        return
                    order = replace(order, resume=True)
                    steps = checkpoint_steps(order.folder)
                    action = (
                        f"restarted from the checkpoint of step {steps[-1]}"
                        if steps
                        else "restarted from step 0"
                    )
                    yield MemberLost(Role.COORDINATOR, restart, last.step, cause, action)
        except _StoppedEarly:
            outcome = Outcome.PAUSED if self._stopping is Stop.PAUSE else Outcome.CANCELLED
            yield last.finished(outcome, None, "Stopped while it waited for room in the Ray cluster.")
        except JobError as error:
            yield last.finished(Outcome.FAILED, error.reason, error.message)
        except Exception as error:
            message = f"Ray could not run the job: {type(error).__name__}: {error}"
            yield last.finished(Outcome.FAILED, Reason.RESOURCES_UNAVAILABLE, message)
        finally:
            if group is not None:
                _forget(group)

    def _attempt(self, order: JobOrder, layout: Layout, group: PlacementGroup) -> Iterator[Report]:
        # One thread trains, the other takes requests to stop.
        kind = actor_class(CoordinatorActor, num_cpus=0, max_concurrency=2, **in_bundle(group, 0))
        with self._lock:
            self._coordinator = kind.remote(layout, group)
            self._pass_on()
        try:
            for reference in self._coordinator.train.options(num_returns="streaming").remote(order):
                yield ray.get(reference)
        finally:
            with self._lock:
                _end_actor(self._coordinator)
                self._coordinator = None

    def _pass_on(self) -> None:
        if self._coordinator is None or self._stopping is None:
            return
        self._coordinator.stop.remote(self._stopping)
        if self._stopping is Stop.KILL:
            timer = threading.Timer(_KILL_SECONDS, _end_actor, (self._coordinator,))
            timer.daemon = True
            timer.start()

    def _share(self) -> Share:
        """What each worker asks for; on this machine, where nobody else does, workers may share."""
        workers, placement = self._order.spec.cluster.most_workers, self._order.spec.cluster.placement
        on_gpu = self._order.spec.cluster.device == "cuda"
        if not self._embedded:
            return Share(placement.cpus_per_worker, placement.gpus_per_worker if on_gpu else 0.0)
        here = ray.cluster_resources()
        cpus = min(placement.cpus_per_worker, int(here.get("CPU", 1) / workers * 1000) / 1000)
        devices = int(here.get("GPU", 0)) if on_gpu else 0
        # A worker's share lies on one GPU, so the fullest GPU decides how much each gets.
        gpus = int(1000 / -(-workers // devices)) / 1000 if devices else 0.0
        return Share(cpus, min(placement.gpus_per_worker, gpus))

    def _place(self) -> tuple[Layout, PlacementGroup]:
        """Room for the processes that the job begins with, or none."""
        share = self._share()
        deadline = time.monotonic() + PLACEMENT_SECONDS
        layout = self._arrange(share)
        group = ask_for(layout)
        while not group.wait(timeout_seconds=1):
            if self._stopping is not None:
                _forget(group)
                raise _StoppedEarly
            if time.monotonic() > deadline:
                _forget(group)
                raise JobError(Reason.RESOURCES_UNAVAILABLE, self._no_room(share))
            # Nodes that came meanwhile may suggest another layout.
            fitting = self._arrange(share)
            if fitting != layout and not group.wait(timeout_seconds=0):
                _forget(group)
                layout, group = fitting, ask_for(fitting)
        return layout, group

    def _arrange(self, share: Share) -> Layout:
        spec, driver = self._order.spec, ray.get_runtime_context().get_node_id()
        together = spec.training.needs_one_node
        return arrange(spec.cluster.placement, share, spec.cluster.least_workers, nodes(), driver, together)

    def _no_room(self, share: Share) -> str:
        spec = self._order.spec
        cluster, placement = spec.cluster, spec.cluster.placement
        wanted = " and ".join(f"{amount:g} {name}" for name, amount in share.of(1).items())
        labels = ", ".join(f"{name}: {value}" for name, value in placement.node_labels.items())
        labelled = f" on nodes with the labels {labels}" if labels else ""
        return (
            f"The Ray cluster had no {'node with ' if spec.training.needs_one_node else ''}room for "
            f"{cluster.least_workers} workers with {wanted} each{labelled} within "
            f"{PLACEMENT_SECONDS:.0f} seconds. Its nodes: {room(nodes(), placement.node_labels)}. Lower "
            "cluster.workers or what cluster.placement asks for, or add or free a node."
        )


class RayRuntime:
    """Jobs on Ray: on this machine, or on the cluster at `address`."""

    def __init__(self, address: str | None = None) -> None:
        self._address = address
        self._lock = threading.Lock()
        self._folder: OwnedFolder | None = None
        # Ray's daemons end with the thread that started them, so one has to last as long as the runtime.
        self._keeper: ThreadPoolExecutor | None = None

    def start(self) -> None:
        """Start Ray here, or connect to the cluster. JobError where that fails."""
        with self._lock:
            if self._keeper is not None:
                return
            # Its notices (token authentication is on, not the main thread) are nothing that users asked for.
            logging.getLogger("ray").setLevel(logging.ERROR)
            keeper = ThreadPoolExecutor(1, thread_name_prefix="ray")
            try:
                with _own_termination():
                    keeper.submit(self._connect if self._address else self._start_here).result()
            except BaseException:
                keeper.shutdown(wait=False)
                raise
            self._keeper = keeper

    def execute(self, order: JobOrder) -> Execution:
        """Begin a job."""
        self.start()
        return RayExecution(order, embedded=self._address is None)

    def close(self) -> None:
        """End everything that was started here, or leave the cluster."""
        with self._lock:
            if self._keeper is not None:
                self._keeper.submit(self._end).result()
                self._keeper.shutdown()
                self._keeper = None
            clear_abandoned()

    def _connect(self) -> None:
        try:
            ray.init(self._address, **_QUIET)
        except Exception as error:
            message = f"Ray at {self._address} cannot be reached: {error}"
            raise JobError(Reason.RESOURCES_UNAVAILABLE, message) from error

    def _start_here(self) -> None:
        for last in (False, True):
            self._folder = temporary_folder("ray")
            try:
                ray.init(
                    "local",
                    include_dashboard=False,
                    object_store_memory=_OBJECT_STORE_BYTES,
                    _temp_dir=str(self._folder.path),
                    **_QUIET,
                )
                return
            except Exception as error:
                # On a machine that is very busy, Ray may give up on its own processes too early.
                self._end()
                if last:
                    message = f"Ray could not be started: {error}"
                    raise JobError(Reason.RESOURCES_UNAVAILABLE, message) from error

    def _end(self) -> None:
        ray.shutdown()
        if self._folder is not None:
            self._folder.remove()
            self._folder = None


@contextmanager
def _own_termination() -> Iterator[None]:
    """Keep what SIGTERM does in this process: Ray would have it print a stack trace first.

    The handler is set in C, where Python's `signal` does not see it; hence the C library's own call.
    """
    sigaction = ctypes.CDLL(None).sigaction
    before = ctypes.create_string_buffer(_SIGACTION_BYTES)
    sigaction(signal.SIGTERM, None, before)
    try:
        yield
    finally:
        sigaction(signal.SIGTERM, before, None)


def _end_actor(actor: Any) -> None:
    if ray.is_initialized():  # otherwise it is gone already, and `ray.kill` would start a new Ray
        with suppress(Exception):
            ray.kill(actor)


def _forget(group: PlacementGroup) -> None:
    if ray.is_initialized():  # as above
        with suppress(Exception):  # the cluster may be gone, and the group with it
            remove_placement_group(group)
