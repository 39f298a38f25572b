"""Whatever the optimizer, a job ends in the same bytes on any cluster, after stops and deaths."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chainrule.worker import faults
from chainrule.worker.checkpoint import read_newest_checkpoint
from chainrule.worker.model import load_model
from chainrule.worker.plan import make_plan
from chainrule.worker.reports import EpochCompleted, MemberLost, Outcome
from chainrule.worker.runtime import Stop
from chainrule.worker.runtime.inprocess import MemberKilled
from chainrule.worker.spec import JobSpec, parse_spec

OPTIMIZATIONS: dict[str, dict[str, Any]] = {
    "lamb, scheduled": {
        "optimizer": {"lamb": {"learning_rate": 0.01}},
        "training": {"schedule": {"cosine": {"epochs": 2}}, "warm_up": {"epochs": 1, "start": 0.1}},
    },
    "clipped, one layer frozen": {
        "optimizer": {"sgd": {"learning_rate": 0.1, "momentum": 0.9}},
        "parameter_groups": [{"parameters": "layers.0.*", "frozen": True}],
        "training": {"clip_norm": 0.2},
    },
    "averaged": {"training": {"average": {"decay": 0.95}, "clip_value": 0.01}},
    "plateau": {
        "training": {"schedule": {"plateau": {"patience": 0, "threshold": 0.9, "factor": 0.5}}},
    },
    "sophia, gauss-newton-bartlett": {"optimizer": {"sophia": {"learning_rate": 0.01, "interval": 4}}},
    "sophia, hutchinson": {
        "optimizer": {
            "sophia": {"learning_rate": 0.01, "interval": 5, "gamma": 0.01, "estimator": "hutchinson"}
        }
    },
    "scaled": {"training": {"precision": "float16", "loss_scale": {"initial": 1024.0, "interval": 10}}},
    "muon, penalized": {
        "optimizer": {"muon": {"learning_rate": 0.01}},
        "penalties": [{"l1": {"strength": 1e-4}}, {"max_norm": {"strength": 0.1, "limit": 1.0}}],
    },
    "bfloat16, one cycle": {"training": {"precision": "bfloat16", "schedule": "one_cycle"}},
}


def optimized(spec: JobSpec, name: str) -> JobSpec:
    """The job with one of the optimizations."""
    data = spec.plain()
    changes = OPTIMIZATIONS[name]
    return parse_spec({**data, **changes, "training": data["training"] | changes.get("training", {})})


@pytest.fixture(params=OPTIMIZATIONS)
def optimized_digits(request, digits):
    """The job with each of the optimizations."""
    return optimized(digits, request.param)


def with_cluster(spec, workers, shards):
    return spec.with_overrides([f"cluster.workers={workers}", f"cluster.parameter_servers={shards}"])


def test_the_digest_does_not_depend_on_the_cluster(inprocess, optimized_digits):
    ends = [
        inprocess.run(with_cluster(optimized_digits, workers, shards), job=f"{workers}-{shards}")
        for workers, shards in [(1, 1), (2, 5), (3, 2)]
    ]
    assert [end.outcome for end in ends] == [Outcome.SUCCEEDED] * 3
    assert len({end.digest for end in ends}) == 1
    assert ends[0].metrics == ends[1].metrics == ends[2].metrics


def test_a_pause_changes_no_byte(inprocess, optimized_digits):
    whole = inprocess.run(optimized_digits, job="whole")
    losses = [report.train_loss for report in inprocess.told(EpochCompleted)]
    paused = inprocess.run(
        optimized_digits,
        stop_at=lambda report: (
            Stop.PAUSE if isinstance(report, EpochCompleted) and report.epoch == 1 else None
        ),
    )
    assert paused.outcome is Outcome.PAUSED
    finished = inprocess.run(with_cluster(optimized_digits, 1, 3), resume=True)
    assert (finished.digest, finished.metrics) == (whole.digest, whole.metrics)
    assert inprocess.told(EpochCompleted)[-1].train_loss == losses[-1]


@pytest.mark.parametrize("point", ["shard.after_norm", "shard.before_publish", "worker.before_publish"])
def test_deaths_change_no_byte(inprocess, optimized_digits, point):
    whole = inprocess.run(optimized_digits, job="whole")
    steps = {3, 14, 15, 40}

    def kill(reached, step):
        if reached == point and step in steps:
            steps.remove(step)
            raise MemberKilled(point)

    with faults.injected(kill):
        finished = inprocess.run(with_cluster(optimized_digits, 2, 3))
    measures_norm = make_plan(optimized_digits).optimization.measures_norm
    passes = point != "shard.after_norm" or measures_norm
    assert len(inprocess.told(MemberLost)) == (4 if passes else 0)
    assert (finished.digest, finished.metrics) == (whole.digest, whole.metrics)


def test_the_average_is_what_is_saved(inprocess, digits):
    inprocess.run(optimized(digits, "averaged"))
    checkpoint = read_newest_checkpoint(inprocess.folder / "job")
    assert checkpoint is not None and checkpoint.slots[-1] == "average"
    saved = load_model(inprocess.folder / "job" / "model.safetensors").model.parameters()
    averaged = checkpoint.layout.views(checkpoint.state[-1])
    for name, view in averaged.items():
        np.testing.assert_array_equal(np.asarray(saved[name].data), view)
    assert not np.array_equal(checkpoint.state[-1], checkpoint.parameters)


def test_the_average_is_what_is_evaluated(inprocess, digits):
    averaged = inprocess.run(optimized(digits, "averaged"), job="averaged")
    last = inprocess.run(digits.with_overrides(["training.clip_value=0.01"]), job="plain")
    first, second = (read_newest_checkpoint(inprocess.folder / job) for job in ("averaged", "plain"))
    assert first is not None and second is not None
    assert first.parameters.tobytes() == second.parameters.tobytes()
    assert averaged.metrics["loss"] != last.metrics["loss"]


def test_a_continuation_that_turns_the_average_on_starts_it_at_the_weights(inprocess, digits):
    inprocess.run(digits.with_overrides(["training.epochs=1"]), job="first")
    averaging = digits.with_overrides(["training.epochs=2", "training.average={decay: 0.9}"])
    second = inprocess.run(averaging, job="second", continue_from=inprocess.folder / "first")
    checkpoint = read_newest_checkpoint(inprocess.folder / "second")
    assert second.outcome is Outcome.SUCCEEDED and checkpoint is not None
    assert np.abs(checkpoint.state[-1] - checkpoint.parameters).max() < 0.2


def test_a_continuation_in_float16_starts_at_its_own_loss_scale(inprocess, digits):
    inprocess.run(digits.with_overrides(["training.epochs=1"]), job="first")
    half = digits.with_overrides(["training.epochs=2", "training.precision=float16"])
    second = inprocess.run(half, job="second", continue_from=inprocess.folder / "first")
    checkpoint = read_newest_checkpoint(inprocess.folder / "second")
    assert second.outcome is Outcome.SUCCEEDED and checkpoint is not None
    assert checkpoint.loss_scale[0] > 1


def test_a_continuation_with_another_schedule_forgets_what_the_plateau_took_off(inprocess, digits):
    reduced = optimized(digits, "plateau")
    inprocess.run(reduced, job="first")
    epochs = reduced.training.epochs + 1
    other = reduced.with_overrides(["training.schedule=plateau", f"training.epochs={epochs}"])
    second = inprocess.run(other, job="second", continue_from=inprocess.folder / "first")
    checkpoint = read_newest_checkpoint(inprocess.folder / "second")
    assert second.outcome is Outcome.SUCCEEDED and checkpoint is not None
    assert checkpoint.position.plateau.factor == 1


def test_a_plateau_shows_in_the_learning_rate_of_the_checkpoint(inprocess, digits):
    inprocess.run(optimized(digits, "plateau"))
    checkpoint = read_newest_checkpoint(inprocess.folder / "job")
    assert checkpoint is not None and checkpoint.position.plateau.factor < 1
