"""What the Ray runtime decides by itself, with no Ray running."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ray.exceptions import RaySystemError

from chainrule.worker.reports import Outcome, Reason
from chainrule.worker.runtime import JobOrder, Stop
from chainrule.worker.runtime import ray as ray_runtime
from chainrule.worker.spec import parse_spec


def execution(workers: int = 1, device: str = "cpu") -> Any:
    spec = parse_spec(
        {
            "dataset": {"source": "digits"},
            "model": [{"linear": {"units": 10}}],
            "loss": "softmax_cross_entropy",
            "optimizer": "adam",
            "training": {"micro_batches": 16},
            "cluster": {"workers": workers, "device": device},
        }
    )
    return ray_runtime.RayExecution(JobOrder("job", 1, spec, Path("nowhere")), embedded=True)


@pytest.mark.parametrize("weaker", [Stop.PAUSE, Stop.CANCEL, Stop.KILL])
def test_a_kill_is_not_taken_back_by_a_later_request(weaker):
    job = execution()
    job.stop(Stop.KILL)
    job.stop(weaker)
    assert job._stopping is Stop.KILL


def test_a_cancel_overrides_a_pause():
    job = execution()
    job.stop(Stop.PAUSE)
    job.stop(Stop.CANCEL)
    assert job._stopping is Stop.CANCEL


@pytest.mark.parametrize(("workers", "gpus"), [(1, 1), (3, 1), (3, 2), (5, 2), (16, 8), (1, 4)])
def test_workers_that_share_gpus_all_find_room_on_one(monkeypatch, workers, gpus):
    monkeypatch.setattr(ray_runtime.ray, "cluster_resources", lambda: {"CPU": 16.0, "GPU": float(gpus)})
    share = execution(workers, "cuda")._share().gpus
    assert 0 < share <= 1
    # A share lies on one GPU, never across two.
    assert int(1 / share) * gpus >= workers


def test_nothing_that_is_ended_late_starts_ray_again(monkeypatch):
    def start_again(*_: Any) -> None:
        raise AssertionError("Ray's functions start a new Ray where none runs")

    monkeypatch.setattr(ray_runtime.ray, "kill", start_again)
    monkeypatch.setattr(ray_runtime, "remove_placement_group", start_again)
    nothing: Any = None
    ray_runtime._end_actor(nothing)
    ray_runtime._forget(nothing)


def test_a_job_whose_ray_was_shut_down_ends_and_is_not_tried_again(monkeypatch, tmp_path):
    job, attempts = execution(), []

    def attempt(*arguments: Any) -> Any:
        attempts.append(arguments)
        raise RaySystemError("Ray has not been started yet")

    job._order = replace(job._order, folder=tmp_path)
    monkeypatch.setattr(job, "_place", lambda: (None, None))
    monkeypatch.setattr(job, "_attempt", attempt)
    [finished] = job.reports()
    assert (finished.outcome, finished.reason) == (Outcome.FAILED, Reason.RESOURCES_UNAVAILABLE)
    assert "shut down" in finished.message and len(attempts) == 1
