"""Tests of progress in a pipe or a log file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timezone

from chainrule.service.cli.plain import SECONDS_OF_SILENCE, PlainDisplay
from chainrule.service.cli.progress import TrainingProgress
from chainrule.service.jobs.events import Event
from chainrule.worker.reports import EpochCompleted, Progress, Started

Events = Callable[[int, float], list[Event]]


def shown(events: Sequence[Event]) -> list[str]:
    lines: list[str] = []
    display, progress = PlainDisplay(lines.append), TrainingProgress()
    for event in events:
        display.event(progress, event, progress.apply(event.report))
    display.close()
    return lines


def test_a_short_job_is_told_line_by_line(short_job: Events) -> None:
    assert shown(short_job(2, 1.0)) == [
        "queued: waiting for its turn",
        "starting",
        "training on 2 workers, 1 parameter server: 1,437 training samples, 360 held out, 8,970 parameters",
        "epoch  1/30  loss 1.910  held out: accuracy 0.6000, loss 1.200  21,400 samples/s  0:29 left",
        "epoch  2/30  loss 0.9550  held out: accuracy 0.8000, loss 0.6000  21,400 samples/s  0:28 left",
        "succeeded: training is complete",
    ]


def test_epochs_that_follow_fast_do_not_flood_a_log_and_the_last_one_is_there(short_job: Events) -> None:
    lines = [line for line in shown(short_job(1000, 0.01)) if line.startswith("epoch")]
    assert len(lines) <= 21
    assert lines[-1].startswith("epoch 1000/30")


def test_a_long_job_writes_less_often_than_a_short_one(short_job: Events) -> None:
    lines = [line for line in shown(short_job(5000, 1.0)) if line.startswith("epoch")]
    assert len(lines) < 600


def test_no_line_holds_a_control_character(short_job: Events) -> None:
    assert all(line.isprintable() for line in shown(short_job(5, 1.0)))


def test_a_job_without_held_out_samples_shows_its_loss_alone() -> None:
    epoch = Event(1, datetime(2026, 1, 1, tzinfo=timezone.utc), EpochCompleted(1, 45, 0.5, {}, 0.6))
    assert shown([epoch]) == ["epoch 1/?  loss 0.5000"]


def test_an_epoch_says_how_stale_its_updates_were() -> None:
    epoch = EpochCompleted(1, 45, 0.5, {}, 0.6, staleness=(10, 20, 0, 15))
    line = shown([Event(1, datetime(2026, 1, 1, tzinfo=timezone.utc), epoch)])
    assert line == ["epoch 1/?  loss 0.5000  staleness 1.4 (at most 3)"]


def test_waiting_for_samples_is_shown_where_it_is_worth_a_word() -> None:
    reports = [EpochCompleted(1, 45, 0.5, {}, 0.6, input_idle_fraction=idle) for idle in (0.009, 0.24)]
    lines = [shown([Event(1, datetime(2026, 1, 1, tzinfo=timezone.utc), report)]) for report in reports]
    plain = "epoch 1/?  loss 0.5000"
    assert lines == [[plain], [f"{plain}  waited for samples 24% of the time"]]


def test_a_long_epoch_gives_a_sign_of_life() -> None:
    lines: list[str] = []
    now = 0.0
    display, progress = PlainDisplay(lines.append, clock=lambda: now), TrainingProgress()
    progress.apply(Started(0, 1350, 45, 30, 8970, 1437, 360, 2, 1))
    progress.apply(Progress(3, 1, 2.25, 1_200.0, 3_600.0))
    now = SECONDS_OF_SILENCE - 1
    display.tick(progress)
    assert lines == []
    now = SECONDS_OF_SILENCE
    display.tick(progress)
    display.tick(progress)
    assert lines == ["epoch 1/30  step 3/1,350  loss 2.250  1,200 samples/s  1:00:00 left"]
