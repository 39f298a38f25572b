"""What errors look like on the wire."""

from __future__ import annotations

from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

from chainrule.core.errors import DeviceError, ShapeError
from chainrule.service.api.errors import CODES, fault_of, status_of
from chainrule.service.jobs.errors import Reason, ServiceFault, job_not_found
from chainrule.worker.data.errors import DataError
from chainrule.worker.spec.errors import SpecError, Violation


def detail(status: status_pb2.Status, kind: type[Message]) -> Message | None:
    for each in status.details:
        found = kind()
        if each.Unpack(found):
            return found
    return None


def test_every_reason_has_a_code_and_an_error_info() -> None:
    for reason in Reason:
        status = status_of(ServiceFault(reason, "what happened"))
        assert status.code == CODES[reason].value[0] != code_pb2.OK
        info = detail(status, error_details_pb2.ErrorInfo)
        assert isinstance(info, error_details_pb2.ErrorInfo)
        assert (info.reason, info.domain) == (reason.value, "chainrule")


def test_a_bad_spec_names_each_field_as_the_request_has_it() -> None:
    error = SpecError([Violation("model[0].linear.units", "too few"), Violation("", "as a whole")])
    status = status_of(fault_of(error))
    assert status.code == code_pb2.INVALID_ARGUMENT
    bad = detail(status, error_details_pb2.BadRequest)
    assert isinstance(bad, error_details_pb2.BadRequest)
    assert [(each.field, each.description) for each in bad.field_violations] == [
        ("job.spec.model[0].linear.units", "too few"),
        ("job.spec", "as a whole"),
    ]


def test_bad_data_name_the_field_that_names_them() -> None:
    status = status_of(fault_of(DataError("dataset.path", "no such file")))
    bad = detail(status, error_details_pb2.BadRequest)
    assert isinstance(bad, error_details_pb2.BadRequest)
    assert bad.field_violations[0].field == "job.spec.dataset.path"


def test_a_missing_job_is_named_as_a_resource() -> None:
    resource = detail(status_of(job_not_found("digits")), error_details_pb2.ResourceInfo)
    assert isinstance(resource, error_details_pb2.ResourceInfo)
    assert resource.resource_name == "projects/default/jobs/digits"


def test_user_errors_of_the_core_blame_the_request_and_not_the_service() -> None:
    for error in (ShapeError("layers.0", "a", "b"), DeviceError("no GPU")):
        assert status_of(fault_of(error)).code == code_pb2.INVALID_ARGUMENT
