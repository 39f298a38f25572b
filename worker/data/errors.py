"""The error for data that cannot be used."""

from __future__ import annotations

from ...core.errors import ChainruleError


class DataError(ChainruleError):
    """Data that a job cannot train on; `field` is the part of the job description that names it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message

    def __reduce__(self) -> tuple[type[DataError], tuple[str, str]]:
        return type(self), (self.field, self.message)
