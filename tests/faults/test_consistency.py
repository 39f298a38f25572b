"""`bounded` and `async` through faults: each mini-batch is applied once, no update is too stale, and training
arrives where `sync` does."""

from __future__ import annotations

from collections import Counter, defaultdict
from queue import SimpleQueue

import numpy as np
import pytest

from chainrule.worker import faults
from chainrule.worker.checkpoint import read_newest_checkpoint
from chainrule.worker.exchange.ledger import Ledger
from chainrule.worker.job import run_job
from chainrule.worker.parameter_server import ParameterServerShard
from chainrule.worker.reports import EpochCompleted, Finished, MemberLost, Outcome, Role, Started
from chainrule.worker.runtime import JobOrder, Stop
from chainrule.worker.runtime.inprocess import InProcessCrew, MemberKilled
from chainrule.worker.shard_update import ShardUpdate
from chainrule.worker.spec import JobSpec, parse_spec

BOUNDED = "training.consistency={bounded: {staleness: 2}}"
ASYNC = "training.consistency=async"


def with_mode(spec: JobSpec, mode: str, workers: int = 3, shards: int = 2) -> JobSpec:
    return spec.with_overrides([mode, f"cluster.workers={workers}", f"cluster.parameter_servers={shards}"])


@pytest.fixture
def logged(monkeypatch) -> list[int]:
    """The tasks of all updates in their order, as they are logged while a test runs."""
    tasks: list[int] = []
    append = Ledger.append

    def noting(ledger, entry):
        tasks.append(entry.task)
        append(ledger, entry)

    monkeypatch.setattr(Ledger, "append", noting)
    return tasks


class Killer:
    """Ends the member that comes to a named point for the first, eleventh, twenty-first ... time."""

    def __init__(self, point: str) -> None:
        self.point, self.visits = point, 0

    def __call__(self, point: str, step: int) -> None:
        if point == self.point:
            self.visits += 1
            if self.visits % 10 == 1:
                raise MemberKilled(f"killed at {point} of {step}")


@pytest.mark.parametrize(
    ("point", "role"),
    [
        ("worker.before_compute", Role.WORKER),
        ("worker.before_publish", Role.WORKER),
        ("worker.after_publish", Role.WORKER),
        ("shard.before_publish", Role.PARAMETER_SERVER),
        ("sequencer.before_log", Role.PARAMETER_SERVER),
        ("sequencer.after_log", Role.PARAMETER_SERVER),
        ("sequencer.after_deal", Role.PARAMETER_SERVER),
    ],
)
@pytest.mark.parametrize("mode", [BOUNDED, ASYNC])
def test_deaths_lose_no_mini_batch_and_repeat_none(inprocess, digits, logged, mode, point, role):
    with faults.injected(Killer(point)):
        finished = inprocess.run(with_mode(digits, mode))
    assert finished.outcome is Outcome.SUCCEEDED
    lost = inprocess.told(MemberLost)
    assert len(lost) >= 4 and {report.kind for report in lost} == {role}
    assert [sorted(logged[i : i + 15]) for i in (0, 15, 30)] == [list(range(i, i + 15)) for i in (0, 15, 30)]
    epochs = inprocess.told(EpochCompleted)
    assert [(epoch.epoch, sum(epoch.staleness)) for epoch in epochs] == [(1, 15), (2, 15), (3, 15)]
    if mode == BOUNDED:
        assert all(len(epoch.staleness) <= 3 for epoch in epochs)


@pytest.mark.parametrize("point", ["shard.before_norm", "shard.after_norm", "shard.before_publish"])
def test_deaths_while_the_norm_is_measured_lose_nothing(inprocess, digits, logged, point):
    spec = with_mode(digits, ASYNC, shards=3).with_overrides(["training.clip_norm=0.5"])
    with faults.injected(Killer(point)):
        finished = inprocess.run(spec)
    assert finished.outcome is Outcome.SUCCEEDED
    assert sorted(logged) == list(range(45))


def every_loss_once(inprocess, spec: JobSpec) -> bool:
    """Whether the losses of an epoch at a learning rate of next to nothing are those of `sync`."""
    still = spec.with_overrides(["optimizer={sgd: {learning_rate: 1e-12}}"])
    inprocess.run(still.with_overrides(["training.consistency=sync"]), job="still")
    expected = [epoch.train_loss for epoch in inprocess.told(EpochCompleted)]
    with faults.injected(Killer("worker.after_publish")):
        inprocess.run(still)
    found = [epoch.train_loss for epoch in inprocess.told(EpochCompleted)]
    return np.allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize(
    "mode", [BOUNDED, ASYNC, "training.consistency={async: {push_every: 4, pull_every: 2}}"]
)
def test_the_loss_of_an_epoch_is_that_of_all_its_samples(inprocess, digits, mode):
    assert every_loss_once(inprocess, with_mode(digits, mode))


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("point", [None, "worker.before_publish", "sequencer.after_log"])
def test_a_staleness_of_zero_gives_the_bytes_of_sync(inprocess, digits, undisturbed, workers, point):
    spec = with_mode(digits, "training.consistency={bounded: {staleness: 0}}", workers)
    with faults.injected(Killer(point or "nowhere")):
        finished = inprocess.run(spec)
    assert (finished.digest, finished.metrics) == (undisturbed.digest, undisturbed.metrics)


