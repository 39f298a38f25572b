"""`train`, `resume` and `watch`: follow a job until it rests, then say what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from ...worker.reports import Reason
from ...worker.spec import SpecError
from ..client import Job, ServiceError
from ..jobs.states import JobState
from .connection import Connection, address_of_holder, connect, connect_own, connect_to_train, data_folder
from .display import Display, display_for
from .errors import CommandError, UsageProblem, report
from .exits import ExitStatus, status_of_job
from .follow import follow
from .output import Output
from .progress import TrainingProgress
from .result import Result, result_object, result_pairs
from .signals import Interrupts, StopAtOnce
from .submission import JobFileProblem, Submission
from .validate import weights_pairs
from .wording import command_line

PAUSE_NOTE = "Pausing: a checkpoint is being saved. Ctrl-C again stops at once."


def train_job(
    submission: Submission,
    address: str | None,
    data_dir: Path | None,
    runtime: str,
    save: Path | None,
    output: Output,
) -> int:
    """Submit a job, follow it to its end and keep its model; returns the exit status."""
    spec = submission.load()
    check_target(save)
    with (
        Interrupts().installed() as interrupts,
        connect_to_train(address, data_dir, runtime, output.waiting) as connection,
    ):
        origin = connection.find(submission.continue_from).id if submission.continue_from else None
        with output.waiting("reading the data"):
            try:
                connection.allow_code(spec.model_dump_job())
                job = connection.client.create_job(spec, continue_from=origin)
            except SpecError as error:
                raise JobFileProblem(str(submission.job_file), error) from error
            except ServiceError as error:
                raise submission.blamed(error) from error
        if job.summary is not None:
            output.pairs(weights_pairs(job.summary))
        following = _Following(connection, job, output, interrupts, submission, runtime)
        return following.to_the_end(save)


def resume_job(
    job: str, address: str | None, data_dir: Path | None, runtime: str, save: Path | None, output: Output
) -> int:
    """Go on with a paused job: here, to its end, or on the service that has it, which is only asked to."""
    check_target(save)
    if address is not None or address_of_holder(data_folder(data_dir)) is not None:
        if save is not None:
            raise UsageProblem(
                "--save waits for the end of the job: use `chainrule watch` and `chainrule download`."
            )
        with connect(address, data_dir) as connection:
            resumed = connection.client.resume_job(connection.find(job))
            output.line(f"{resumed.id} goes on.")
            output.pairs([("watch", command_line("watch", resumed.id, *connection.options))])
            output.object({"job": resumed.id, "state": resumed.state})
        return ExitStatus.SUCCEEDED
    with (
        Interrupts().installed() as interrupts,
        connect_own(data_dir, runtime, output.waiting) as connection,
    ):
        paused = connection.find(job)
        connection.allow_code(paused.spec)
        resumed = connection.client.resume_job(paused)
        following = _Following(connection, resumed, output, interrupts, None, runtime)
        return following.to_the_end(save, shown_since=resumed.update_time)


def watch_job(job: str, address: str | None, data_dir: Path | None, output: Output) -> int:
    """Show a job from its first event on; Ctrl-C ends the watching, not the job."""
    with Interrupts().installed() as interrupts, connect(address, data_dir) as connection:
        following = _Following(connection, connection.find(job), output, interrupts, None, "ray")
        return following.as_a_guest()


def check_target(save: Path | None) -> None:
    """Refuse a --save that cannot work before hours of training, not after."""
    if save is not None and not save.is_dir() and not save.absolute().parent.is_dir():
        raise UsageProblem(f"--save {save}: there is no folder {save.absolute().parent}; make it first.")


@dataclass(frozen=True)
class _Following:
    connection: Connection
    job: Job
    output: Output
    interrupts: Interrupts
    submission: Submission | None
    runtime: str

    def to_the_end(self, save: Path | None, shown_since: datetime | None = None) -> int:
        """Follow as the one who started the job: Ctrl-C pauses it."""
        try:
            job = self._follow(self._pause, shown_since)
            assert job is not None
            model = self.connection.model_path(job)
            if save is not None and job.state is JobState.SUCCEEDED:
                model = self.connection.client.download_model(job, save).absolute()
        except StopAtOnce:
            self._say_how_to_go_on()
            raise
        return self._conclude(job, model, saved=save is not None)

    def as_a_guest(self) -> int:
        """Follow without any effect on the job."""
        job = self._follow(lambda display: False, None)
        if job is None:
            current = self.connection.client.get_job(self.job.id)
            self.output.line(f"No longer watching; {current.id} is {current.state.value.lower()}.")
            self.output.object(result_object(Result(current, self.connection.model_path(current))))
            return ExitStatus.INTERRUPTED
        return self._conclude(job, self.connection.model_path(job), saved=False)

    def _follow(self, on_interrupt: Callable[[Display], bool], shown_since: datetime | None) -> Job | None:
        self.output.line(f"job {self.job.id}")
        progress = TrainingProgress()
        workers = self.job.spec.get("cluster", {}).get("workers", 1)
        if isinstance(workers, Mapping):
            workers = workers["min"]
        display = display_for(self.output, self.job.id, progress, workers)
        try:
            return follow(
                self.connection.client,
                self.job.id,
                progress,
                display,
                self.interrupts,
                lambda: on_interrupt(display),
                shown_since,
            )
        finally:
            display.close()

    def _pause(self, display: Display) -> bool:
        display.note(PAUSE_NOTE)
        try:
            self.connection.client.pause_job(self.job)
        except ServiceError as error:
            # The job may have come to its end in the meantime: the watch is about to say so.
            if error.reason != "STATE_CONFLICT":
                raise
        return True

    def _conclude(self, job: Job, model: Path | None, saved: bool) -> int:
        result = Result(job, model, self._next_commands(job, model if saved else None))
        self.output.line()
        self.output.pairs(result_pairs(result))
        if result.next_commands:
            self.output.line()
            self.output.pairs(result.next_commands.items())
        self.output.object(result_object(result))
        if job.error is not None:
            failure = CommandError(f"{job.id} failed ({job.error.reason}): {job.error.message}")
            report(failure, json_mode=self.output.json_mode)
        return status_of_job(job.state.value)

    def _next_commands(self, job: Job, model: Path | None) -> dict[str, str]:
        options = self.connection.options
        commands: dict[str, Sequence[str]] = {}
        if job.state is JobState.PAUSED:
            commands["resume"] = ["resume", job.id, *options, *self._runtime_words()]
        elif self.submission is not None:
            again = [*options, *self._runtime_words()]
            commands["repeat"] = self.submission.words(*again)
            if job.checkpoint_step is not None and not (job.error and job.error.reason == Reason.DIVERGED):
                longer = [f"training.epochs={2 * job.spec['training']['epochs']}"]
                changes = longer if job.state is JobState.SUCCEEDED else []
                commands["continue"] = self.submission.words(*again, continue_from=job.id, changes=changes)
        if job.state is JobState.SUCCEEDED:
            allowing = ["--allow-code"] if isinstance(job.spec["model"], dict) else []
            if model is not None:
                commands["use"] = ["predict", str(model), "INPUTS", *allowing]
            else:
                commands["use"] = ["predict", job.id, "INPUTS", *allowing, *options]
        return {purpose: command_line(*words) for purpose, words in commands.items()}

    def _runtime_words(self) -> list[str]:
        return ["--runtime", self.runtime] if self.connection.own and self.runtime != "ray" else []

    def _say_how_to_go_on(self) -> None:
        job = replace(self.job, state=JobState.PAUSED)
        result = Result(job, next_commands=self._next_commands(job, None))
        if self.connection.own:
            self.output.line("Stopped at once; the job can go on from its last checkpoint.")
        else:
            self.output.line("No longer watching; the job was asked to pause.")
        self.output.pairs((result.next_commands or {}).items())
        self.output.object({**result_object(result), "state": "INTERRUPTED"})
