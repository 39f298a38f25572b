"""Progress for a pipe or a log file: whole lines, fewer as time goes by, and a sign of life."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from ...worker.reports import EpochCompleted, Progress
from ..jobs.events import Event, StateChanged
from ..jobs.states import JobState
from .progress import TrainingProgress, staleness_words, state_sentence
from .wording import duration, significant, waited_for_samples

BETWEEN_EPOCHS = timedelta(seconds=1)
PART_OF_THE_TIME = 0.01
SECONDS_OF_SILENCE = 30.0


class PlainDisplay:
    """Writes what happens through `write`; where epochs come too fast, one stands for those before it.

    Between two of them lies a second, later a hundredth of the time so far, but never more than half a
    minute. That is counted in the events' own times: a past job is told as it was when it ran.
    """

    def __init__(self, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._write = write
        self._clock = clock
        self._last_line = clock()
        self._first_event: datetime | None = None
        self._last_epoch: datetime | None = None
        self._waiting: tuple[str, datetime] | None = None

    def event(self, progress: TrainingProgress, event: Event, sentence: str | None) -> None:
        content = event.report
        self._first_event = self._first_event or event.time
        if isinstance(content, StateChanged):
            if content.state is not JobState.RUNNING:
                self.note(state_sentence(content))
        elif sentence is not None:
            self.note(sentence)
        elif isinstance(content, EpochCompleted):
            self._waiting = (epoch_line(progress, content), event.time)
            gap = (event.time - self._first_event) * PART_OF_THE_TIME
            gap = min(max(gap, BETWEEN_EPOCHS), timedelta(seconds=SECONDS_OF_SILENCE))
            if self._last_epoch is None or event.time - self._last_epoch >= gap:
                self._flush()

    def note(self, sentence: str) -> None:
        self._flush()
        self._put(sentence)

    def tick(self, progress: TrainingProgress) -> None:
        silence = self._clock() - self._last_line
        if silence < SECONDS_OF_SILENCE:
            return
        if self._waiting is not None:
            self._flush()
        elif progress.latest is not None:
            self._put(progress_line(progress, progress.latest))

    def close(self) -> None:
        self._flush()

    def _flush(self) -> None:
        if self._waiting is not None:
            (line, self._last_epoch), self._waiting = self._waiting, None
            self._put(line)

    def _put(self, line: str) -> None:
        self._last_line = self._clock()
        self._write(line)


def epoch_line(progress: TrainingProgress, epoch: EpochCompleted) -> str:
    """`epoch 12/30  loss 0.0601  held out: accuracy 0.9611, loss 0.1250  21,400 samples/s  0:12 left`."""
    total = str(progress.total_epochs or "?")
    parts = [f"epoch {epoch.epoch:>{len(total)}}/{total}", f"loss {significant(epoch.train_loss)}"]
    held_out = [f"{name} {significant(epoch.metrics[name])}" for name in progress.metric_names]
    if held_out:
        parts.append("held out: " + ", ".join(held_out))
    if epoch.staleness:
        parts.append(f"staleness {staleness_words(epoch.staleness)}")
    if progress.latest is not None:
        parts += _speed(progress.latest)
    if (waiting := waited_for_samples(epoch.input_idle_fraction)) is not None:
        parts.append(waiting)
    return "  ".join(parts)


def progress_line(progress: TrainingProgress, latest: Progress) -> str:
    """`epoch 12/30  step 540/1,350  loss 0.0612  21,400 samples/s  0:12 left`."""
    parts = [
        f"epoch {latest.epoch}/{progress.total_epochs or '?'}",
        f"step {progress.step:,}/{progress.total_steps:,}",
        f"loss {significant(latest.loss)}",
    ]
    return "  ".join([*parts, *_speed(latest)])


def _speed(latest: Progress) -> list[str]:
    return [f"{latest.samples_per_second:,.0f} samples/s", f"{duration(latest.remaining_seconds)} left"]
