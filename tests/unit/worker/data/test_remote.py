"""Files behind URLs: fetched once, checked, and fetched again when they have changed."""

from __future__ import annotations

import hashlib
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import numpy as np
import pytest

from chainrule.worker.data import DataError, Dataset, http_file, load_dataset
from chainrule.worker.spec import DatasetSpec, SpecError, parse_spec
from chainrule.worker.spec.losses import LOSSES

CSV = b"a,y\n1,x\n2,z\n3,x\n"


class Server(ThreadingHTTPServer):
    """Serves `content` and tells what was asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.headers, self.status, self.asked = CSV, {"ETag": '"1"'}, 200, 0
        self.stated: int | None = None
        self.sent = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/table.csv?signature=secret"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, Server)
        server.asked += 1
        self.send_response(server.status)
        self.send_header("Content-Length", str(server.stated or len(server.content)))
        for name, value in server.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(server.content)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def load(url: str, checksum: str | None = None) -> Dataset:
    checksums = {} if checksum is None else {"path": checksum}
    spec = DatasetSpec(source="csv", path=url, test_fraction=0, checksums=checksums)
    return load_dataset(spec, loss=LOSSES["softmax_cross_entropy"](), seed=0)


def refused(url: str, checksum: str | None = None) -> DataError:
    with pytest.raises(DataError) as caught:
        load(url, checksum)
    return caught.value


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def test_a_file_is_fetched_once_and_again_when_its_tag_changes(server: Server, cache: Path) -> None:
    np.testing.assert_array_equal(load(server.url).train_features, [[1], [2], [3]])
    [file] = cache.glob("*/table.csv")
    written = file.stat().st_mtime_ns
    load(server.url)
    assert file.stat().st_mtime_ns == written and len(list(cache.glob("*/table.csv"))) == 1
    server.content, server.headers = CSV + b"4,z\n", {"ETag": '"2"'}
    assert load(server.url).train_samples == 4


def test_a_file_with_a_checksum_is_not_asked_for_twice(server: Server) -> None:
    server.headers = {}
    for _ in range(2):
        assert load(server.url, sha256(CSV)).train_samples == 3
    assert server.asked == 1


def test_another_checksum_is_refused_and_nothing_is_kept(server: Server, cache: Path) -> None:
    error = refused(server.url, sha256(b"other"))
    assert error.field == "dataset.checksums.path"
    assert f"has the checksum {sha256(CSV)}, expected {sha256(b'other')}" in error.message
    assert not list(cache.glob("*/entry.json"))


def test_without_a_tag_or_checksum_nobody_could_notice_a_change(server: Server) -> None:
    server.headers = {}
    assert "state its SHA-256 under dataset.checksums.path" in refused(server.url).message


def test_a_broken_transfer_leaves_nothing(server: Server, cache: Path) -> None:
    server.stated = len(CSV) + 7
    assert "ended 7 bytes before the length that the server stated" in refused(server.url).message
    assert not list(cache.glob("*/entry.json"))
    server.stated = None
    assert load(server.url).train_samples == 3


def test_errors_name_the_url_without_its_secrets(server: Server) -> None:
    server.status = 404
    message = refused(server.url).message
    assert "table.csv?...: the server answered 404 Not Found" in message and "secret" not in message
    assert "cannot reach http://127.0.0.1:1/x" in refused("http://user:secret@127.0.0.1:1/x").message


def test_a_redirect_is_followed_but_not_from_a_public_address_inwards(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Server() as first:
        thread = threading.Thread(target=first.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        first.status, first.headers = 302, {"Location": server.url}
        assert load(first.url).train_samples == 3
        connect = http_file._connect

        def as_public(url: str):
            connection, address = connect(url)
            return connection, http_file.ipaddress.ip_address("1.1.1.1") if str(
                first.server_port
            ) in url else address

        monkeypatch.setattr(http_file, "_connect", as_public)
        assert "redirects to 127.0.0.1, an address that is not public" in refused(first.url).message
        first.shutdown()
        thread.join()


def test_link_local_addresses_are_never_asked(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = http_file._connect
    metadata = http_file.ipaddress.ip_address("169.254.169.254")
    monkeypatch.setattr(http_file, "_connect", lambda url: (connect(url)[0], metadata))
    assert "is at the link-local address 169.254.169.254" in refused(server.url).message
    assert server.asked == 0


def test_any_file_system_of_fsspec_will_do(cache: Path) -> None:
    fsspec.filesystem("memory").pipe("/sources/table.csv", CSV)
    assert load("memory://sources/table.csv").train_samples == 3
    assert load("memory://sources/table.csv", sha256(CSV)).train_samples == 3
    fsspec.filesystem("memory").pipe("/sources/table.csv", CSV + b"4,z\n")
    assert load("memory://sources/table.csv").train_samples == 4
    assert "there is nothing at memory://sources/none.csv" in refused("memory://sources/none.csv").message


def test_a_file_url_is_the_file_itself(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "table.csv").write_bytes(CSV)
    url = (tmp_path / "table.csv").as_uri()
    assert load(url, sha256(CSV)).train_samples == 3
    assert not list(cache.iterdir())
    assert "has the checksum" in refused(url, sha256(b"")).message


def test_unknown_kinds_and_missing_drivers_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "unknown kind of URL 'nope://', known: http" in refused("nope://x/y.csv").message
    monkeypatch.setitem(sys.modules, "s3fs", None)
    assert "s3:// needs another package: Install s3fs" in refused("s3://bucket/y.csv").message


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"source": "images", "path": "https://h/x"}, "dataset.path", "reads a folder of this machine"),
        ({"source": "csv", "path": "zip://a::https://h/x"}, "dataset.path", "expected one URL, got a chain"),
        (
            {"source": "csv", "path": "a.csv", "checksums": {"path": "sha256:" + "0" * 64}},
            "dataset.checksums.path",
            "dataset.path names no URL",
        ),
        (
            {"source": "csv", "path": "https://h/x", "checksums": {"path": "md5:1"}},
            "dataset.checksums.path",
            "sha256:",
        ),
    ],
)
def test_what_cannot_be_fetched_is_refused_in_the_job_file(fields: dict, field: str, message: str) -> None:
    job = {"dataset": fields, "model": ["relu"], "loss": "softmax_cross_entropy", "optimizer": "adam"}
    with pytest.raises(SpecError) as caught:
        parse_spec(job)
    assert any(each.field == field and message in each.message for each in caught.value.violations)


def test_urls_stay_as_they_are_where_paths_become_absolute(tmp_path: Path) -> None:
    spec = DatasetSpec(source="csv", path="https://h/x.csv", test_path="y.csv")
    moved = spec.with_paths_relative_to(tmp_path)
    assert (moved.path, moved.test_path) == ("https://h/x.csv", str(tmp_path / "y.csv"))
