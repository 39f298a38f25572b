"""A job as the service keeps it and as the client hands it out: plain frozen dataclasses."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ...worker.inspect import JobSummary, LayerSummary, WeightsSummary
from .errors import Reason, ServiceFault
from .states import JobState

__all__ = [
    "Job",
    "JobError",
    "JobProgress",
    "JobSummary",
    "LayerSummary",
    "ModelFile",
    "WeightsSummary",
    "job_name",
    "new_job_id",
    "parse_job_name",
]

PROJECT = "projects/default"
JOB_ID = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


@dataclass(frozen=True)
class JobProgress:
    """How far a job has come; `epoch` counts from 1, None stands for a figure that is not known yet."""

    step: int
    total_steps: int
    epoch: int
    epochs: int
    loss: float | None = None
    samples_per_second: float | None = None
    remaining_seconds: float | None = None


@dataclass(frozen=True)
class ModelFile:
    """The file of a trained model; `sha256` covers the file, `digest` parameters and optimizer state."""

    file_name: str
    size_bytes: int
    sha256: str
    digest: str


@dataclass(frozen=True)
class JobError:
    """Why a job failed: a reason in UPPER_SNAKE_CASE for programs, a message for people."""

    reason: str
    message: str
    step: int | None = None


@dataclass(frozen=True)
class Job:
    """One training job. `spec` is the canonical form of the job file; times are in UTC.

    `interruptions` counts how often its service was lost since its last checkpoint. `suspended` tells a job
    that is PAUSED because its service ended from one that a user paused. `queue_position` is known only where
    the queue was asked (0: it is next).
    """

    id: str
    uid: str
    spec: dict[str, Any]
    state: JobState
    create_time: datetime
    update_time: datetime
    state_message: str = ""
    start_time: datetime | None = None
    end_time: datetime | None = None
    attempt: int = 0
    interruptions: int = 0
    suspended: bool = False
    progress: JobProgress | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    model: ModelFile | None = None
    checkpoint_step: int | None = None
    error: JobError | None = None
    summary: JobSummary | None = None
    continue_from: str | None = None
    queue_position: int | None = None

    @property
    def name(self) -> str:
        """The resource name, `projects/default/jobs/{id}`; empty where the job was only validated."""
        return job_name(self.id) if self.id else ""


@dataclass(frozen=True)
class Standing:
    """As much of a job as its place in the queue depends on."""

    id: str
    state: JobState
    create_time: datetime
    continue_from: str | None = None


def job_name(job_id: str) -> str:
    """The resource name of the job with this id."""
    return f"{PROJECT}/jobs/{job_id}"


def parse_job_name(name: str) -> str:
    """The id in a resource name; raises ServiceFault (NAME_INVALID, PROJECT_NOT_FOUND)."""
    parts = name.split("/")
    if len(parts) != 4 or parts[0] != "projects" or parts[2] != "jobs" or not JOB_ID.fullmatch(parts[3]):
        raise ServiceFault(
            Reason.NAME_INVALID, f"'{name[:200]}' is not the name of a job: expected '{PROJECT}/jobs/JOB'"
        )
    check_project("/".join(parts[:2]))
    return parts[3]


def check_project(project: str) -> None:
    """Raises ServiceFault (NAME_INVALID, PROJECT_NOT_FOUND) for all but the one project that there is."""
    if not re.fullmatch(r"projects/[a-z]([a-z0-9-]{0,61}[a-z0-9])?", project):
        raise ServiceFault(
            Reason.NAME_INVALID, f"'{project[:200]}' is not the name of a project: expected '{PROJECT}'"
        )
    if project != PROJECT:
        raise ServiceFault(Reason.PROJECT_NOT_FOUND, f"there is no project '{project}': use '{PROJECT}'")


def new_job_id(spec_name: str) -> str:
    """A fresh id that begins with the spec's name, as far as an id may."""
    words = re.sub(r"[^a-z0-9]+", "-", spec_name.lower()).strip("-")[:40].strip("-")
    if not words or not words[0].isalpha():
        words = f"job-{words}".strip("-")
    return words + "-" + "".join(secrets.choice(_ALPHABET) for _ in range(6))
