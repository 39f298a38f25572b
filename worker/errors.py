"""The errors of a running job that are not about its description or its data."""

from __future__ import annotations

from ..core.errors import ChainruleError
from .reports import Reason


class JobError(ChainruleError):
    """Why a job cannot go on; `reason` is what a program would ask for."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message

    def __reduce__(self) -> tuple[type[JobError], tuple[Reason, str]]:
        return type(self), (self.reason, self.message)
