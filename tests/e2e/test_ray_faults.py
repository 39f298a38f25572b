"""Several faults at once, and memory that runs out, on real Ray processes: a slice of the matrix that
tests/faults/test_matrix.py plays in process."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ray_processes import SHARD, WORKER, assert_no_process_is_left, processes

from chainrule.worker.reports import (
    EpochCompleted,
    Finished,
    MemberJoined,
    MemberLost,
    Outcome,
    Role,
    Started,
)
from chainrule.worker.runtime import JobOrder
from chainrule.worker.runtime.inprocess import InProcessRuntime
from chainrule.worker.runtime.ray import RayRuntime
from chainrule.worker.spec import JobSpec, parse_spec

MODEL = """
from pathlib import Path

from chainrule.core import nn


class Model(nn.Sequential):
    short = False

    def forward(self, x, context):
        try:
            Path(__file__).with_suffix(".short").unlink()
            Model.short = True
        except FileNotFoundError:
            pass
        if Model.short:
            raise MemoryError
        return super().forward(x, context)


def build(feature_shape, classes):
    return Model(nn.Linear(feature_shape[0], 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, classes))
"""


@pytest.fixture(scope="module")
def runtime() -> Iterator[RayRuntime]:
    runtime = RayRuntime()
    runtime.start()
    yield runtime
    runtime.close()


@pytest.fixture(scope="module")
def spec(tmp_path_factory) -> JobSpec:
    """Its model runs out of memory in whichever process is the first to see `model.short`."""
    file = tmp_path_factory.mktemp("model") / "model.py"
    file.write_text(MODEL)
    return parse_spec(
        {
            "dataset": {"source": "digits"},
            "model": {"python": str(file), "factory": "build"},
            "loss": "softmax_cross_entropy",
            "metrics": ["accuracy"],
            "optimizer": "adam",
            "training": {"epochs": 20, "batch_size": 32},
            "cluster": {"workers": 2, "parameter_servers": 2},
        }
    )


@pytest.fixture(scope="module")
def expected(spec, tmp_path_factory) -> Finished:
    """How the job ends in process, undisturbed."""
    return train(InProcessRuntime(), spec, tmp_path_factory.mktemp("inprocess"))[-1]


def train(runtime: Any, spec: JobSpec, folder: Path, at=lambda report: None) -> list[Any]:
    """The reports of a job; `at` sees each and may do harm."""
    reports = []
    for report in runtime.execute(JobOrder("job", 1, spec, folder)).reports():
        reports.append(report)
        at(report)
    return reports


def kill_at(kind: type, *victims: tuple[str, int]):
    """Kill so many processes of these actors at the first report of this kind."""
    done = []

    def at(report):
        if isinstance(report, kind) and not done:
            done.append(report)
            for process in [each for actor, count in victims for each in processes(actor)[:count]]:
                os.kill(process, signal.SIGKILL)

    return at


@pytest.mark.parametrize(
    ("victims", "lost"),
    [
        ([(WORKER, 2)], {Role.WORKER: 2}),
        ([(SHARD, 1), (WORKER, 1)], {Role.PARAMETER_SERVER: 1, Role.WORKER: 1}),
    ],
    ids=["all workers", "a shard and a worker"],
)
def test_several_processes_killed_at_once_change_no_byte(runtime, spec, expected, tmp_path, victims, lost):
    reports = train(runtime, spec, tmp_path, kill_at(Started, *victims))
    assert Counter(report.kind for report in reports if isinstance(report, MemberLost)) == lost
    assert (reports[-1].outcome, reports[-1].digest) == (Outcome.SUCCEEDED, expected.digest)
    assert_no_process_is_left()


def test_the_only_worker_runs_out_of_memory_and_is_replaced(runtime, spec, expected, tmp_path):
    trap = Path(spec.plain()["model"]["python"]).with_suffix(".short")

    def at(report):
        if isinstance(report, EpochCompleted) and report.epoch == 1:
            trap.touch()

    alone = spec.with_overrides(["cluster.workers=1"])
    reports = train(runtime, alone, tmp_path, at)
    assert not trap.exists()
    assert [report.kind for report in reports if isinstance(report, MemberLost)] == [Role.WORKER]
    assert [report.kind for report in reports if isinstance(report, MemberJoined)] == [Role.WORKER]
    assert (reports[-1].outcome, reports[-1].digest) == (Outcome.SUCCEEDED, expected.digest)
