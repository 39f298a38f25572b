"""What happened to a job: reports of its processes and changes of its state, numbered from 1 without gaps."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from ...worker.reports import Report, report_from_dict, report_to_dict
from .states import JobState


@dataclass(frozen=True)
class StateChanged:
    """The job has a new state; `reason` names the kind of failure where it is FAILED."""

    state: JobState
    message: str = ""
    reason: str | None = None


Happening = Report | StateChanged


@dataclass(frozen=True)
class Event:
    """One numbered happening. The last one of a job is always its StateChanged to a terminal state."""

    sequence: int
    time: datetime
    report: Happening

    @property
    def terminal(self) -> bool:
        """Whether no further event can follow."""
        return isinstance(self.report, StateChanged) and self.report.state.terminal


def happening_to_json(happening: Happening) -> str:
    """The stored form."""
    if isinstance(happening, StateChanged):
        fields = {"state": happening.state.value, "message": happening.message, "reason": happening.reason}
        return json.dumps({"type": "state_changed", **fields})
    return json.dumps(report_to_dict(happening))


def happening_from_json(text: str) -> Happening:
    """The inverse of `happening_to_json`; raises KeyError for a kind that this version does not know."""
    fields = json.loads(text)
    if fields["type"] == "state_changed":
        return StateChanged(JobState(fields["state"]), fields["message"], fields["reason"])
    return report_from_dict(fields)
