"""The one error that the client raises, made from whatever a gRPC call ended with."""

from __future__ import annotations

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from ..core.errors import ChainruleError
from ..worker.spec.errors import Violation

_SPEC_FIELD = "job.spec."


class ServiceError(ChainruleError):
    """A call that failed; `code` is gRPC's ("NOT_FOUND"), `reason` the service's ("JOB_NOT_FOUND" or "").

    `violations` names the fields of an invalid spec, with paths as in the job file.
    """

    def __init__(
        self, message: str, *, code: str, reason: str = "", violations: tuple[Violation, ...] = ()
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.violations = violations

    @property
    def connection_lost(self) -> bool:
        """Whether the service could not be reached, so that the same call may succeed later."""
        return self.code == "UNAVAILABLE"


def error_of_call(error: grpc.RpcError, address: str) -> ServiceError:
    """The ServiceError of a failed call to the service at `address`."""
    assert isinstance(error, grpc.Call)
    code, details = error.code(), error.details() or ""
    try:
        status = rpc_status.from_call(error)
    except ValueError:
        status = None
    if status is None:
        return ServiceError(_message_without_status(code, details, address), code=code.name)
    reason, violations = "", ()
    for detail in status.details:
        info, bad_request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        if detail.Unpack(info):
            reason = info.reason
        elif detail.Unpack(bad_request):
            violations = tuple(
                Violation((each.field + ".").removeprefix(_SPEC_FIELD).rstrip("."), each.description)
                for each in bad_request.field_violations
            )
    return ServiceError(status.message, code=code.name, reason=reason, violations=violations)


def _message_without_status(code: grpc.StatusCode, details: str, address: str) -> str:
    """What to say where the error comes from gRPC itself and not from the service."""
    if code is grpc.StatusCode.UNAVAILABLE:
        return (
            f"no chainrule service answers at {address}: check the address, and that the service runs there "
            "(`chainrule serve` starts one)"
        )
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return f"the service at {address} did not answer in time; it may be overloaded or stopped"
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return f"the service at {address} refused a message that is too large (more than 4 MB): {details}"
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return f"what answers at {address} is not a chainrule service, or one of another version: {details}"
    if code is grpc.StatusCode.CANCELLED:
        return f"the call to the service at {address} was cancelled"
    return f"the call to the service at {address} failed with {code.name}: {details}"
