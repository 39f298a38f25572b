"""The tokens that say where the next page of a list of jobs begins."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass

from .errors import Reason, ServiceFault

_CHECK_BYTES = 6


@dataclass(frozen=True)
class Position:
    """The place of a job in the list: its time of creation in microseconds since 1970, then its id."""

    created: int
    job_id: str


def encode_token(position: Position) -> str:
    """A token for the page that follows this job. Callers must not read anything into it."""
    body = f"1 {position.created} {position.job_id}".encode()
    return base64.urlsafe_b64encode(_check(body) + body).decode().rstrip("=")


def decode_token(token: str) -> Position:
    """The inverse of `encode_token`; raises ServiceFault (PAGE_TOKEN_INVALID) for anything else."""
    try:
        data = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        check, body = data[:_CHECK_BYTES], data[_CHECK_BYTES:]
        if check != _check(body):
            raise ValueError
        version, created, job_id = body.decode().split(" ")
        if version != "1":
            raise ValueError
        return Position(int(created), job_id)
    except (ValueError, binascii.Error):
        raise ServiceFault(
            Reason.PAGE_TOKEN_INVALID,
            "the page token is not one that this service gave out: pass next_page_token unchanged, or none "
            "to begin anew",
        ) from None


def _check(body: bytes) -> bytes:
    return hashlib.sha256(b"chainrule page " + body).digest()[:_CHECK_BYTES]
