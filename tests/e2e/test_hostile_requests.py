"""Requests as nobody means them: each is answered, with a reason, and harms nobody else."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from chainrule.service.api.embedded import EmbeddedService
from chainrule.service.config import ServiceConfig
from chainrule.service.jobs.errors import Reason, ServiceFault
from chainrule.v1 import (
    activations_pb2,
    job_pb2,
    job_service_pb2,
    job_service_pb2_grpc,
    layers_pb2,
    losses_pb2,
    optimizers_pb2,
    spec_pb2,
)


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    with EmbeddedService(ServiceConfig(tmp_path / "data", runtime="inprocess")) as service:
        yield service.address


@pytest.fixture
def channel(address: str) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(address) as channel:
        yield channel


@pytest.fixture
def jobs(channel: grpc.Channel) -> job_service_pb2_grpc.JobServiceStub:
    return job_service_pb2_grpc.JobServiceStub(channel)


def digits() -> spec_pb2.JobSpec:
    return spec_pb2.JobSpec(
        dataset=spec_pb2.DatasetSpec(source=spec_pb2.DATASET_SOURCE_DIGITS),
        model=[layers_pb2.Layer(linear=layers_pb2.LinearLayer(units=10))],
        loss=losses_pb2.Loss(softmax_cross_entropy=losses_pb2.SoftmaxCrossEntropyLoss()),
        optimizer=optimizers_pb2.Optimizer(adam=optimizers_pb2.AdamOptimizer()),
    )


def creation(spec: spec_pb2.JobSpec) -> job_service_pb2.CreateJobRequest:
    return job_service_pb2.CreateJobRequest(parent="projects/default", job=job_pb2.Job(spec=spec))


def everything() -> job_service_pb2.ListJobsRequest:
    return job_service_pb2.ListJobsRequest(parent="projects/default", page_size=1000)


def refusal(call: Callable[[], object]) -> tuple[grpc.StatusCode, str, str, list[str]]:
    """The code, the reason, the message and the fields of an answer that is an error."""
    with pytest.raises(grpc.RpcError) as caught:
        call()
    error = caught.value
    assert isinstance(error, grpc.Call)
    status = rpc_status.from_call(error)
    assert status is not None, f"{error.code()} without details: {error.details()}"
    info, bad_request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status.details:
        if not detail.Unpack(info):
            detail.Unpack(bad_request)
    return error.code(), info.reason, status.message, [each.field for each in bad_request.field_violations]


def test_a_network_of_unspeakable_size_is_refused_and_leaves_the_list_of_jobs_in_order(
    jobs: job_service_pb2_grpc.JobServiceStub,
) -> None:
    spec = digits()
    huge = layers_pb2.Layer(linear=layers_pb2.LinearLayer(units=2**31 - 1))
    del spec.model[:]
    spec.model.extend([huge, huge, huge, digits().model[0]])
    code, reason, message, fields = refusal(lambda: jobs.CreateJob(creation(spec)))
    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "SPEC_INVALID")
    assert fields == ["job.spec.model[1].linear"]
    assert "Use fewer units" in message
    assert jobs.ListJobs(everything()).total_size == 0


def test_a_network_that_does_not_fit_this_machine_is_refused_before_it_brings_it_down(
    jobs: job_service_pb2_grpc.JobServiceStub,
) -> None:
    spec = digits()
    wide = layers_pb2.Layer(linear=layers_pb2.LinearLayer(units=10_000_000))
    del spec.model[:]
    spec.model.extend([wide, wide, digits().model[0]])
    _, reason, message, _ = refusal(lambda: jobs.CreateJob(creation(spec)))
    assert reason == "SPEC_INVALID"
    assert "each worker would need about" in message


def test_a_description_of_megabytes_is_refused_by_its_size(jobs: job_service_pb2_grpc.JobServiceStub) -> None:
    spec = digits()
    spec.model.extend([layers_pb2.Layer(relu=activations_pb2.ReluLayer())] * 300_000)
    _, reason, message, fields = refusal(lambda: jobs.CreateJob(creation(spec)))
    assert (reason, fields) == ("SPEC_INVALID", ["job.spec"])
    assert "expected at most 1,000,000" in message


def test_layers_inside_layers_without_end_are_refused_by_their_depth(
    jobs: job_service_pb2_grpc.JobServiceStub,
) -> None:
    spec = digits()
    layers = spec.model
    for _ in range(45):
        layers = layers.add().sequential.layers
    code, reason, message, _ = refusal(lambda: jobs.CreateJob(creation(spec)))
    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "SPEC_INVALID")
    assert "nested more than 32 levels deep" in message


def test_a_path_without_end_still_names_its_field(jobs: job_service_pb2_grpc.JobServiceStub) -> None:
    for length in (4000, 100_000):
        spec = digits()
        spec.dataset.source, spec.dataset.path = spec_pb2.DATASET_SOURCE_NPZ, "/a" * (length // 2)
        code, _, _, fields = refusal(lambda: jobs.CreateJob(creation(spec)))  # noqa: B023
        assert (code, fields) == (grpc.StatusCode.INVALID_ARGUMENT, ["job.spec.dataset.path"])


@pytest.mark.parametrize("content", [b"\xff\xff\xff", b"\x0a\x02\xff\xfe"], ids=["garbage", "text not UTF-8"])
@pytest.mark.parametrize("streaming", [False, True], ids=["CreateJob", "WatchJob"])
def test_bytes_that_are_no_request_are_refused_and_leave_no_traceback(
    channel: grpc.Channel, caplog: pytest.LogCaptureFixture, content: bytes, streaming: bool
) -> None:
    if streaming:
        watch = channel.unary_stream("/chainrule.v1.JobService/WatchJob")
        call = lambda: list(watch(content, timeout=20))  # noqa: E731
    else:
        create = channel.unary_unary("/chainrule.v1.JobService/CreateJob")
        call = lambda: create(content, timeout=20)  # noqa: E731
    with caplog.at_level(logging.ERROR):
        code, reason, message, _ = refusal(call)
    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_INVALID")
    assert "cannot be decoded" in message
    assert caplog.records == []


def test_a_method_that_is_not_there_is_refused_with_a_reason(channel: grpc.Channel) -> None:
    method = channel.unary_unary("/chainrule.v1.JobService/TrainMeALion")
    code, reason, message, _ = refusal(lambda: method(b"", timeout=20))
    assert (code, reason) == (grpc.StatusCode.UNIMPLEMENTED, "METHOD_UNKNOWN")
    assert "older or newer" in message


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", 70_000), ("a..b", 0), ("no.such.host.invalid", 0)])
def test_an_address_that_cannot_be_one_is_refused_at_the_start(tmp_path: Path, host: str, port: int) -> None:
    with pytest.raises(ServiceFault, match="cannot listen on") as caught:
        EmbeddedService(ServiceConfig(tmp_path, host=host, port=port, runtime="inprocess")).start()
    assert caught.value.reason is Reason.ADDRESS_UNUSABLE
