"""In `sync`, weights and optimizer state are the same bytes whatever the workers, shards, stops and
faults."""

from __future__ import annotations

import itertools
from queue import SimpleQueue

import pytest

from chainrule.worker import faults
from chainrule.worker.job import run_job
from chainrule.worker.reports import (
    CheckpointSaved,
    EpochCompleted,
    Finished,
    MemberLost,
    Outcome,
    Reason,
    Started,
)
from chainrule.worker.runtime import JobOrder, Stop
from chainrule.worker.runtime.inprocess import InProcessCrew, MemberKilled


def with_cluster(spec, workers, parameter_servers):
    return spec.with_overrides(
        [f"cluster.workers={workers}", f"cluster.parameter_servers={parameter_servers}"]
    )


@pytest.mark.parametrize(("workers", "shards"), [(1, 1), (2, 1), (3, 3), (4, 7)])
def test_the_digest_does_not_depend_on_workers_or_shards(inprocess, digits, undisturbed, workers, shards):
    finished = inprocess.run(with_cluster(digits, workers, shards))
    assert finished.outcome is Outcome.SUCCEEDED
    assert finished.digest == undisturbed.digest
    assert finished.metrics == undisturbed.metrics


@pytest.mark.parametrize(
    "change",
    [
        "training.seed=8",
        "training.micro_batches=5",
        "optimizer.adam.learning_rate=0.02",
        "training.shuffle=false",
    ],
)
def test_the_digest_does_depend_on_what_changes_the_result(inprocess, digits, undisturbed, change):
    assert inprocess.run(digits.with_overrides([change])).digest != undisturbed.digest


class Killer:
    """Ends the member that reaches a named point, at the first visit for each of the given steps."""

    def __init__(self, point, steps):
        self.point, self.steps = point, set(steps)

    def __call__(self, point, step):
        if point == self.point and step in self.steps:
            self.steps.remove(step)
            raise MemberKilled(f"killed at {point} of step {step}")


def test_a_worker_that_dies_again_and_again_ends_the_job_with_a_typed_report(inprocess, digits):
    def always(point, step):
        if point == "worker.before_compute" and step == 5:
            raise MemberKilled("killed")

    with faults.injected(always):
        finished = inprocess.run(digits.with_overrides(["cluster.restarts=2"]))
    assert (finished.outcome, finished.reason) == (Outcome.FAILED, Reason.WORKERS_LOST)
    assert "at step 5" in (finished.message or "")


def test_an_unexpected_error_in_a_worker_ends_the_job_with_its_message(inprocess, digits):
    def bug(point, step):
        if point == "worker.before_compute" and step == 3:
            raise RuntimeError("a bug")

    with faults.injected(bug):
        finished = inprocess.run(digits)
    assert (finished.outcome, finished.reason) == (Outcome.FAILED, Reason.INTERNAL)
    assert "a bug" in (finished.message or "")


def at_epoch(epoch, how):
    return lambda report: how if isinstance(report, EpochCompleted) and report.epoch == epoch else None


@pytest.mark.parametrize("how", [Stop.PAUSE, Stop.CANCEL])
def test_a_job_that_was_stopped_and_continued_ends_in_the_same_bytes(inprocess, digits, undisturbed, how):
    stopped = inprocess.run(digits, stop_at=at_epoch(1, how))
    assert stopped.outcome is (Outcome.PAUSED if how is Stop.PAUSE else Outcome.CANCELLED)
    assert stopped.checkpoint_step == stopped.step
    assert 15 <= stopped.step < 45
    finished = inprocess.run(digits, resume=True)
    assert inprocess.told(Started)[0].step == stopped.step
    assert (finished.digest, finished.metrics) == (undisturbed.digest, undisturbed.metrics)


def test_a_job_stopped_in_mid_epoch_reports_that_epoch_as_if_it_had_not_been(inprocess, digits):
    inprocess.run(digits, job="whole")
    whole = inprocess.told(EpochCompleted)
    stopped = inprocess.run(
        digits, stop_at=lambda report: Stop.PAUSE if isinstance(report, Started) else None
    )
    assert 0 < stopped.step < 15
    inprocess.run(digits, resume=True)
    assert [e.train_loss for e in inprocess.told(EpochCompleted)] == [e.train_loss for e in whole]


def test_another_number_of_workers_may_continue_a_job(inprocess, digits, undisturbed):
    inprocess.run(digits, stop_at=at_epoch(2, Stop.PAUSE))
    finished = inprocess.run(with_cluster(digits, 4, 3), resume=True)
    assert finished.digest == undisturbed.digest


def test_a_killed_execution_goes_on_from_its_last_checkpoint(inprocess, digits, undisturbed):
    killed = inprocess.run(
        digits,
        stop_at=lambda report: (
            Stop.KILL if isinstance(report, CheckpointSaved) and report.epoch == 2 else None
        ),
    )
    assert (killed.outcome, killed.checkpoint_step) == (Outcome.CANCELLED, 30)
    assert inprocess.run(digits, resume=True).digest == undisturbed.digest


def test_more_epochs_continue_a_finished_job_as_if_they_had_been_asked_for_at_once(
    inprocess, digits, undisturbed
):
    inprocess.run(digits.with_overrides(["training.epochs=2"]), job="first")
    finished = inprocess.run(digits, job="second", continue_from=inprocess.folder / "first")
    assert inprocess.told(Started)[0].step == 30
    assert finished.digest == undisturbed.digest


def test_early_stopping_survives_a_stop_with_its_best_weights(inprocess, digits):
    rule = "training.early_stopping={metric: accuracy, patience: 2}"
    spec = digits.with_overrides(["training.epochs=40", rule])
    whole = inprocess.run(spec, job="whole")
    assert whole.stopped_early and whole.epoch < 40
    stopped = inprocess.run(spec, stop_at=at_epoch(whole.epoch - 2, Stop.PAUSE))
    assert stopped.outcome is Outcome.PAUSED
    finished = inprocess.run(spec, resume=True)
    assert (finished.digest, finished.epoch) == (whole.digest, whole.epoch)


def test_a_replacement_does_not_repeat_an_evaluation_that_is_over(inprocess, digits):
    killer, evaluated = Killer("worker.before_compute", {20}), []

    def hook(point, step):
        killer(point, step)
        if point == "worker.before_evaluate":
            evaluated.append(step)

    with faults.injected(hook):
        inprocess.run(with_cluster(digits, 1, 1))
    assert evaluated == [15, 30, 45]


class OneAtATime(InProcessCrew):
    """Members that finish one piece of work between two looks at the board."""

    def wait(self, seen):
        assert self._board is not None
        for member in self.members.values():
            self._board.beat(member.bell)
        for key in list(self.members):
            if self._advance(key):
                break
        events, self._events = self._events, []
        return events


def test_a_step_may_take_longer_than_its_members_may_be_silent(digits, undisturbed, tmp_path):
    """By this clock each piece of work takes 120 seconds, and a step has four and its updates."""
    seconds = itertools.count(step=40)
    order = JobOrder("slow", 1, digits, tmp_path)
    slow = list(run_job(order, OneAtATime(), SimpleQueue(), clock=lambda: float(next(seconds))))
    assert [report for report in slow if isinstance(report, MemberLost)] == []
    assert isinstance(slow[-1], Finished) and slow[-1].digest == undisturbed.digest
