"""Blocking work beside the event loop."""

from __future__ import annotations

import asyncio
import sys
import threading

import pytest

from chainrule.service.api.offload import Offload
from chainrule.service.jobs.errors import Reason, ServiceFault


def test_results_and_errors_come_back() -> None:
    async def scenario() -> None:
        offload = Offload()
        assert await offload.short(divmod, 7, 2) == await offload.long(divmod, 7, 2) == (3, 1)
        for where in (offload.short, offload.long):
            with pytest.raises(ZeroDivisionError):
                await where(divmod, 7, 0)
        offload.close()

    asyncio.run(scenario())


def test_work_that_would_end_its_thread_is_an_error_like_others() -> None:
    async def scenario() -> None:
        offload = Offload()
        with pytest.raises(RuntimeError, match=r"SystemExit\(3\)"):
            await offload.long(sys.exit, 3)
        assert await offload.long(len, "abc") == 3
        offload.close()

    asyncio.run(scenario())


def test_long_work_that_nobody_waits_for_any_more_keeps_its_place_until_it_ends() -> None:
    async def scenario() -> None:
        offload, finish = Offload(), threading.Event()
        given_up = [asyncio.ensure_future(offload.long(finish.wait)) for _ in range(2)]
        await asyncio.sleep(0)
        for each in given_up:
            each.cancel()
        await asyncio.gather(*given_up, return_exceptions=True)
        third = asyncio.ensure_future(offload.long(finish.is_set))
        await asyncio.sleep(0)
        finish.set()
        assert await asyncio.wait_for(third, 20) is True
        offload.close()

    asyncio.run(scenario())


def test_long_work_does_not_hold_up_short_work() -> None:
    async def scenario() -> None:
        offload, finish = Offload(), threading.Event()
        waiting = [asyncio.ensure_future(offload.long(finish.wait, 20)) for _ in range(5)]
        assert await offload.short(len, "abc") == 3
        finish.set()
        assert await asyncio.gather(*waiting) == [True] * 5
        offload.close()

    asyncio.run(scenario())


def test_long_work_that_never_ends_is_given_up_in_bounded_time_and_keeps_its_place() -> None:
    async def scenario() -> None:
        offload, finish = Offload(long_seconds=0.05), threading.Event()
        stuck = [asyncio.ensure_future(offload.long(finish.wait)) for _ in range(3)]
        faults = await asyncio.wait_for(asyncio.gather(*stuck, return_exceptions=True), 20)
        assert [fault.reason for fault in faults if isinstance(fault, ServiceFault)] == [
            Reason.TOOK_TOO_LONG,
            Reason.TOOK_TOO_LONG,
            Reason.OVERLOADED,
        ]
        assert "could not be read and checked within 0.05 seconds" in str(faults[0])
        finish.set()
        offload.close()

    asyncio.run(scenario())
