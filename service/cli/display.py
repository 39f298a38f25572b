"""The ways to show a job while it runs: moving on a terminal, lines in a pipe, JSON for programs."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol

from ...worker.reports import Progress, report_to_dict
from ..jobs.events import Event, StateChanged
from .output import Output
from .plain import PlainDisplay
from .progress import TrainingProgress

BETWEEN_PROGRESS_OBJECTS = timedelta(seconds=1)


class Display(Protocol):
    """Shows events; `sentence` is what every reader should see of one, in words."""

    def event(self, progress: TrainingProgress, event: Event, sentence: str | None) -> None: ...

    def note(self, sentence: str) -> None: ...

    def tick(self, progress: TrainingProgress) -> None: ...

    def close(self) -> None: ...


class JsonDisplay:
    """One object an event; of progress, one for each second of the job at most."""

    def __init__(self, output: Output, job: str) -> None:
        self._output = output
        self._job = job
        self._last_progress: datetime | None = None

    def event(self, progress: TrainingProgress, event: Event, sentence: str | None) -> None:
        if isinstance(event.report, Progress):
            if (
                self._last_progress is not None
                and event.time - self._last_progress < BETWEEN_PROGRESS_OBJECTS
            ):
                return
            self._last_progress = event.time
        self._output.object(event_object(self._job, event))

    def note(self, sentence: str) -> None:
        """Nothing: JSON readers get events only."""

    def tick(self, progress: TrainingProgress) -> None:
        """Nothing: there is no picture to keep up to date."""

    def close(self) -> None:
        """Nothing: every object has been written already."""


def event_object(job: str, event: Event) -> dict[str, object]:
    """An event as JSON: what happened under "type", and to which job, when, as which event."""
    content = event.report
    if isinstance(content, StateChanged):
        fields: dict[str, object] = {
            "type": "state_changed",
            "state": content.state,
            "message": content.message,
        }
    else:
        fields = report_to_dict(content)
    head = {
        "type": fields.pop("type"),
        "job": job,
        "sequence": event.sequence,
        "time": event.time.isoformat(),
    }
    return {**head, **fields}


def display_for(output: Output, job: str, progress: TrainingProgress, workers: int) -> Display:
    """The display that suits where the output goes."""
    if output.json_mode:
        return JsonDisplay(output, job)
    if output.live:
        from .live import LiveDisplay

        return LiveDisplay(output.console, progress, workers)
    return PlainDisplay(output.line)
