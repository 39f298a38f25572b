"""What the service offers to clients that are not ours: stubs, reflection, health."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from chainrule.service.api.embedded import EmbeddedService
from chainrule.service.config import ServiceConfig


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("data")
    with EmbeddedService(ServiceConfig(folder, runtime="inprocess")) as service:
        yield service.address


def test_a_client_of_stubs_alone_in_another_process_creates_watches_and_downloads(address: str) -> None:
    script = Path(__file__).with_name("raw_stub_client.py")
    output = subprocess.run(
        [sys.executable, str(script), address], check=True, capture_output=True, text=True, timeout=100
    ).stdout
    result = json.loads(output)
    assert result["name"].startswith("projects/default/jobs/job-")
    assert result["kinds"].count("epoch_completed") == 2
    assert result["kinds"][-2:] == ["finished", "state_changed"]
    assert result["state"] == "JOB_STATE_SUCCEEDED"
    assert result["sha256_matches"] is True
    assert result["bytes"] > 0


def test_reflection_lists_the_services_and_describes_them_with_all_they_import(address: str) -> None:
    with grpc.insecure_channel(address) as channel:
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)

        def ask(**request: Any) -> reflection_pb2.ServerReflectionResponse:
            [answer] = stub.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest(**request)]))
            return answer

        names = {service.name for service in ask(list_services="").list_services_response.service}
        assert {
            "chainrule.v1.JobService",
            "chainrule.v1.ModelService",
            "grpc.health.v1.Health",
            "grpc.reflection.v1alpha.ServerReflection",
        } <= names
        answer = ask(file_containing_symbol="chainrule.v1.JobService")
        seen: dict[str, FileDescriptorProto] = {}
        waiting = [FileDescriptorProto.FromString(answer.file_descriptor_response.file_descriptor_proto[0])]
        while waiting:
            file = waiting.pop()
            seen[file.name] = file
            for name in set(file.dependency) - set(seen):
                response = ask(file_by_filename=name).file_descriptor_response
                waiting += [FileDescriptorProto.FromString(each) for each in response.file_descriptor_proto]
        methods = [method.name for method in seen["chainrule/v1/job_service.proto"].service[0].method]
        assert "WatchJob" in methods
        assert {"chainrule/v1/spec.proto", "google/api/resource.proto"} <= set(seen)


def test_health_is_told_for_the_server_and_each_service(address: str) -> None:
    with grpc.insecure_channel(address) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        for name in ("", "chainrule.v1.JobService", "chainrule.v1.ModelService"):
            answer = stub.Check(health_pb2.HealthCheckRequest(service=name))
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
