"""The end of a job that its coordinator does not get to tell."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from .checkpoint import checkpoint_steps
from .reports import Finished, Outcome, Reason, Report


@dataclass
class LastReported:
    """The newest of what was reported of a job in `folder`."""

    folder: Path
    step: int = 0
    epoch: int = 0
    metrics: dict[str, float] = field(default_factory=dict)

    def note(self, report: Report) -> None:
        """Take a report in."""
        self.step = getattr(report, "step", self.step)
        self.epoch = getattr(report, "epoch", self.epoch)
        self.metrics = getattr(report, "metrics", self.metrics)

    def finished(self, outcome: Outcome, reason: Reason | None, message: str) -> Finished:
        """The last report of the job."""
        steps: list[int] = []
        with suppress(OSError):  # a folder that cannot be read may be what ended the job
            steps = checkpoint_steps(self.folder)
        return Finished(
            outcome,
            self.step,
            self.epoch,
            self.metrics,
            checkpoint_step=steps[-1] if steps else None,
            reason=reason,
            message=message,
        )
