"""With compressed gradients too, a job ends in the same bytes on any cluster, after stops and deaths."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.worker import faults
from chainrule.worker.checkpoint import read_newest_checkpoint
from chainrule.worker.exchange.board import BoardShape
from chainrule.worker.reports import MemberLost, Outcome, Reason, Started
from chainrule.worker.runtime import Stop
from chainrule.worker.runtime.inprocess import MemberKilled

METHODS = [
    "fp16", "bf16", "int8", "{top_k: {fraction: 0.1}}", "{random_k: {fraction: 0.2}}", "one_bit",
    "{power_sgd: {rank: 1}}",
]  # fmt: skip


@pytest.fixture
def digits(digits):
    """Two epochs of fifteen steps; dropout, and micro-batches of unequal sizes."""
    return digits.with_overrides(["training.epochs=2"])


def with_cluster(spec, workers, shards):
    return spec.with_overrides([f"cluster.workers={workers}", f"cluster.parameter_servers={shards}"])


@pytest.mark.parametrize("method", METHODS)
def test_workers_shards_and_deaths_change_no_byte(inprocess, digits, method):
    digits = digits.with_overrides([f"training.compression={method}"])
    whole = inprocess.run(with_cluster(digits, 1, 1), job="whole")
    assert whole.outcome is Outcome.SUCCEEDED
    for workers, shards in [(2, 1), (3, 2), (1, 2)]:
        assert inprocess.run(with_cluster(digits, workers, shards)).digest == whole.digest
    points = [
        "worker.before_compute",
        "worker.before_publish",
        "worker.after_publish",
        "shard.before_publish",
    ]
    deaths = {(point, step) for point in points for step in (0, 7, 14, 15, 28)}

    def kill(point, step):
        if (point, step) in deaths:
            deaths.remove((point, step))
            raise MemberKilled("killed")

    with faults.injected(kill):
        finished = inprocess.run(with_cluster(digits, 3, 2), job="killed")
    assert not deaths and len(inprocess.told(MemberLost)) == 20
    assert (finished.digest, finished.metrics) == (whole.digest, whole.metrics)


def test_each_method_leads_to_weights_of_its_own(inprocess, digits):
    jobs = ["none", *METHODS]
    digests = [
        inprocess.run(digits.with_overrides([f"training.compression={method}"]), job=str(number)).digest
        for number, method in enumerate(jobs)
    ]
    assert len(set(digests)) == len(jobs)


def test_a_stop_in_mid_epoch_keeps_what_was_left_out(inprocess, digits):
    digits = digits.with_overrides(["training.compression=one_bit"])
    whole = inprocess.run(digits, job="whole")
    stopped = inprocess.run(
        digits, stop_at=lambda report: Stop.PAUSE if isinstance(report, Started) else None
    )
    assert 0 < stopped.step < 15
    checkpoint = read_newest_checkpoint(inprocess.folder / "job")
    assert checkpoint is not None and checkpoint.residuals is not None
    assert inprocess.run(with_cluster(digits, 3, 2), resume=True).digest == whole.digest


def test_a_checkpoint_at_the_end_of_an_epoch_holds_nothing_left_out_and_continues_exactly(inprocess, digits):
    digits = digits.with_overrides(["training.compression=one_bit"])
    whole = inprocess.run(digits, job="whole")
    inprocess.run(digits.with_overrides(["training.epochs=1"]), job="first")
    checkpoint = read_newest_checkpoint(inprocess.folder / "first")
    assert checkpoint is not None and checkpoint.residuals is None
    finished = inprocess.run(digits, job="second", continue_from=inprocess.folder / "first")
    assert finished.digest == whole.digest


def test_a_scaled_gradient_that_overflows_leaves_the_residuals_as_they_are(inprocess, digits):
    scaled = ["training.precision=float16", "training.loss_scale={initial: 1.0e+9, interval: 5}"]
    digits = digits.with_overrides(["training.compression={top_k: {fraction: 0.1}}", *scaled])
    whole = inprocess.run(with_cluster(digits, 1, 1), job="whole")
    assert whole.outcome is Outcome.SUCCEEDED
    assert whole.metrics["accuracy"] > 0.3
    stopped = inprocess.run(
        digits, stop_at=lambda report: Stop.PAUSE if isinstance(report, Started) else None
    )
    checkpoint = read_newest_checkpoint(inprocess.folder / "job")
    assert stopped.step < 15
    assert checkpoint is not None and checkpoint.loss_scale[0] < 1e9
    assert checkpoint.residuals is None or np.isfinite(checkpoint.residuals).all()
    assert inprocess.run(with_cluster(digits, 3, 2), resume=True).digest == whole.digest


def test_divergence_is_noticed_behind_any_compression(inprocess, digits):
    for method in METHODS:
        changes = [f"training.compression={method}", "optimizer={sgd: {learning_rate: 1.0e+30}}"]
        finished = inprocess.run(digits.with_overrides(changes))
        assert (finished.outcome, finished.reason) == (Outcome.FAILED, Reason.DIVERGED), method


def test_without_compression_neither_board_nor_desk_grows():
    shape = BoardShape(1600, 2, 1, 2, 4, 1, 1)
    assert shape.board_fields()["residuals"][1] == (2, 4, 0)
    assert shape.desk_fields()["residuals"][1] == shape.desk_fields()["payloads"][1] == (4, 0)
