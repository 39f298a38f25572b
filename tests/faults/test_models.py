"""Whatever the model and the loss, a job ends in the same bytes on any cluster, after stops and deaths."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chainrule.core import Tensor
from chainrule.worker import faults
from chainrule.worker.data.dataset import Dataset
from chainrule.worker.model import load_model
from chainrule.worker.objective import Objective
from chainrule.worker.plan import make_plan
from chainrule.worker.reports import EpochCompleted, MemberLost, Outcome
from chainrule.worker.runtime import Stop
from chainrule.worker.runtime.inprocess import MemberKilled
from chainrule.worker.spec import JobSpec, parse_spec

_IMAGES = {"reshape": {"shape": [1, 8, 8]}}
_ROWS = {"reshape": {"shape": [8, 8]}}
_CLASSES = {"linear": {"units": 10}}

JOBS: dict[str, dict[str, Any]] = {
    "convolutions": {
        "model": [
            _IMAGES,
            {"conv2d": {"filters": 4, "kernel": 3, "padding": "same", "initializer": "orthogonal"}},
            {"residual": {"body": [{"conv2d": {"filters": 4, "kernel": 1}}, "batch_norm", "relu"]}},
            {"max_pool": {"kernel": 2}},
            "flatten",
            {"dropout": {"rate": 0.3}},
            _CLASSES,
        ],
    },
    "recurrent": {"model": [_ROWS, {"lstm": {"units": 8, "truncate": 4}}, "flatten", _CLASSES]},
    "transformer": {
        "model": [
            _ROWS,
            {"time_linear": {"units": 8}},
            "learned_positions",
            {"transformer_block": {"heads": 2, "hidden": 8, "dropout": 0.2, "repeat": 2}},
            "flatten",
            _CLASSES,
        ],
        "training": {"precision": "bfloat16"},
    },
    "embedding, sparse and shared": {
        "model": [
            {"embedding": {"rows": 17, "units": 2}},
            "flatten",
            {"sparse_linear": {"units": 16}},
            {"linear": {"units": 16, "name": "again"}},
            "tanh",
            {"shared": {"layer": "again"}},
            _CLASSES,
        ],
    },
    "triplets": {"model": [{"linear": {"units": 8}}], "loss": "triplet_margin", "metrics": []},
    "weighted": {
        "model": [_CLASSES],
        "loss": {"softmax_cross_entropy": {"class_weights": [*range(1, 10), 20], "ignored": 3}},
    },
}


@pytest.fixture(params=JOBS)
def spec(request, digits) -> JobSpec:
    """A job with each of the models."""
    data, changes = digits.plain(), JOBS[request.param]
    training = {**data["training"], **changes.get("training", {})}
    return parse_spec({**data, **changes, "training": training})


def with_cluster(spec: JobSpec, workers: int, shards: int) -> JobSpec:
    return spec.with_overrides([f"cluster.workers={workers}", f"cluster.parameter_servers={shards}"])


def test_the_digest_does_not_depend_on_the_cluster(inprocess, spec):
    ends = [
        inprocess.run(with_cluster(spec, workers, shards), job=f"{workers}-{shards}")
        for workers, shards in [(1, 1), (2, 5), (3, 2)]
    ]
    assert [end.outcome for end in ends] == [Outcome.SUCCEEDED] * 3
    assert len({end.digest for end in ends}) == 1
    assert ends[0].metrics == ends[1].metrics == ends[2].metrics


def test_a_pause_and_deaths_change_no_byte(inprocess, spec):
    whole = inprocess.run(spec, job="whole")
    inprocess.run(
        spec,
        stop_at=lambda report: (
            Stop.PAUSE if isinstance(report, EpochCompleted) and report.epoch == 1 else None
        ),
    )
    steps = {31, 40}

    def kill(reached, step):
        if reached == "worker.before_publish" and step in steps:
            steps.remove(step)
            raise MemberKilled(reached)

    with faults.injected(kill):
        finished = inprocess.run(with_cluster(spec, 2, 3), resume=True)
    assert len(inprocess.told(MemberLost)) == 2
    assert (finished.digest, finished.metrics) == (whole.digest, whole.metrics)


def test_the_saved_model_is_the_one_that_was_evaluated(inprocess, spec):
    finished = inprocess.run(spec)
    saved = load_model(inprocess.folder / "job" / "model.safetensors")
    data: Dataset = make_plan(spec).dataset
    outputs = Tensor(saved.predict(data.test_features[:]))
    loss, *metrics = Objective(spec, data).evaluate(outputs, data.test_targets)
    if spec.loss.kind != "triplet_margin":  # of which each chunk has its own
        assert loss / data.test_samples == pytest.approx(finished.metrics["loss"], rel=1e-4)
    for name, value in zip(spec.metrics, metrics, strict=True):
        assert value / data.test_samples == pytest.approx(finished.metrics[name], abs=1e-9)
    assert np.isfinite(saved.predict(data.test_features[:])).all()
