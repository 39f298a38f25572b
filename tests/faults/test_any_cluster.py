"""A job ends in the same bytes on 1, 2, 3 and 8 workers with 1, 2 and 5 shards, and up to rounding in the
weights of one process that takes each mini-batch whole."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from chainrule.worker.checkpoint import read_newest_checkpoint
from chainrule.worker.reports import Outcome
from chainrule.worker.spec import JobSpec, parse_spec

WORKERS = (1, 2, 3, 8)
SHARDS = (1, 2, 5)

MODELS: dict[str, list[Any]] = {
    "MLP with dropout": [
        "flatten",
        {"linear": {"units": 8}},
        "relu",
        {"dropout": {"rate": 0.3}},
        {"linear": {"units": 3}},
    ],
    "CNN with batch normalization": [
        {"reshape": {"shape": [1, 6, 5]}},
        {"conv2d": {"filters": 3, "kernel": 3}},
        "batch_norm",
        "relu",
        {"max_pool": {"kernel": 2}},
        "flatten",
        {"linear": {"units": 3}},
    ],
    "LSTM": [{"lstm": {"units": 4}}, "flatten", {"linear": {"units": 3}}],
}
WITHOUT_BATCH_NORM = [name for name in MODELS if "batch" not in name]
"""Each micro-batch is normalized by its own statistics, so with another cut those are other jobs."""


@pytest.fixture
def spec(request, tmp_path) -> JobSpec:
    """Two epochs of three steps, the last of an epoch with 12 samples in 8 micro-batches."""
    chance = np.random.default_rng(3)
    np.savez(tmp_path / "data.npz", x=chance.random((75, 6, 5), np.float32), y=np.arange(75) % 3)
    return parse_spec(
        {
            "dataset": {"source": "npz", "path": str(tmp_path / "data.npz")},
            "model": MODELS[request.param],
            "loss": "softmax_cross_entropy",
            "metrics": ["accuracy"],
            "optimizer": {"adam": {"learning_rate": 0.01}},
            "training": {"epochs": 2, "batch_size": 24, "micro_batches": 8, "seed": 5},
        }
    )


def with_cluster(spec: JobSpec, workers: int, shards: int) -> JobSpec:
    return spec.with_overrides([f"cluster.workers={workers}", f"cluster.parameter_servers={shards}"])


@pytest.mark.parametrize("spec", MODELS, indirect=True)
def test_workers_and_shards_change_no_byte(inprocess, spec):
    ends = [
        inprocess.run(with_cluster(spec, workers, shards), job=f"{workers}-{shards}")
        for workers, shards in itertools.product(WORKERS, SHARDS)
    ]
    assert {end.outcome for end in ends} == {Outcome.SUCCEEDED}
    assert len({end.digest for end in ends}) == 1
    assert len({tuple(end.metrics.items()) for end in ends}) == 1


@pytest.mark.parametrize("spec", WITHOUT_BATCH_NORM, indirect=True)
def test_the_weights_are_those_of_one_process_on_whole_mini_batches(inprocess, spec):
    inprocess.run(with_cluster(spec, 3, 2), job="distributed")
    inprocess.run(with_cluster(spec.with_overrides(["training.micro_batches=1"]), 1, 1), job="whole")
    distributed, whole = (read_newest_checkpoint(inprocess.folder / job) for job in ("distributed", "whole"))
    assert distributed is not None and whole is not None and distributed.position.step == 6
    assert distributed.parameters.tobytes() != whole.parameters.tobytes()
    np.testing.assert_allclose(distributed.parameters, whole.parameters, rtol=1e-4, atol=2e-5)
