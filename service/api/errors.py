"""The catalogue of errors: which gRPC status, with which details, each fault and each user error becomes."""

from __future__ import annotations

import grpc
from google.protobuf import any_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from ...core.errors import ChainruleError, DeviceError
from ...worker.data.errors import DataError
from ...worker.errors import JobError as WorkerError
from ...worker.spec.errors import SpecError, Violation
from ..jobs.errors import Reason, ServiceFault
from ..jobs.job import job_name

DOMAIN = "chainrule"
SPEC_FIELD = "job.spec."
_JOB_TYPE = "chainrule.dev/Job"

CODES: dict[Reason, grpc.StatusCode] = {
    Reason.REQUEST_INVALID: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.SPEC_INVALID: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.DATA_INVALID: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.NAME_INVALID: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.PAGE_TOKEN_INVALID: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.SEQUENCE_AHEAD: grpc.StatusCode.OUT_OF_RANGE,
    Reason.JOB_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Reason.PROJECT_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Reason.JOB_EXISTS: grpc.StatusCode.ALREADY_EXISTS,
    Reason.REQUEST_ID_REUSED: grpc.StatusCode.ALREADY_EXISTS,
    Reason.STATE_CONFLICT: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.JOB_IN_USE: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.CODE_NOT_ALLOWED: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.NO_CHECKPOINT: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.NO_MODEL: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.MODEL_LOST: grpc.StatusCode.DATA_LOSS,
    Reason.DATA_FOLDER_IN_USE: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.DATA_FOLDER_UNUSABLE: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.ADDRESS_UNUSABLE: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.STORAGE_FULL: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Reason.STORAGE_FAILED: grpc.StatusCode.INTERNAL,
    Reason.OUT_OF_MEMORY: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Reason.OVERLOADED: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Reason.TOOK_TOO_LONG: grpc.StatusCode.DEADLINE_EXCEEDED,
    Reason.METHOD_UNKNOWN: grpc.StatusCode.UNIMPLEMENTED,
    Reason.STOPPING: grpc.StatusCode.UNAVAILABLE,
    Reason.INTERNAL: grpc.StatusCode.INTERNAL,
}


def fault_of(error: ChainruleError) -> ServiceFault:
    """Any error that is meant for users, as a fault with a reason."""
    if isinstance(error, ServiceFault):
        return error
    message = str(error)
    if isinstance(error, SpecError):
        return ServiceFault(Reason.SPEC_INVALID, message, violations=error.violations)
    if isinstance(error, DataError):
        violation = Violation(error.field, error.message)
        return ServiceFault(Reason.DATA_INVALID, message, violations=[violation])
    if isinstance(error, DeviceError):
        return ServiceFault(Reason.SPEC_INVALID, message, violations=[Violation("cluster.device", message)])
    if isinstance(error, WorkerError) and error.reason.value in Reason.__members__:
        return ServiceFault(Reason(error.reason.value), message)
    return ServiceFault(Reason.SPEC_INVALID, message, violations=[Violation("", message)])


def status_of(fault: ServiceFault) -> status_pb2.Status:
    """The google.rpc.Status of a fault: with ErrorInfo, and BadRequest and ResourceInfo where they apply."""
    info = error_details_pb2.ErrorInfo(reason=fault.reason.value, domain=DOMAIN)
    details: list[Message] = [info]
    if fault.violations:
        # Fields are named as the request has them.
        details.append(
            error_details_pb2.BadRequest(
                field_violations=[
                    error_details_pb2.BadRequest.FieldViolation(
                        field=(SPEC_FIELD + violation.field).rstrip("."), description=violation.message
                    )
                    for violation in fault.violations
                ]
            )
        )
    if fault.resource is not None:
        info.metadata["job"] = job_name(fault.resource)
        details.append(
            error_details_pb2.ResourceInfo(resource_type=_JOB_TYPE, resource_name=job_name(fault.resource))
        )
    status = status_pb2.Status(code=CODES[fault.reason].value[0], message=str(fault))
    for detail in details:
        packed = any_pb2.Any()
        packed.Pack(detail)
        status.details.append(packed)
    return status
