"""Local SGD: replicas step on their own and are averaged, to the same bytes on any cluster and through
faults."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.core import nn
from chainrule.worker import faults
from chainrule.worker.checkpoint import read_newest_checkpoint
from chainrule.worker.gradient_worker import GradientComputer
from chainrule.worker.model import build_model
from chainrule.worker.objective import Objective
from chainrule.worker.plan import initial_values, make_plan
from chainrule.worker.reports import EpochCompleted, MemberLost, Outcome, Started
from chainrule.worker.runtime import Stop
from chainrule.worker.runtime.inprocess import MemberKilled
from chainrule.worker.spec import JobSpec, parse_spec


@pytest.fixture
def digits(digits: JobSpec) -> JobSpec:
    """With four mini-batches a round, so that an epoch of 15 has three whole rounds and a shorter one."""
    batch_norm = [{"linear": {"units": 16}}, "batch_norm", "relu", {"dropout": {"rate": 0.2}}]
    spec = parse_spec({**digits.plain(), "model": [*batch_norm, {"linear": {"units": 10}}]})
    return spec.with_overrides(["training.average_every=4", "training.clip_norm=2.0"])


def with_cluster(spec: JobSpec, workers: int, shards: int) -> JobSpec:
    return spec.with_overrides([f"cluster.workers={workers}", f"cluster.parameter_servers={shards}"])


@pytest.mark.parametrize(("workers", "shards"), [(1, 1), (1, 2), (2, 1), (3, 1), (3, 2)])
def test_the_digest_does_not_depend_on_workers_or_shards(inprocess, digits, undisturbed, workers, shards):
    finished = inprocess.run(with_cluster(digits, workers, shards))
    assert finished.outcome is Outcome.SUCCEEDED
    assert (finished.digest, finished.metrics) == (undisturbed.digest, undisturbed.metrics)


@pytest.mark.parametrize(
    "point",
    ["worker.before_compute", "worker.after_local_step", "worker.before_publish", "worker.after_publish",
     "shard.before_publish"],
)  # fmt: skip
def test_deaths_change_no_byte(inprocess, digits, undisturbed, point):
    rounds = {0, 3, 4, 11}

    def kill(reached, step):
        if reached == point and step in rounds:
            rounds.remove(step)
            raise MemberKilled(point)

    with faults.injected(kill):
        finished = inprocess.run(digits)
    assert len(inprocess.told(MemberLost)) == 4
    assert (finished.digest, finished.metrics) == (undisturbed.digest, undisturbed.metrics)


def test_a_pause_between_two_rounds_changes_no_byte(inprocess, digits, undisturbed):
    stopped = inprocess.run(
        digits, stop_at=lambda report: Stop.PAUSE if isinstance(report, Started) else None
    )
    assert 0 < stopped.step < 12
    assert inprocess.run(with_cluster(digits, 3, 1), resume=True).digest == undisturbed.digest


def test_one_replica_is_plain_training(inprocess, digits):
    alone = with_cluster(digits, 1, 2).with_overrides(["training.micro_batches=1"])
    finished = inprocess.run(alone, job="local")
    assert [epoch.step for epoch in inprocess.told(EpochCompleted)] == [4, 8, 12]
    plain = inprocess.run(alone.with_overrides(["training.average_every=1"]), job="plain")
    assert plain.step == 45
    assert finished.digest == plain.digest


def test_a_round_is_what_its_replicas_come_to_on_average(inprocess, digits):
    training = {"epochs": 1, "batch_size": 100, "seed": 7, "micro_batches": 2, "average_every": 5}
    optimizer = {"sgd": {"learning_rate": 0.1}}
    spec = parse_spec({**digits.plain(), "optimizer": optimizer, "training": training})
    inprocess.run(spec)
    plan = make_plan(spec)
    model = build_model(spec, plan.dataset.feature_shape, plan.dataset.classes)
    computer = GradientComputer(model, plan.dataset, Objective(spec, plan.dataset), "cpu")
    expected, _ = initial_values(plan)
    gradient, losses = np.zeros_like(expected), 0.0
    for round_start in (0, 5, 10):
        replicas = []
        for replica in range(2):
            own = expected.copy()
            for step in range(round_start, round_start + 5):
                indices = plan.grid.indices(step, replica)
                first = plan.grid.micro_batch_bounds(step, replica)[0]
                context = nn.ForwardContext(training=True, seed=7, step=step, first_sample=first)
                computer.use(list(plan.layout.views(own).values()))
                out = list(plan.layout.views(gradient).values())
                losses += computer.gradient(indices, len(indices), context, out)
                own -= np.float32(0.1) * gradient
            replicas.append(own)
        expected = np.mean(replicas, axis=0)
    checkpoint = read_newest_checkpoint(inprocess.folder / "job")
    assert checkpoint is not None
    np.testing.assert_allclose(checkpoint.parameters, expected, rtol=1e-4, atol=1e-6)
    [epoch] = inprocess.told(EpochCompleted)
    assert epoch.train_loss == pytest.approx(losses / plan.dataset.train_samples, rel=1e-5)


def test_frozen_parameters_stay_what_they_are(inprocess, digits):
    group = {"parameters": "layers.0.*", "frozen": True}
    spec = parse_spec({**digits.plain(), "parameter_groups": [group]})
    spec = spec.with_overrides(["training.micro_batches=3"])
    assert inprocess.run(spec).outcome is Outcome.SUCCEEDED
    checkpoint = read_newest_checkpoint(inprocess.folder / "job")
    plan = make_plan(spec)
    assert checkpoint is not None
    views = [plan.layout.views(flat) for flat in (checkpoint.parameters, initial_values(plan)[0])]
    frozen, trained = plan.layout.names[0], plan.layout.names[-1]
    assert views[0][frozen].tobytes() == views[1][frozen].tobytes()
    assert views[0][trained].tobytes() != views[1][trained].tobytes()
