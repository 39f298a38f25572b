"""A job file with the changes made to it on the command line, and the words that say the same thing again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...core.errors import ChainruleError
from ...worker.spec import JobSpec, SpecError, load_spec
from ..client_errors import ServiceError
from .errors import CommandError, status_of_error


class JobFileProblem(CommandError):
    """A job file, or a change to it, that cannot be used."""

    def __init__(self, place: str, error: ChainruleError) -> None:
        message = str(error)
        super().__init__(message if place in message else f"{place}: {message}", status_of_error(error))
        self.error = error


@dataclass(frozen=True)
class Submission:
    """What `train`, `submit` and `validate` are asked to run."""

    job_file: Path
    changes: tuple[str, ...] = ()
    workers: int | None = None
    name: str | None = None
    continue_from: str | None = None

    def load(self) -> JobSpec:
        """The description; relative paths in the file count from its folder, those in changes from here."""
        try:
            spec = load_spec(self.job_file)
        except SpecError as error:
            raise JobFileProblem(str(self.job_file), error) from error
        changes = list(self.changes)
        if self.workers is not None:
            changes.append(f"cluster.workers={self.workers}")
        if self.name is not None:
            changes.append(f"name={self.name}")
        if not changes:
            return spec
        try:
            changed = spec.with_overrides(changes)
        except SpecError as error:
            raise JobFileProblem(f"{self.job_file} with the changes of the command line", error) from error
        return changed.with_paths_relative_to(Path.cwd())

    def blamed(self, error: ServiceError) -> ServiceError | JobFileProblem:
        """The service's error, with the job file named where that is at fault."""
        return JobFileProblem(str(self.job_file), error) if error.violations else error

    def words(self, *more: str, continue_from: str | None = None, changes: Sequence[str] = ()) -> list[str]:
        """The arguments that ask for the same, with `changes` coming last and `more` at the end."""
        keys = {change.partition("=")[0] for change in changes}
        words = ["train", str(self.job_file)]
        for change in (*(c for c in self.changes if c.partition("=")[0] not in keys), *changes):
            words += ["--set", change]
        if self.workers is not None:
            words += ["--workers", str(self.workers)]
        if self.name is not None:
            words += ["--name", self.name]
        origin = continue_from or self.continue_from
        if origin is not None:
            words += ["--continue-from", origin]
        return [*words, *more]
