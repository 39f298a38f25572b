"""Running statistics are the same bytes on any cluster, and what is evaluated and saved."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.core import nn
from chainrule.worker import faults, plan
from chainrule.worker.buffers import Buffers
from chainrule.worker.checkpoint import read_newest_checkpoint
from chainrule.worker.model import load_model
from chainrule.worker.reports import EpochCompleted, MemberLost, Outcome
from chainrule.worker.runtime import Stop
from chainrule.worker.runtime.inprocess import MemberKilled
from chainrule.worker.spec import JobSpec, parse_spec


@pytest.fixture
def digits(digits: JobSpec) -> JobSpec:
    """The job with batch normalization in its model."""
    model = [
        {"linear": {"units": 16}},
        {"batch_norm": {"momentum": 0.3}},
        "relu",
        {"linear": {"units": 10}},
    ]
    return parse_spec({**digits.plain(), "model": model})


def with_cluster(spec, workers, shards):
    return spec.with_overrides([f"cluster.workers={workers}", f"cluster.parameter_servers={shards}"])


def test_the_statistics_do_not_depend_on_the_cluster(inprocess, digits):
    ends = [
        inprocess.run(with_cluster(digits, workers, shards), job=f"{workers}-{shards}")
        for workers, shards in [(1, 1), (2, 5), (3, 2)]
    ]
    assert [end.outcome for end in ends] == [Outcome.SUCCEEDED] * 3
    assert len({end.digest for end in ends}) == 1
    assert ends[0].metrics == ends[1].metrics == ends[2].metrics


@pytest.mark.parametrize("point", ["shard.before_publish", "worker.before_publish", "worker.after_publish"])
def test_deaths_change_no_byte(inprocess, digits, point):
    whole = inprocess.run(digits, job="whole")
    steps = {0, 14, 15, 40}

    def kill(reached, step):
        if reached == point and step in steps:
            steps.remove(step)
            raise MemberKilled(point)

    with faults.injected(kill):
        finished = inprocess.run(with_cluster(digits, 2, 3))
    assert len(inprocess.told(MemberLost)) == 4
    assert (finished.digest, finished.metrics) == (whole.digest, whole.metrics)


def test_a_pause_changes_no_byte(inprocess, digits):
    whole = inprocess.run(digits, job="whole")
    paused = inprocess.run(
        digits,
        stop_at=lambda report: (
            Stop.PAUSE if isinstance(report, EpochCompleted) and report.epoch == 1 else None
        ),
    )
    assert paused.outcome is Outcome.PAUSED
    finished = inprocess.run(with_cluster(digits, 1, 3), resume=True)
    assert (finished.digest, finished.metrics) == (whole.digest, whole.metrics)


def test_the_saved_model_predicts_as_the_job_evaluated(inprocess, digits):
    finished = inprocess.run(digits)
    saved = load_model(inprocess.folder / "job" / "model.safetensors")
    data = plan.make_plan(digits).dataset
    classes, _ = saved.classify(data.test_features[:])
    assert finished.metrics["accuracy"] == pytest.approx(np.mean(classes == data.test_targets))
    checkpoint = read_newest_checkpoint(inprocess.folder / "job")
    assert checkpoint is not None and finished.digest == checkpoint.digest()
    held = Buffers.of(saved.model).values(saved.model)
    np.testing.assert_array_equal(held, checkpoint.buffers)
    assert held[:16].any()


def test_early_stopping_restores_the_statistics_of_the_best_epoch(inprocess, digits):
    rule = "training.early_stopping={metric: accuracy, patience: 2}"
    spec = digits.with_overrides(["training.epochs=40", rule])
    whole = inprocess.run(spec, job="whole")
    assert whole.stopped_early
    best = inprocess.run(spec.with_overrides([f"training.epochs={whole.epoch - 2}"]), job="best")
    tensors = [load_model(inprocess.folder / job / "model.safetensors").model for job in ("whole", "best")]
    first, second = (Buffers.of(each).values(each) for each in tensors)
    assert first.tobytes() == second.tobytes()
    assert best.epoch == whole.epoch - 2


def test_absorbing_is_what_the_layer_does():
    layer = nn.BatchNorm(5, momentum=0.3)
    buffers = Buffers.of(layer)
    flat = buffers.values(layer)
    random = np.random.default_rng(0)
    for _ in range(3):
        mean, variance = random.random((2, 5), dtype=np.float32)
        layer.observed = mean, variance
        layer.absorb(mean, variance)
        seen = np.zeros_like(flat)
        buffers.write(layer, buffers.seen(layer), seen)
        buffers.absorb(flat, seen)
    assert flat.tobytes() == buffers.values(layer).tobytes()
