"""The exit status of the command line: what a shell script may rely on."""

from __future__ import annotations

from enum import IntEnum


class ExitStatus(IntEnum):
    """0 succeeded, 1 the job or its surroundings failed, 2 bad usage or job file, 130 interrupted."""

    SUCCEEDED = 0
    FAILED = 1
    USAGE = 2
    INTERRUPTED = 130


def status_of_job(state: str) -> ExitStatus:
    """What `train`, `resume` and `watch` exit with when they leave a job in `state` (a `JobState` value)."""
    if state == "SUCCEEDED":
        return ExitStatus.SUCCEEDED
    if state in ("FAILED", "CANCELLED"):
        return ExitStatus.FAILED
    return ExitStatus.INTERRUPTED
