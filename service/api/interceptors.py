"""Turns every exception of a call into a proper gRPC status; tracebacks stay in the server's log."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import quote

import grpc
from google.protobuf.message import DecodeError
from grpc_status import rpc_status

from ...core.errors import ChainruleError
from ...worker.spec.errors import Violation
from ..jobs.errors import Reason, ServiceFault
from .errors import fault_of, status_of

log = logging.getLogger(__name__)

# Clients refuse trailers over 8 KiB; these carry the message twice, once with the violations in Base64.
_MESSAGE_BYTES = 1200
_VIOLATION_BYTES = 3000
_FIELD_LETTERS = 200

Context = grpc.aio.ServicerContext


class ErrorInterceptor(grpc.aio.ServerInterceptor):
    """Answers calls that raise with the status from the catalogue of errors."""

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Wraps the handler of one call; streams of requests (reflection has one) pass as they are."""
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None:
            return grpc.unary_unary_rpc_method_handler(_unary(_unknown, method))
        if handler.request_streaming:
            return handler
        coders = {
            "request_deserializer": _tolerant(handler.request_deserializer),
            "response_serializer": handler.response_serializer,
        }
        if handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(_stream(handler.unary_stream, method), **coders)
        return grpc.unary_unary_rpc_method_handler(_unary(handler.unary_unary, method), **coders)


class _Undecodable:
    """A request whose bytes are not the message that the method takes."""

    def __init__(self, why: str) -> None:
        self._why = why

    def fault(self) -> ServiceFault:
        """What to answer."""
        return ServiceFault(
            Reason.REQUEST_INVALID,
            f"the request cannot be decoded ({self._why}): send the message that the protos of chainrule.v1 "
            "describe, with text in UTF-8",
        )


def _tolerant(deserialize: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """gRPC answers an error in here with UNKNOWN and a traceback in the log; so it is raised later."""

    def call(content: bytes) -> Any:
        try:
            return deserialize(content)
        except DecodeError as error:
            return _Undecodable(str(error))

    return call


async def _unknown(request: Any, context: Context) -> Any:
    raise ServiceFault(
        Reason.METHOD_UNKNOWN,
        "this service has no such method: it may be older or newer than the client; server reflection lists "
        "the methods that there are",
    )


def _unary(behavior: Callable[[Any, Context], Awaitable[Any]], method: str) -> Any:
    async def call(request: Any, context: Context) -> Any:
        try:
            if isinstance(request, _Undecodable):
                raise request.fault()
            return await behavior(request, context)
        except Exception as error:
            await _abort(context, error, method)

    return call


def _stream(behavior: Callable[[Any, Context], AsyncIterator[Any]], method: str) -> Any:
    async def call(request: Any, context: Context) -> AsyncIterator[Any]:
        try:
            if isinstance(request, _Undecodable):
                raise request.fault()
            async for response in behavior(request, context):
                yield response
        except Exception as error:
            await _abort(context, error, method)

    return call


async def _abort(context: Context, error: Exception, method: str) -> None:
    if isinstance(error, (grpc.aio.AbortError, asyncio.CancelledError)):
        raise error
    status = rpc_status.to_status(status_of(_short(_fault(error, method))))
    await context.abort(status.code, status.details or "", status.trailing_metadata or ())


def _fault(error: Exception, method: str) -> ServiceFault:
    if isinstance(error, ChainruleError):
        return fault_of(error)
    if isinstance(error, MemoryError):
        return ServiceFault(Reason.OUT_OF_MEMORY, "the service does not have the memory for this request")
    number = secrets.token_hex(4)
    log.error("error %s in %s", number, method, exc_info=error)
    return ServiceFault(
        Reason.INTERNAL, f"an unexpected error in the service; its log tells more under the number {number}"
    )


def _short(fault: ServiceFault) -> ServiceFault:
    """The fault with a message and violations that fit into the trailers of an answer."""
    room, violations = _VIOLATION_BYTES, []
    for violation in fault.violations:
        room -= len(violation.field.encode()) + len(violation.message.encode()) + 20
        if room < 0:
            if not violations:
                # One long one, shortened: a bad request always names a field.
                violations.append(
                    Violation(violation.field[:_FIELD_LETTERS], _cut(violation.message, _MESSAGE_BYTES))
                )
            break
        violations.append(violation)
    message = _cut(str(fault), _MESSAGE_BYTES)
    return ServiceFault(fault.reason, message, resource=fault.resource, violations=violations)


def _cut(text: str, limit: int) -> str:
    """The text, cut where its form in a trailer, with percent signs for what is not ASCII, gets too long."""
    if len(quote(text)) <= limit:
        return text
    length = 0
    for position, letter in enumerate(text):
        length += len(quote(letter))
        if length > limit:
            return text[:position] + " ..."
    return text
