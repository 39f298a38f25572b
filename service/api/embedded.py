"""The service in a thread of its own, for a program that is its own client, and for one that only serves."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from ..config import ServiceConfig
from ..jobs.errors import Reason, ServiceFault
from .server import Service

_SPARE_SECONDS = 45.0


class EmbeddedService:
    """A service with an event loop and a thread of its own; as a context manager, from start to stop."""

    def __init__(self, config: ServiceConfig) -> None:
        self._config = config
        self._service = Service(config)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop_asked: asyncio.Event | None = None
        self._at_once = False
        self._started = threading.Event()
        self._failure: BaseException | None = None
        self._thread: threading.Thread | None = None
        self.address = ""

    def __enter__(self) -> EmbeddedService:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> str:
        """Returns "host:port" when the service listens; raises what `Service.start` raises."""
        # A daemon: a program that has to end at once is not kept by it.
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve()), name="service", daemon=True
        )
        self._thread.start()
        self._started.wait()
        if self._failure is not None:
            self._thread.join()
            raise self._failure
        return self.address

    def allow_code(self, spec: Mapping[str, Any]) -> None:
        """Lets jobs run the Python file that makes the model of `spec`, as it is now. Raises SpecError."""
        self._service.allow_code(spec)

    def stop(self, *, at_once: bool = False) -> None:
        """Ends the running job with a checkpoint (`at_once`: without one) and the service; idempotent.

        Another thread, or the same after KeyboardInterrupt, may call it again with `at_once` to hurry. Raises
        ServiceFault (INTERNAL) where the service has not ended in bounded time.
        """
        if self._thread is None or self._loop is None or self._stop_asked is None:
            return
        self._at_once = self._at_once or at_once
        try:
            self._loop.call_soon_threadsafe(self._stop_asked.set)
        except RuntimeError:
            # The loop has ended already.
            return
        if at_once:
            self._service.hurry()
        seconds = self._config.stop_seconds + _SPARE_SECONDS
        self._thread.join(seconds)
        if self._thread.is_alive():
            raise ServiceFault(Reason.INTERNAL, f"the service did not stop within {seconds:g} seconds")

    def wait(self, seconds: float | None = None) -> bool:
        """Blocks until the service has ended, at most so long; returns whether it has."""
        if self._thread is not None:
            self._thread.join(seconds)
        return self._thread is None or not self._thread.is_alive()

    async def _serve(self) -> None:
        try:
            self.address = await self._service.start()
            self._loop, self._stop_asked = asyncio.get_running_loop(), asyncio.Event()
        except BaseException as error:
            self._failure = error
            return
        finally:
            self._started.set()
        await self._stop_asked.wait()
        await self._service.stop(at_once=self._at_once)
