"""Models arrive whole, or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from chainrule.service.client_errors import ServiceError
from chainrule.service.model_download import receive_model
from chainrule.v1 import job_pb2, model_service_pb2

DATA = bytes(range(256)) * 40
Response = model_service_pb2.DownloadModelResponse


def header(data: bytes = DATA, size: int | None = None) -> Response:
    size = len(data) if size is None else size
    sha256 = hashlib.sha256(data).hexdigest()
    return Response(model=job_pb2.ModelFile(file_name="m", size_bytes=size, sha256=sha256, digest="d"))


def chunk(offset: int, data: bytes) -> Response:
    return Response(chunk=model_service_pb2.ModelChunk(offset=offset, data=data))


def test_the_pieces_become_the_file(tmp_path: Path) -> None:
    target = tmp_path / "model.safetensors"
    assert receive_model([header(), chunk(0, DATA[:5000]), chunk(5000, DATA[5000:])], target) == target
    assert target.read_bytes() == DATA
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(
    ("messages", "what"),
    [
        ([header(), chunk(0, DATA[:5000])], "5000 of 10240 bytes came"),
        ([header(), chunk(0, DATA[:5000]), chunk(6000, DATA[6000:])], "bytes from 6000 came where 5000"),
        ([header(), chunk(0, DATA[:-1] + b"?")], "its SHA-256 is"),
        ([chunk(0, DATA)], "did not say what it sends"),
        ([], "did not say what it sends"),
    ],
    ids=["short", "gap", "changed", "no header", "nothing"],
)
def test_a_damaged_download_leaves_what_was_there(
    tmp_path: Path, messages: list[Response], what: str
) -> None:
    target = tmp_path / "model.safetensors"
    target.write_bytes(b"the old model")
    with pytest.raises(ServiceError, match=what) as caught:
        receive_model(messages, target)
    assert caught.value.reason == "DOWNLOAD_DAMAGED"
    assert target.read_bytes() == b"the old model"
    assert list(tmp_path.iterdir()) == [target]


def test_a_connection_that_breaks_leaves_nothing_behind(tmp_path: Path) -> None:
    def messages() -> Iterator[Response]:
        yield header()
        yield chunk(0, DATA[:5000])
        raise grpc.RpcError

    with pytest.raises(grpc.RpcError):
        receive_model(messages(), tmp_path / "model.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match=r"nowhere/model.*No such file"):
        receive_model([header()], tmp_path / "nowhere" / "model.safetensors")
