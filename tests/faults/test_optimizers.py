"""Whatever the optimizer, a job ends in the same bytes on any cluster, after stops and deaths."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.core.optim import LAMB, SGD, Adam, Group, LossScale, MovingAverage, Sophia
from chainrule.core.optim.schedules import Cosine, Plateau, WarmUp
from chainrule.worker import faults, plan
from chainrule.worker.checkpoint import read_newest_checkpoint
from chainrule.worker.model import load_model
from chainrule.worker.optimization import Optimization
from chainrule.worker.reports import EpochCompleted, MemberLost, Outcome
from chainrule.worker.runtime import Stop
from chainrule.worker.runtime.inprocess import MemberKilled

OPTIMIZATIONS = {
    "lamb, scheduled": Optimization(LAMB(0.01), schedule=WarmUp(15, Cosine(30), 0.1)),
    "clipped, one layer frozen": Optimization(
        SGD(0.1, momentum=0.9), (Group("layers.0.*", frozen=True),), clip_norm=0.2
    ),
    "averaged": Optimization(Adam(0.01), average=MovingAverage(0.95), clip_value=0.01),
    "plateau": Optimization(
        Adam(0.01), plateau=Plateau(patience=0, threshold=0.9, factor=0.5), plateau_metric="loss"
    ),
    "sophia, gauss-newton-bartlett": Optimization(Sophia(0.01, interval=4)),
    "sophia, hutchinson": Optimization(Sophia(0.01, interval=5, gamma=0.01), estimator="hutchinson"),
    "scaled": Optimization(Adam(0.01), loss_scale=LossScale(1024.0, interval=10)),
}


@pytest.fixture(params=OPTIMIZATIONS)
def optimization(request, monkeypatch):
    """The optimizer that jobs of this test have."""
    chosen = OPTIMIZATIONS[request.param]
    monkeypatch.setattr(plan, "optimization_of", lambda spec: chosen)
    return chosen


def with_cluster(spec, workers, shards):
    return spec.with_overrides([f"cluster.workers={workers}", f"cluster.parameter_servers={shards}"])


def test_the_digest_does_not_depend_on_the_cluster(inprocess, digits, optimization):
    ends = [
        inprocess.run(with_cluster(digits, workers, shards), job=f"{workers}-{shards}")
        for workers, shards in [(1, 1), (2, 5), (3, 2)]
    ]
    assert [end.outcome for end in ends] == [Outcome.SUCCEEDED] * 3
    assert len({end.digest for end in ends}) == 1
    assert ends[0].metrics == ends[1].metrics == ends[2].metrics


def test_a_pause_changes_no_byte(inprocess, digits, optimization):
    whole = inprocess.run(digits, job="whole")
    losses = [report.train_loss for report in inprocess.told(EpochCompleted)]
    paused = inprocess.run(
        digits,
        stop_at=lambda report: (
            Stop.PAUSE if isinstance(report, EpochCompleted) and report.epoch == 1 else None
        ),
    )
    assert paused.outcome is Outcome.PAUSED
    finished = inprocess.run(with_cluster(digits, 1, 3), resume=True)
    assert (finished.digest, finished.metrics) == (whole.digest, whole.metrics)
    assert inprocess.told(EpochCompleted)[-1].train_loss == losses[-1]


@pytest.mark.parametrize("point", ["shard.after_norm", "shard.before_publish", "worker.before_publish"])
def test_deaths_change_no_byte(inprocess, digits, optimization, point):
    whole = inprocess.run(digits, job="whole")
    steps = {3, 14, 15, 40}

    def kill(reached, step):
        if reached == point and step in steps:
            steps.remove(step)
            raise MemberKilled(point)

    with faults.injected(kill):
        finished = inprocess.run(with_cluster(digits, 2, 3))
    passes = point != "shard.after_norm" or optimization.measures_norm
    assert len(inprocess.told(MemberLost)) == (4 if passes else 0)
    assert (finished.digest, finished.metrics) == (whole.digest, whole.metrics)


@pytest.fixture
def averaging(monkeypatch):
    """Jobs of this test average their weights."""
    monkeypatch.setattr(plan, "optimization_of", lambda spec: OPTIMIZATIONS["averaged"])


def test_the_average_is_what_is_saved(inprocess, digits, averaging):
    inprocess.run(digits)
    checkpoint = read_newest_checkpoint(inprocess.folder / "job")
    assert checkpoint is not None and checkpoint.slots[-1] == "average"
    saved = load_model(inprocess.folder / "job" / "model.safetensors").model.parameters()
    averaged = checkpoint.layout.views(checkpoint.state[-1])
    for name, view in averaged.items():
        np.testing.assert_array_equal(np.asarray(saved[name].data), view)
    assert not np.array_equal(checkpoint.state[-1], checkpoint.parameters)


def test_the_average_is_what_is_evaluated(inprocess, digits, averaging, monkeypatch):
    averaged = inprocess.run(digits, job="averaged")
    plain = Optimization(Adam(0.01), clip_value=0.01)
    monkeypatch.setattr(plan, "optimization_of", lambda spec: plain)
    last = inprocess.run(digits, job="plain")
    first, second = (read_newest_checkpoint(inprocess.folder / job) for job in ("averaged", "plain"))
    assert first is not None and second is not None
    assert first.parameters.tobytes() == second.parameters.tobytes()
    assert averaged.metrics["loss"] != last.metrics["loss"]


def test_a_continuation_that_turns_the_average_on_starts_it_at_the_weights(inprocess, digits, monkeypatch):
    inprocess.run(digits.with_overrides(["training.epochs=1"]), job="first")
    monkeypatch.setattr(
        plan, "optimization_of", lambda spec: Optimization(Adam(0.01), average=MovingAverage(0.9))
    )
    second = inprocess.run(
        digits.with_overrides(["training.epochs=2"]), job="second", continue_from=inprocess.folder / "first"
    )
    checkpoint = read_newest_checkpoint(inprocess.folder / "second")
    assert second.outcome is Outcome.SUCCEEDED and checkpoint is not None
    assert np.abs(checkpoint.state[-1] - checkpoint.parameters).max() < 0.2


def test_a_plateau_shows_in_the_learning_rate_of_the_checkpoint(inprocess, digits, monkeypatch):
    monkeypatch.setattr(plan, "optimization_of", lambda spec: OPTIMIZATIONS["plateau"])
    inprocess.run(digits)
    checkpoint = read_newest_checkpoint(inprocess.folder / "job")
    assert checkpoint is not None and checkpoint.position.plateau.factor < 1
