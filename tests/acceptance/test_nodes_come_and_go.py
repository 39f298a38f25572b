"""Jobs over Ray nodes that are removed and added: what tests/e2e/test_several_nodes.py has no time for."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ray._private.state import actors
from ray.cluster_utils import Cluster

from chainrule.worker.reports import CrewChanged, Finished, MemberLost, Outcome, Role, Started
from chainrule.worker.runtime import JobOrder, Stop
from chainrule.worker.runtime.inprocess import InProcessRuntime
from chainrule.worker.runtime.ray import RayRuntime
from chainrule.worker.spec import JobSpec, parse_spec

JOB = {
    "dataset": {"source": "digits"},
    "model": [{"linear": {"units": 32}}, "relu", {"dropout": {"rate": 0.1}}, {"linear": {"units": 10}}],
    "loss": "softmax_cross_entropy",
    "optimizer": "adam",
    "training": {"epochs": 5, "batch_size": 64},
    "cluster": {"workers": 1, "parameter_servers": 2, "placement": {"node_labels": {"pool": "far"}}},
}

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """One node with a processor, for the driver alone: the job's have the label of the pool."""
    cluster = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 1, "include_dashboard": False},
        shutdown_at_exit=False,
    )
    yield cluster
    cluster.shutdown()


@pytest.fixture
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


def add_node(cluster: Cluster) -> None:
    cluster.add_node(num_cpus=1, labels={"pool": "far"})


def run(runtime, spec: JobSpec, folder: Path, at: Callable[[Any], None] = lambda report: None) -> list[Any]:
    """Train to the end; `at` sees each report."""
    reports = []
    for report in runtime.execute(JobOrder("job", 1, spec, folder)).reports():
        reports.append(report)
        at(report)
    return reports


def told(reports: list[Any], kind: type) -> list[Any]:
    return [report for report in reports if isinstance(report, kind)]


def living(name: str) -> list[dict]:
    """The actors of this class that live."""
    return [each for each in actors().values() if each["State"] == "ALIVE" and each["ActorClassName"] == name]


def remove_node_of(cluster: Cluster, actor: dict) -> None:
    """Remove the node that this actor is on."""
    cluster.remove_node(next(n for n in cluster.worker_nodes if n.node_id == actor["Address"]["NodeID"]))


def home(cluster: Cluster) -> str:
    [coordinator] = living("CoordinatorActor")
    return coordinator["Address"]["NodeID"]


def test_a_job_whose_home_node_is_removed_goes_on_elsewhere(cluster, runtime, spec, expected, tmp_path):
    add_node(cluster)
    add_node(cluster)
    removed = []

    def remove(report):
        if isinstance(report, Started) and not removed:
            removed.append(report)
            remove_node_of(cluster, living("CoordinatorActor")[0])

    reports = run(runtime, spec, tmp_path, remove)
    assert [lost.kind for lost in told(reports, MemberLost)] == [Role.COORDINATOR]
    assert (reports[-1].outcome, reports[-1].digest) == (Outcome.SUCCEEDED, expected.digest)


def test_a_job_grows_onto_an_added_node_and_shrinks_when_it_is_removed(cluster, runtime, spec, tmp_path):
    add_node(cluster)
    # Long enough for a node to come up; the end is when the grown crew has shrunk again.
    changed = ["cluster.workers={min: 1, max: 2}", "training.epochs=1000"]
    elastic, crews = spec.with_overrides(changed), []
    execution = runtime.execute(JobOrder("job", 1, elastic, tmp_path))
    report = None
    for report in execution.reports():
        if isinstance(report, Started):
            assert report.workers == 1
            add_node(cluster)
        if isinstance(report, CrewChanged):
            crews.append(report.workers)
            if crews == [2]:
                [far] = [a for a in living("GradientWorkerActor") if a["Address"]["NodeID"] != home(cluster)]
                remove_node_of(cluster, far)
            else:
                execution.stop(Stop.PAUSE)
    assert crews == [2, 1]
    assert isinstance(report, Finished) and report.outcome is Outcome.PAUSED


def test_a_stopped_worker_on_another_node_is_fenced(cluster, runtime, spec, expected, tmp_path):
    add_node(cluster)
    add_node(cluster)
    stopped = []

    def stop(report):
        if isinstance(report, Started):
            [far] = [a for a in living("GradientWorkerActor") if a["Address"]["NodeID"] != home(cluster)]
            stopped.append(far["Pid"])
            os.kill(far["Pid"], signal.SIGSTOP)

    reports = run(runtime, spec.with_overrides(["cluster.workers=2"]), tmp_path, stop)
    [lost] = told(reports, MemberLost)
    assert "no sign of life" in lost.reason and stopped
    assert (reports[-1].outcome, reports[-1].digest) == (Outcome.SUCCEEDED, expected.digest)
