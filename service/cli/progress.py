"""What is known of a job while it is watched: events go in, every display reads the same picture."""

from __future__ import annotations

from dataclasses import dataclass, field

from ...worker.reports import (
    CheckpointSaved,
    CrewChanged,
    EpochCompleted,
    Finished,
    MemberJoined,
    MemberLost,
    Progress,
    Report,
    Started,
    StragglerDetected,
)
from ...worker.staleness import mean_and_maximum
from ..jobs.events import StateChanged
from ..jobs.states import JobState
from .wording import count, member_name, span

RECENT_EPOCHS = 200


@dataclass
class TrainingProgress:
    """The picture so far: `epochs` holds the most recent ones only, so that long jobs stay small."""

    state: JobState | None = None
    started: Started | None = None
    latest: Progress | None = None
    epochs: list[EpochCompleted] = field(default_factory=list)
    checkpoint_step: int | None = None
    finished: Finished | None = None

    def apply(self, report: Report | StateChanged) -> str | None:
        """Take one report in; returns a sentence where it is something to be read in any display."""
        if isinstance(report, StateChanged):
            self.state = report.state
            return None
        if isinstance(report, Started):
            self.started = report
            self.latest = None
            self.finished = None
            return _started_sentence(report)
        if isinstance(report, Progress):
            self.latest = report
        elif isinstance(report, EpochCompleted):
            self.epochs = [*(e for e in self.epochs[-RECENT_EPOCHS:] if e.epoch < report.epoch), report]
        elif isinstance(report, CheckpointSaved):
            self.checkpoint_step = report.step
        elif isinstance(report, MemberLost):
            what = member_name(report.kind.value, report.member)
            return f"lost {what} at step {report.step}: {report.reason}; {report.action}"
        elif isinstance(report, MemberJoined):
            what = member_name(report.kind.value, report.member)
            return f"{what} joined at step {report.step}, {span(report.seconds)} after the loss"
        elif isinstance(report, CrewChanged):
            return f"{count(report.workers, 'worker')} from step {report.step} on: {report.reason}"
        elif isinstance(report, StragglerDetected):
            return (
                f"worker {report.member} is slow at step {report.step}: {span(report.seconds)} "
                f"a micro-batch, the others take {span(report.median_seconds)}"
            )
        elif isinstance(report, Finished):
            self.finished = report
        return None

    @property
    def total_epochs(self) -> int:
        return self.started.epochs if self.started else 0

    @property
    def total_steps(self) -> int:
        return self.started.total_steps if self.started else 0

    @property
    def step(self) -> int:
        """Steps done, from whichever report was last."""
        steps = [self.started.step if self.started else 0]
        if self.latest:
            steps.append(self.latest.step)
        if self.epochs:
            steps.append(self.epochs[-1].step)
        return max(steps)

    @property
    def epoch(self) -> int:
        """The epoch in progress, from 1 (the last one when all are done)."""
        if self.started is None or self.started.steps_per_epoch < 1:
            return 0
        return min(self.step // self.started.steps_per_epoch + 1, self.started.epochs)

    @property
    def fraction(self) -> float:
        """The part of the job's steps that is done, 0 to 1."""
        return min(1.0, self.step / self.total_steps) if self.total_steps else 0.0

    @property
    def metric_names(self) -> list[str]:
        """The held-out metrics of the last epoch, the job's own first, the loss last."""
        names = list(self.epochs[-1].metrics) if self.epochs else []
        return [name for name in names if name != "loss"] + [name for name in names if name == "loss"]


def state_sentence(changed: StateChanged) -> str:
    """A change of state in words; why a job failed is told once, as an error, when it is over."""
    state = changed.state.value.lower()
    if not changed.message or changed.state is JobState.FAILED:
        return state
    return changed.message if changed.message.startswith(state) else f"{state}: {changed.message}"


def waiting_sentence(state: JobState | None, workers: int) -> str:
    """What is being waited for in a state; empty where the steps speak for themselves."""
    if state is JobState.QUEUED:
        return "waiting for its turn"
    if state is JobState.STARTING:
        return f"starting {count(workers, 'worker')}"
    if state is JobState.PAUSING:
        return "saving a checkpoint to pause"
    if state is JobState.CANCELLING:
        return "saving a checkpoint to cancel"
    return ""


def staleness_words(counts: tuple[int, ...]) -> str:
    """`1.2 (at most 4)`: of an epoch's updates; empty where there is none."""
    if not counts:
        return ""
    mean, most = mean_and_maximum(counts)
    return f"{mean:.1f} (at most {most})"


def _started_sentence(report: Started) -> str:
    members = f"{count(report.workers, 'worker')}, {count(report.parameter_servers, 'parameter server')}"
    samples = count(report.train_samples, "training sample")
    if report.test_samples:
        samples += f", {report.test_samples:,} held out"
    sentence = f"training on {members}: {samples}, {count(report.parameters, 'parameter')}"
    if report.step:
        sentence += f"; continues at step {report.step:,} of {report.total_steps:,}"
    return sentence
