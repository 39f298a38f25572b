"""The container image: its Dockerfile names what exists, and its health check tells the truth."""

from __future__ import annotations

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

REPOSITORY = Path(__file__).resolve().parents[2]
DOCKERFILE = (REPOSITORY / "deploy/docker/Dockerfile").read_text(encoding="utf-8")


def test_the_image_is_built_from_files_that_exist_and_reach_the_builder() -> None:
    allowed = {
        line.removeprefix("!")
        for line in (REPOSITORY / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    }
    sources = [
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    ]
    assert set(sources) == allowed
    assert all((REPOSITORY / source).exists() for source in sources)


def test_the_image_installs_extras_that_the_package_has() -> None:
    project = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    extras = {extra for group in re.findall(r"extras=(\S+)", DOCKERFILE) for extra in group.split(",")}
    assert extras == {"cluster", "gpu-cu12", "gpu-cu13"}
    assert all(re.search(rf"^{extra} = \[", project, re.MULTILINE) for extra in extras)


@pytest.mark.parametrize(
    ("status", "code"),
    [(health_pb2.HealthCheckResponse.SERVING, 0), (health_pb2.HealthCheckResponse.NOT_SERVING, 1)],
)
def test_the_health_check_tells_a_serving_service_from_one_that_does_not_serve(
    status: health_pb2.HealthCheckResponse.ServingStatus, code: int
) -> None:
    server = grpc.server(ThreadPoolExecutor(max_workers=1))
    servicer = health.HealthServicer()
    servicer.set("", status)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        assert _healthcheck(f"127.0.0.1:{port}").returncode == code
    finally:
        server.stop(None).wait()


def test_the_health_check_fails_where_nothing_listens() -> None:
    result = _healthcheck("127.0.0.1:1")
    assert result.returncode == 1
    assert "no answer from 127.0.0.1:1" in result.stderr


def _healthcheck(address: str) -> subprocess.CompletedProcess[str]:
    script = REPOSITORY / "deploy/docker/healthcheck.py"
    return subprocess.run([sys.executable, script, address], capture_output=True, text=True, timeout=60)
