"""Receives a model from the service: into a file beside the target, checked, then renamed."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from chainrule.v1 import job_pb2, model_service_pb2

from .client_errors import ServiceError


def receive_model(messages: Iterable[model_service_pb2.DownloadModelResponse], target: Path) -> Path:
    """Writes the model that `messages` carry to `target` and returns it. Raises ServiceError, grpc.RpcError.

    Whatever was at `target` stays until the new file is complete and durable.
    """
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        with open(part, "xb") as file:
            _receive(messages, file, target)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, target)
    except OSError as error:
        raise _cannot_write(target, error) from None
    finally:
        part.unlink(missing_ok=True)
    return target


def _receive(
    messages: Iterable[model_service_pb2.DownloadModelResponse], file: BinaryIO, target: Path
) -> None:
    model: job_pb2.ModelFile | None = None
    digest, received = hashlib.sha256(), 0
    for message in messages:
        if message.HasField("model"):
            model = message.model
            continue
        if message.chunk.offset != received:
            raise _damaged(target, f"bytes from {message.chunk.offset} came where {received} were expected")
        digest.update(message.chunk.data)
        received += file.write(message.chunk.data)
    if model is None:
        raise _damaged(target, "the service did not say what it sends")
    if received != model.size_bytes:
        raise _damaged(target, f"{received} of {model.size_bytes} bytes came")
    if digest.hexdigest() != model.sha256:
        raise _damaged(target, f"its SHA-256 is {digest.hexdigest()}, expected {model.sha256}")


def _damaged(target: Path, what: str) -> ServiceError:
    message = f"the model for '{target}' arrived damaged ({what}): nothing was saved, download it again"
    return ServiceError(message, code="DATA_LOSS", reason="DOWNLOAD_DAMAGED")


def _cannot_write(target: Path, error: OSError) -> ServiceError:
    message = f"cannot save the model at '{target}': {error.strerror or error}"
    return ServiceError(message, code="FAILED_PRECONDITION", reason="CANNOT_WRITE")
