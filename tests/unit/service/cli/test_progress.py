"""Tests of the picture of a job that its events add up to."""

from __future__ import annotations

from chainrule.service.cli.progress import RECENT_EPOCHS, TrainingProgress, state_sentence, waiting_sentence
from chainrule.service.jobs.events import StateChanged
from chainrule.service.jobs.states import JobState
from chainrule.worker.reports import (
    CrewChanged,
    EpochCompleted,
    MemberJoined,
    MemberLost,
    Progress,
    Role,
    Started,
    StragglerDetected,
)


def test_the_picture_follows_the_latest_report(halfway: TrainingProgress) -> None:
    assert (halfway.epoch, halfway.step, halfway.total_steps) == (13, 555, 1350)
    assert halfway.fraction == 555 / 1350
    assert halfway.metric_names == ["accuracy", "loss"]


def test_before_the_start_nothing_is_claimed() -> None:
    progress = TrainingProgress()
    assert (progress.epoch, progress.step, progress.fraction, progress.metric_names) == (0, 0, 0.0, [])


def test_the_last_step_belongs_to_the_last_epoch(halfway: TrainingProgress) -> None:
    halfway.apply(Progress(1350, 30, 0.01, 20_000.0, 0.0))
    assert (halfway.epoch, halfway.fraction) == (30, 1.0)


def test_a_continued_job_says_where_it_goes_on() -> None:
    started = Started(450, 1350, 45, 30, 8970, 1437, 360, 1, 2)
    assert TrainingProgress().apply(started) == (
        "training on 1 worker, 2 parameter servers: 1,437 training samples, 360 held out, 8,970 parameters; "
        "continues at step 450 of 1,350"
    )


def test_a_repeated_epoch_replaces_the_one_from_before_the_fault(halfway: TrainingProgress) -> None:
    halfway.apply(Started(450, 1350, 45, 30, 8970, 1437, 360, 2, 1))
    halfway.apply(EpochCompleted(11, 495, 0.5, {}, 0.6))
    assert [epoch.epoch for epoch in halfway.epochs[-3:]] == [9, 10, 11]
    assert halfway.epochs[-1].train_loss == 0.5


def test_a_job_of_many_epochs_stays_small() -> None:
    progress = TrainingProgress()
    for epoch in range(1, 1001):
        progress.apply(EpochCompleted(epoch, epoch, 1.0, {}, 0.1))
    assert len(progress.epochs) <= RECENT_EPOCHS + 1
    assert progress.epochs[-1].epoch == 1000


def test_a_lost_worker_is_told_with_what_was_done_about_it(halfway: TrainingProgress) -> None:
    lost = MemberLost(Role.PARAMETER_SERVER, 1, 541, "process died", "restored from the checkpoint")
    assert halfway.apply(lost) == (
        "lost parameter server 1 at step 541: process died; restored from the checkpoint"
    )


def test_changes_of_the_crew_are_told_in_one_line_each(halfway: TrainingProgress) -> None:
    assert halfway.apply(MemberJoined(Role.WORKER, 4, 560, 3.21)) == (
        "worker 4 joined at step 560, 3.21 s after the loss"
    )
    assert halfway.apply(CrewChanged(570, 3, "worker 5 joined")) == (
        "3 workers from step 570 on: worker 5 joined"
    )
    assert halfway.apply(StragglerDetected(2, 580, 0.0123, 0.004)) == (
        "worker 2 is slow at step 580: 12.3 ms a micro-batch, the others take 4.00 ms"
    )


def test_a_state_is_not_named_twice() -> None:
    assert state_sentence(StateChanged(JobState.PAUSED, "paused at step 540")) == "paused at step 540"
    assert state_sentence(StateChanged(JobState.QUEUED, "resumed")) == "queued: resumed"
    assert state_sentence(StateChanged(JobState.SUCCEEDED)) == "succeeded"


def test_the_reason_of_a_failure_is_left_to_the_error_at_the_end() -> None:
    assert state_sentence(StateChanged(JobState.FAILED, "the loss is not finite")) == "failed"


def test_a_running_job_waits_for_nothing() -> None:
    assert waiting_sentence(JobState.RUNNING, 2) == ""
    assert waiting_sentence(JobState.STARTING, 1) == "starting 1 worker"
