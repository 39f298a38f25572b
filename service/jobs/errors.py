"""The faults that the service answers with, one reason each, whatever protocol carries them."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from ...core.errors import ChainruleError
from ...worker.spec.errors import Violation


class Reason(str, Enum):
    """Why a request was refused or could not be done."""

    REQUEST_INVALID = "REQUEST_INVALID"
    SPEC_INVALID = "SPEC_INVALID"
    DATA_INVALID = "DATA_INVALID"
    NAME_INVALID = "NAME_INVALID"
    PAGE_TOKEN_INVALID = "PAGE_TOKEN_INVALID"
    SEQUENCE_AHEAD = "SEQUENCE_AHEAD"
    JOB_NOT_FOUND = "JOB_NOT_FOUND"
    PROJECT_NOT_FOUND = "PROJECT_NOT_FOUND"
    JOB_EXISTS = "JOB_EXISTS"
    REQUEST_ID_REUSED = "REQUEST_ID_REUSED"
    STATE_CONFLICT = "STATE_CONFLICT"
    JOB_IN_USE = "JOB_IN_USE"
    NO_CHECKPOINT = "NO_CHECKPOINT"
    CODE_NOT_ALLOWED = "CODE_NOT_ALLOWED"
    NO_MODEL = "NO_MODEL"
    MODEL_LOST = "MODEL_LOST"
    DATA_FOLDER_IN_USE = "DATA_FOLDER_IN_USE"
    DATA_FOLDER_UNUSABLE = "DATA_FOLDER_UNUSABLE"
    ADDRESS_UNUSABLE = "ADDRESS_UNUSABLE"
    STORAGE_FULL = "STORAGE_FULL"
    STORAGE_FAILED = "STORAGE_FAILED"
    OUT_OF_MEMORY = "OUT_OF_MEMORY"
    OVERLOADED = "OVERLOADED"
    TOOK_TOO_LONG = "TOOK_TOO_LONG"
    METHOD_UNKNOWN = "METHOD_UNKNOWN"
    STOPPING = "STOPPING"
    INTERNAL = "INTERNAL"


class ServiceFault(ChainruleError):
    """A request that was refused or could not be done. `resource` is the id of the job that it is about."""

    def __init__(
        self,
        reason: Reason,
        message: str,
        *,
        resource: str | None = None,
        violations: Sequence[Violation] = (),
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.resource = resource
        self.violations = tuple(violations)


class StoreError(ServiceFault):
    """The store could not read or write."""


def job_not_found(job_id: str) -> ServiceFault:
    """The fault of a job that is not (or no longer) there."""
    return ServiceFault(Reason.JOB_NOT_FOUND, f"there is no job '{job_id}'", resource=job_id)


def stopping() -> ServiceFault:
    """The fault of a request that comes while the service stops."""
    return ServiceFault(Reason.STOPPING, "the service is stopping; try again when it is back")
