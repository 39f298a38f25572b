"""What an exception means for a job."""

from __future__ import annotations

from ..core.errors import ChainruleError, DeviceError
from .data import DataError
from .errors import JobError
from .messages import Broken
from .reports import Reason, Role
from .spec import SpecError

_REASONS: dict[type[Exception], Reason] = {
    SpecError: Reason.SPEC_INVALID,
    DataError: Reason.DATA_INVALID,
    DeviceError: Reason.DEVICE_UNAVAILABLE,
    ChainruleError: Reason.SPEC_INVALID,
}


def describe_failure(error: Exception) -> tuple[Reason, str]:
    """The reason and the message that an exception stands for; INTERNAL for one that nobody foresaw."""
    if isinstance(error, JobError):
        return error.reason, error.message
    if isinstance(error, MemoryError):
        message = (
            f"There is not enough memory for this job ({str(error) or 'no details'}). Use fewer units, a "
            "smaller training.batch_size, or a machine with more memory."
        )
        return Reason.OUT_OF_MEMORY, message
    for kind, reason in _REASONS.items():
        if isinstance(error, kind):
            return reason, str(error)
    return Reason.INTERNAL, f"An unexpected {type(error).__name__} stopped the job: {error}"


def broken(role: Role, member: int, error: Exception) -> Broken:
    """The event for a member that stopped with an error which it would meet again."""
    reason, message = describe_failure(error)
    return Broken(role, member, reason, f"{role.value} {member}: {message}")