def test_batch_norm_sees_what_it_sees_in_sync(inprocess, digits):
    model = [{"linear": {"units": 16}}, "batch_norm", "relu", {"linear": {"units": 10}}]
    spec = parse_spec({**digits.plain(), "model": model})
    expected = inprocess.run(spec, job="sync")
    finished = inprocess.run(with_mode(spec, "training.consistency={bounded: {staleness: 0}}"))
    assert finished.digest == expected.digest


def test_several_mini_batches_of_one_version_make_the_update_of_one_that_is_as_large(inprocess, digits):
    """One update an epoch, so that none is stale and nothing else differs."""
    spec = digits.with_overrides(["model[2].dropout.rate=0", "optimizer={sgd: {learning_rate: 0.5}}"])
    several = "training.consistency={async: {push_every: 3, pull_every: 3}}"
    inprocess.run(with_mode(spec.with_overrides(["training.batch_size=full"]), ASYNC), job="large")
    inprocess.run(with_mode(spec.with_overrides(["training.batch_size=500"]), several), job="several")
    large, thirds = (read_newest_checkpoint(inprocess.folder / job) for job in ("large", "several"))
    assert large is not None and thirds is not None
    assert large.position.step == thirds.position.step == 3
    np.testing.assert_allclose(thirds.parameters, large.parameters, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("mode", [BOUNDED, ASYNC])
def test_a_job_stopped_in_mid_epoch_goes_on_with_the_mini_batches_that_are_left(
    inprocess, digits, logged, mode
):
    spec = with_mode(digits, mode)
    stopped = inprocess.run(spec, stop_at=lambda report: Stop.PAUSE if isinstance(report, Started) else None)
    assert 0 < stopped.step < 15
    assert len(logged) == stopped.step
    # Other workers and shards may go on, as they may in sync.
    finished = inprocess.run(with_mode(digits, mode, 2, 3), resume=True)
    assert finished.outcome is Outcome.SUCCEEDED
    assert Counter(logged) == Counter(range(45))
    first = inprocess.told(EpochCompleted)[0]
    assert sum(first.staleness) == 15


class OneSlow(InProcessCrew):
    """One member gets one turn of five."""

    def __init__(self, role, member):
        super().__init__()
        self.slow, self.turns = (role, member), 0

    def _advance(self, key):
        if key == self.slow:
            self.turns += 1
            if self.turns % 5:
                return True
        return super()._advance(key)


def test_a_slow_worker_does_less_and_holds_nobody_up(digits, monkeypatch, tmp_path):
    done = Counter()
    append = Ledger.append

    def noting(ledger, entry):
        done[entry.incarnation] += 1
        append(ledger, entry)

    monkeypatch.setattr(Ledger, "append", noting)
    order = JobOrder("slow", 1, with_mode(digits, ASYNC, workers=2), tmp_path)
    *_, finished = run_job(order, OneSlow(Role.WORKER, 0), SimpleQueue())
    assert isinstance(finished, Finished) and finished.outcome is Outcome.SUCCEEDED
    assert sum(done.values()) == 45
    assert done[1] > 2 * done[0] > 0


@pytest.mark.parametrize("mode", [BOUNDED, ASYNC])
def test_a_gradient_stays_until_the_slowest_shard_has_applied_it(digits, monkeypatch, tmp_path, mode):
    losses = defaultdict(list)
    push = ParameterServerShard.push

    def noting(shard, step, micro_batch, loss, *arrays):
        losses[step].append((loss, arrays[0].tobytes()))
        return push(shard, step, micro_batch, loss, *arrays)

    monkeypatch.setattr(ParameterServerShard, "push", noting)
    order = JobOrder("slow", 1, with_mode(digits, mode), tmp_path)
    *_, finished = run_job(order, OneSlow(Role.PARAMETER_SERVER, 1), SimpleQueue())
    assert isinstance(finished, Finished) and finished.outcome is Outcome.SUCCEEDED
    assert [len(seen) for seen in losses.values()] == [2] * 45
    assert all(len(set(seen)) == 1 for seen in losses.values())


def test_an_update_moves_the_less_the_staler_it_is(inprocess, digits, monkeypatch):
    expected, factors = [], []
    append, apply = Ledger.append, ShardUpdate.apply

    def noting_entry(ledger, entry):
        expected.append(1 / max(1, ledger.logged - entry.version))
        append(ledger, entry)

    def noting_factor(update, step, gradient, norm, scale, factor, *others):
        factors.append(factor)
        apply(update, step, gradient, norm, scale, factor, *others)

    monkeypatch.setattr(Ledger, "append", noting_entry)
    monkeypatch.setattr(ShardUpdate, "apply", noting_factor)
    inprocess.run(with_mode(digits, ASYNC, workers=4, shards=1))
    assert min(expected) < 1
    assert factors == expected


@pytest.mark.parametrize("mode", [BOUNDED, ASYNC])
def test_accuracy_comes_close_to_that_of_sync(inprocess, digits, mode):
    settings = ["training.epochs=12", "cluster.workers=4", "dataset.normalize=standard"]
    longer = digits.with_overrides(settings)
    expected = inprocess.run(longer, job="sync").metrics["accuracy"]
    found = inprocess.run(with_mode(longer, mode, workers=4)).metrics["accuracy"]
    assert found > expected - 0.06
