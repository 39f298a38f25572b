"""The service as a whole: data folder, store, supervisor and gRPC server, started and stopped in order."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from chainrule.v1 import job_service_pb2, job_service_pb2_grpc, model_service_pb2, model_service_pb2_grpc

from ...worker.data.files import machine_memory
from ...worker.inspect import LARGEST_MEMORY
from ...worker.runtime import Runtime
from ..config import ServiceConfig
from ..jobs.errors import Reason, ServiceFault
from ..jobs.folder_lock import FolderLock
from ..jobs.sql_store import SqlStore
from ..jobs.supervisor import Supervisor
from ..jobs.watchers import Watchers
from .channel import SERVER_OPTIONS
from .interceptors import ErrorInterceptor
from .job_servicer import JobServicer
from .model_servicer import ModelServicer
from .offload import Offload

DATABASE = "jobs.sqlite3"
_SERVICES = (
    job_service_pb2.DESCRIPTOR.services_by_name["JobService"].full_name,
    model_service_pb2.DESCRIPTOR.services_by_name["ModelService"].full_name,
)
_HIGHEST_PORT = 65535
_GRACE_SECONDS = 2.0
_RUNTIME_SECONDS = 15.0

log = logging.getLogger(__name__)


class Service:
    """One service on one data folder; lives in the event loop that starts it."""

    def __init__(self, config: ServiceConfig) -> None:
        self._config = config
        self._lock = FolderLock(config.data_folder)
        self._store: SqlStore | None = None
        self._runtime = _runtime(config)
        self._watchers = Watchers()
        self._offload = Offload()
        self._supervisor: Supervisor | None = None
        self._server: grpc.aio.Server | None = None
        self._health = health.aio.HealthServicer()  # pyright: ignore[reportAttributeAccessIssue]

    async def start(self) -> str:
        """Takes the data folder, listens, sets right what a crash left, and runs jobs; returns "host:port".

        Raises ServiceFault (DATA_FOLDER_IN_USE, ADDRESS_UNUSABLE), StoreError; then nothing is left running.
        """
        try:
            await asyncio.to_thread(self._lock.acquire)
            path = self._config.data_folder / DATABASE
            store = self._store = await asyncio.to_thread(SqlStore, path)
            supervisor = Supervisor(store, self._runtime, self._config, self._watchers.notify)
            server = grpc.aio.server(interceptors=[ErrorInterceptor()], options=SERVER_OPTIONS)
            job_service_pb2_grpc.add_JobServiceServicer_to_server(
                JobServicer(
                    store,
                    supervisor,
                    self._watchers,
                    self._offload,
                    memory_limit=_memory_limit(self._config),
                    url_schemes=self._config.url_schemes,
                ),
                server,
            )
            model_service_pb2_grpc.add_ModelServiceServicer_to_server(
                ModelServicer(store, self._config.jobs_folder, self._offload), server
            )
            health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
            reflection.enable_server_reflection(
                (*_SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME), server
            )
            address = _bind(server, self._config.host, self._config.port)
            await asyncio.to_thread(supervisor.start)
            self._supervisor = supervisor
            await server.start()
            self._server = server
            await asyncio.to_thread(self._lock.announce, address)
            for name in ("", *_SERVICES):
                await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        except BaseException:
            await self.stop(at_once=True)
            raise
        log.info("serving %s at %s", self._config.data_folder, address)
        return address

    def allow_code(self, spec: Mapping[str, Any]) -> None:
        """Lets jobs run the Python file that makes the model of `spec`, as it is now; after `start`.

        Raises SpecError where the file cannot be read.
        """
        assert self._supervisor is not None
        self._supervisor.gate.allow(spec)

    def hurry(self) -> None:
        """Makes a stop that is under way end the running job at once; from any thread."""
        if self._supervisor is not None:
            self._supervisor.stop(at_once=True)

    async def stop(self, *, at_once: bool = False) -> None:
        """Ends the running job with a checkpoint (`at_once`: without one), then all else, in bounded time."""
        await self._health.enter_graceful_shutdown()
        # Calls are answered meanwhile: those who watch see what becomes of the job.
        if self._supervisor is not None:
            await _in_daemon_thread(lambda: self._stop_supervisor(at_once))
        self._watchers.close()
        if self._server is not None:
            await self._server.stop(_GRACE_SECONDS)
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(_in_daemon_thread(self._close_runtime), _RUNTIME_SECONDS)
        self._offload.close()
        if self._store is not None:
            await asyncio.to_thread(self._store.close)
        await asyncio.to_thread(self._lock.release)

    def _stop_supervisor(self, at_once: bool) -> None:
        assert self._supervisor is not None
        try:
            self._supervisor.stop(at_once=at_once)
        except Exception:
            log.exception("the running job could not be stopped in an orderly way")

    def _close_runtime(self) -> None:
        try:
            self._runtime.close()
        except Exception:
            log.exception("the runtime could not be closed in an orderly way")


def _runtime(config: ServiceConfig) -> Runtime:
    if config.runtime == "inprocess":
        from ...worker.runtime.inprocess import InProcessRuntime

        return InProcessRuntime()
    from ...worker.runtime.ray import RayRuntime

    return RayRuntime(config.ray_address)


def _memory_limit(config: ServiceConfig) -> int:
    """What a worker may need: all of this machine where workers run here; what others have is not known."""
    return LARGEST_MEMORY if config.ray_address else machine_memory() or LARGEST_MEMORY


def _bind(server: grpc.aio.Server, host: str, port: int) -> str:
    shown = f"[{host}]" if ":" in host else host
    bound = 0
    # gRPC would take 65537 for 1.
    if 0 <= port <= _HIGHEST_PORT:
        with suppress(RuntimeError):
            bound = server.add_insecure_port(f"{shown}:{port}")
    if not bound:
        raise ServiceFault(
            Reason.ADDRESS_UNUSABLE,
            f"cannot listen on {shown}:{port}: {_why_not(host, port)}; choose another port or host "
            "(port 0 takes any free port)",
        )
    return f"{shown}:{bound}"


def _why_not(host: str, port: int) -> str:
    """What the operating system says to the address; gRPC does not tell."""
    if not 0 <= port <= _HIGHEST_PORT:
        return f"ports are numbers from 0 to {_HIGHEST_PORT}"
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
            probe.listen()
    except OSError as error:
        return error.strerror or str(error)
    except ValueError as error:
        # A name that no resolver takes.
        return str(error)
    return "the address is not usable"


async def _in_daemon_thread(function: Callable[[], None]) -> None:
    """Runs a function that may hang without keeping the process from ending."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def run() -> None:
        try:
            function()
        finally:
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(done.set)

    threading.Thread(target=run, name="stop", daemon=True).start()
    await done.wait()
