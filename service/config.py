"""The settings of a service."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class ServiceConfig:
    """How to run a service.

    `port` 0 takes a free one. `ray_address` None starts Ray on this machine. After the service was stopped or
    killed, its job goes on by itself with `resume_interrupted`, otherwise it is PAUSED; a job that was killed
    with its service `max_attempts` times without a new checkpoint has failed. A stopping service gives its
    job `stop_seconds` to save a checkpoint; a job that is being cancelled has `cancel_seconds` for that.

    `allow_code` lets jobs run the Python files that make their models, with all rights of the service.
    `url_schemes`: the kinds of URLs that jobs may read from, at public addresses only; None, for
    a service of one's own: any.
    """

    data_folder: Path
    host: str = "127.0.0.1"
    port: int = 0
    runtime: Literal["ray", "inprocess"] = "ray"
    ray_address: str | None = None
    resume_interrupted: bool = False
    max_attempts: int = 3
    stop_seconds: float = 20.0
    cancel_seconds: float = 60.0
    allow_code: bool = False
    url_schemes: tuple[str, ...] | None = None

    @property
    def jobs_folder(self) -> Path:
        """Where each job has its folder, named by its id."""
        return self.data_folder / "jobs"
