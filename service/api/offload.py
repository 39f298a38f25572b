"""Runs blocking work in threads, off the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import ParamSpec, TypeVar

from ..jobs.errors import Reason, ServiceFault

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

_STORE_THREADS = 8
_LONG_THREADS = 2
_LONG_SECONDS = 240.0


class Offload:
    """Threads for short work (the store, pieces of files) and others for long work (reading data sets)."""

    def __init__(self, long_seconds: float = _LONG_SECONDS) -> None:
        self._long_seconds = long_seconds
        self._short = ThreadPoolExecutor(_STORE_THREADS, thread_name_prefix="store")
        self._long = asyncio.Semaphore(_LONG_THREADS)

    async def short(
        self, function: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Result:
        """The result of a function that blocks for milliseconds."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._short, lambda: function(*args, **kwargs))

    async def long(
        self, function: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Result:
        """The result of a function that may block for minutes; it keeps no process from ending.

        Raises ServiceFault (OVERLOADED, TOOK_TOO_LONG) where there is none in bounded time.
        """
        loop, future = asyncio.get_running_loop(), Future[Result]()
        # From now on nobody who gives up waiting can cancel it: the thread goes on and keeps its place.
        future.set_running_or_notify_cancel()

        def run() -> None:
            try:
                future.set_result(function(*args, **kwargs))
            except Exception as error:
                future.set_exception(error)
            except BaseException as error:
                # What would only have ended this thread must not end the event loop.
                future.set_exception(RuntimeError(f"ended by {error!r}"))
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self._long.release)

        deadline = loop.time() + self._long_seconds
        if self._long.locked():
            try:
                await asyncio.wait_for(self._long.acquire(), self._long_seconds)
            except asyncio.TimeoutError:
                raise _overloaded(self._long_seconds) from None
        else:
            await self._long.acquire()
        # Not an executor's thread: Python waits for those when it ends.
        threading.Thread(target=run, name="long", daemon=True).start()
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), deadline - loop.time())
        except asyncio.TimeoutError:
            # A thread that waits for a disk cannot be ended: it keeps its place until the disk answers.
            raise _took_too_long(self._long_seconds) from None

    def close(self) -> None:
        """Takes no more work; does not wait for what is under way."""
        self._short.shutdown(wait=False, cancel_futures=True)


def _overloaded(seconds: float) -> ServiceFault:
    return ServiceFault(
        Reason.OVERLOADED,
        f"the service was busy reading the data of other jobs for {seconds:g} seconds: try again later",
    )


def _took_too_long(seconds: float) -> ServiceFault:
    return ServiceFault(
        Reason.TOOK_TOO_LONG,
        f"the data could not be read and checked within {seconds:g} seconds: check that the disk or network "
        "share that holds them answers, or convert them to .npy files, which are read fastest",
    )
