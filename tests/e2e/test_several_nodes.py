"""Jobs over several Ray nodes on this machine: the same bytes as in one process, with nodes that come and go,
and nothing left over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import ray
from ray._private.state import actors
from ray.cluster_utils import Cluster
from ray.util.placement_group import placement_group_table

from chainrule.worker.reports import Finished, MemberJoined, MemberLost, Outcome, Reason, Role, Started
from chainrule.worker.runtime import JobOrder
from chainrule.worker.runtime import ray as ray_runtime
from chainrule.worker.runtime.inprocess import InProcessRuntime
from chainrule.worker.runtime.ray import RayRuntime
from chainrule.worker.runtime.ray_places import actor_class, on_node
from chainrule.worker.spec import JobSpec, parse_spec

JOB = {
    "dataset": {"source": "digits"},
    "model": [{"linear": {"units": 32}}, "relu", {"dropout": {"rate": 0.1}}, {"linear": {"units": 10}}],
    "loss": "softmax_cross_entropy",
    "optimizer": "adam",
    "training": {"epochs": 3, "batch_size": 64},
    "cluster": {"workers": 3, "parameter_servers": 1},
}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    cluster = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 1, "include_dashboard": False},
        shutdown_at_exit=False,
    )
    for _ in range(2):
        cluster.add_node(num_cpus=1)
    yield cluster
    cluster.shutdown()


@pytest.fixture(scope="module")
def runtime(cluster: Cluster) -> Iterator[RayRuntime]:
    runtime = RayRuntime(cluster.address)
    runtime.start()
    yield runtime
    runtime.close()


@pytest.fixture(scope="module")
def spec() -> JobSpec:
    return parse_spec(JOB)


@pytest.fixture(scope="module")
def expected(spec, tmp_path_factory) -> Finished:
    """How the job ends in process, undisturbed."""
    finished = run(InProcessRuntime(), spec, tmp_path_factory.mktemp("inprocess"))[-1]
    assert isinstance(finished, Finished)
    return finished


def run(runtime, spec: JobSpec, folder: Path, at: Callable[[Any], None] | None = None) -> list[Any]:
    """Train to the end; `at` sees each report."""
    reports = []
    for report in runtime.execute(JobOrder("job", 1, spec, folder)).reports():
        reports.append(report)
        if at is not None:
            at(report)
    return reports


def told(reports: list[Any], kind: type) -> list[Any]:
    return [report for report in reports if isinstance(report, kind)]


def living(name: str) -> list[dict]:
    """The actors of this class that live."""
    return [each for each in actors().values() if each["State"] == "ALIVE" and each["ActorClassName"] == name]


def node_of(cluster: Cluster, actor: str) -> Any:
    """The node of the only actor of this class."""
    [one] = living(actor)
    return next(node for node in cluster.worker_nodes if node.node_id == one["Address"]["NodeID"])


def boards() -> set[Path]:
    """The boards that the processes of this cluster have mapped."""
    found = set()
    for actor in actors().values():
        try:
            maps = Path(f"/proc/{actor['Pid']}/maps").read_text()
        except OSError:
            continue
        found |= {Path(line.split()[-1]) for line in maps.splitlines() if line.endswith("/board")}
    return found


def assert_nothing_is_left(folders: set[Path]) -> None:
    assert folders and not any(board.parent.exists() for board in folders)
    assert [group["state"] for group in placement_group_table().values() if group["state"] != "REMOVED"] == []
    assert [actor for actor in actors().values() if actor["State"] != "DEAD"] == []


def test_workers_on_three_nodes_give_the_same_bytes(runtime, spec, expected, tmp_path):
    folders = set()

    def look(report):
        if isinstance(report, Started):
            folders.update(boards())
            nodes = {actor["Address"]["NodeID"] for actor in living("GradientWorkerActor")}
            assert len(nodes) == 3 and len(living("LinkActor")) == 2
            [home] = {actor["Address"]["NodeID"] for actor in living("ParameterServerActor")}
            assert home == ray.get_runtime_context().get_node_id()

    reports = run(runtime, spec, tmp_path, look)
    assert (reports[-1].outcome, reports[-1].digest) == (Outcome.SUCCEEDED, expected.digest)
    assert told(reports, MemberLost) == []
    assert len(folders) == 3
    assert_nothing_is_left(folders)


def test_a_job_that_fits_nowhere_fails_and_says_what_it_asked_for_and_what_there_is(
    runtime, spec, tmp_path, monkeypatch
):
    monkeypatch.setattr(ray_runtime, "PLACEMENT_SECONDS", 0.1)
    greedy = spec.with_overrides(["cluster.placement.cpus_per_worker=2"])
    finished = run(runtime, greedy, tmp_path)[-1]
    assert (finished.outcome, finished.reason) == (Outcome.FAILED, Reason.RESOURCES_UNAVAILABLE)
    assert "no room for 3 workers with 2 CPU each" in finished.message
    assert finished.message.count("1 of 1 CPU free") == 3


def test_the_only_worker_is_replaced_on_another_node_when_its_own_is_removed(
    cluster, runtime, spec, expected, tmp_path
):
    # Something else has the first node's room, so that the worker is on one of the others.
    here = on_node(ray.get_runtime_context().get_node_id())
    tenant = actor_class(Tenant, num_cpus=1, **here).remote()
    ray.get(tenant.here.remote())

    def remove(report):
        if isinstance(report, Started):
            cluster.remove_node(node_of(cluster, "GradientWorkerActor"))

    try:
        reports = run(runtime, spec.with_overrides(["cluster.workers=1"]), tmp_path, remove)
    finally:
        ray.kill(tenant)
    assert [lost.kind for lost in told(reports, MemberLost)] == [Role.WORKER]
    assert [joined.kind for joined in told(reports, MemberJoined)] == [Role.WORKER]
    assert (reports[-1].outcome, reports[-1].digest) == (Outcome.SUCCEEDED, expected.digest)


class Tenant:
    """An actor of somebody else."""

    def here(self) -> None:
        """Be there."""
