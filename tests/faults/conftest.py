"""Running small jobs with faults put in, and what they should come to."""

from __future__ import annotations

from pathlib import Path

import pytest

from chainrule.worker.reports import Finished, Report
from chainrule.worker.runtime import JobOrder
from chainrule.worker.runtime.inprocess import InProcessRuntime
from chainrule.worker.spec import JobSpec, parse_spec

DIGITS = {
    "dataset": {"source": "digits"},
    "model": [{"linear": {"units": 16}}, "relu", {"dropout": {"rate": 0.2}}, {"linear": {"units": 10}}],
    "loss": "softmax_cross_entropy",
    "metrics": ["accuracy"],
    "optimizer": {"adam": {"learning_rate": 0.01}},
    "training": {"epochs": 3, "batch_size": 100, "seed": 7},
    "cluster": {"workers": 2, "parameter_servers": 2},
}
"""Fifteen steps an epoch, the last mini-batch of each with 38 samples; dropout, so that keyed numbers
matter too."""


@pytest.fixture
def digits() -> JobSpec:
    """A job that trains in a fraction of a second."""
    return parse_spec(DIGITS)


class InProcess:
    """Runs jobs in this process and keeps what they told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.reports: list[Report] = []

    def run(
        self, spec: JobSpec, *, job: str = "job", resume: bool = False, stop_at=None, continue_from=None
    ) -> Finished:
        """Train to the end; `stop_at(report)` may return how to stop once a report came."""
        folder = self.folder / job
        folder.mkdir(exist_ok=True)
        execution = InProcessRuntime().execute(JobOrder(job, 1, spec, folder, resume, continue_from))
        self.reports = []
        for report in execution.reports():
            self.reports.append(report)
            how = stop_at(report) if stop_at else None
            if how is not None:
                execution.stop(how)
        finished = self.reports[-1]
        assert isinstance(finished, Finished)
        return finished

    def told(self, kind: type) -> list:
        """The reports of one kind, in order."""
        return [report for report in self.reports if isinstance(report, kind)]


@pytest.fixture
def inprocess(tmp_path: Path) -> InProcess:
    """A place to run jobs in this process."""
    return InProcess(tmp_path)


@pytest.fixture
def undisturbed(digits: JobSpec, inprocess: InProcess) -> Finished:
    """How the job ends when nothing goes wrong."""
    return inprocess.run(digits, job="undisturbed")
