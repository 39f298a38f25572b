"""A short job as the events that a watch of it brings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone

import pytest

from chainrule.service.cli.progress import TrainingProgress
from chainrule.service.jobs.events import Event, Happening, StateChanged
from chainrule.service.jobs.states import JobState
from chainrule.worker.reports import EpochCompleted, Progress, Started

BEGIN = datetime(2026, 1, 1, tzinfo=timezone.utc)
STARTED = Started(
    step=0,
    total_steps=1350,
    steps_per_epoch=45,
    epochs=30,
    parameters=8970,
    train_samples=1437,
    test_samples=360,
    workers=2,
    parameter_servers=1,
)


def timed(happenings: Sequence[Happening], seconds_apart: float) -> list[Event]:
    """The happenings as numbered events, so many seconds after each other."""
    return [
        Event(number + 1, BEGIN + timedelta(seconds=number * seconds_apart), happening)
        for number, happening in enumerate(happenings)
    ]


def epochs(first: int, last: int) -> list[Happening]:
    """Progress and completion of the epochs from `first` to `last`."""
    happenings: list[Happening] = []
    for epoch in range(first, last + 1):
        happenings.append(Progress(45 * epoch - 5, epoch, 1.9 / epoch, 21_400.0, 30.0 - epoch))
        metrics = {"loss": 1.2 / epoch, "accuracy": 1 - 0.4 / epoch}
        happenings.append(EpochCompleted(epoch, 45 * epoch, 1.91 / epoch, metrics, 0.6))
    return happenings


def beginning() -> list[Happening]:
    """From the queue to the first step."""
    states = [StateChanged(JobState.QUEUED, "waiting for its turn"), StateChanged(JobState.STARTING)]
    return [*states, STARTED, StateChanged(JobState.RUNNING)]


@pytest.fixture
def halfway() -> TrainingProgress:
    """A job in its thirteenth epoch of thirty."""
    progress = TrainingProgress()
    for happening in [*beginning(), *epochs(1, 12), Progress(555, 13, 0.0612, 20_412.0, 12.0)]:
        progress.apply(happening)
    return progress


@pytest.fixture
def short_job() -> Callable[[int, float], list[Event]]:
    """A function: the events of a job from the queue to its end, so many epochs, so many seconds apart."""

    def events(last_epoch: int, seconds_apart: float) -> list[Event]:
        end = StateChanged(JobState.SUCCEEDED, "training is complete")
        return timed([*beginning(), *epochs(1, last_epoch), end], seconds_apart)

    return events
