"""Runs blocking work in threads, off the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

_STORE_THREADS = 8
_LONG_THREADS = 2


class Offload:
    """Threads for short work (the store, pieces of files) and others for long work (reading data sets)."""

    def __init__(self) -> None:
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
        """The result of a function that may block for minutes; it keeps no process from ending."""
        loop, future = asyncio.get_running_loop(), Future[Result]()
        # From now on nobody who gives up waiting can cancel it: the thread goes on and keeps its place.
        future.set_running_or_notify_cancel()

        def run() -> None:
            try:
                future.set_result(function(*args, **kwargs))
            except BaseException as error:
                future.set_exception(error)
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self._long.release)

        await self._long.acquire()
        # Not an executor's thread: Python waits for those when it ends.
        threading.Thread(target=run, name="long", daemon=True).start()
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Takes no more work; does not wait for what is under way."""
        self._short.shutdown(wait=False, cancel_futures=True)
