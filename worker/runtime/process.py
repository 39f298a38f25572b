"""Ends a process of this machine for certain: a stopped one too, and only the one that was meant."""

from __future__ import annotations

import os
import select
import signal
import sys
from contextlib import suppress

_GRACE_SECONDS = 0.5
_END_SECONDS = 5.0


class WatchedProcess:
    """Holds on to a process by a descriptor, which unlike its number is never given to another."""

    def __init__(self, pid: int) -> None:
        """ProcessLookupError where it has ended already; where the system has no such descriptors, nothing
        is watched."""
        self._descriptor = os.pidfd_open(pid) if sys.platform == "linux" else -1

    def end(self) -> bool:
        """Wait a moment for a process that was asked to end, else kill it, and wait until it is dead; False
        where that is not known after some seconds."""
        if sys.platform != "linux" or self._descriptor < 0:
            return False
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        if poll.poll(_GRACE_SECONDS * 1000):
            return True
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)
        return bool(poll.poll(_END_SECONDS * 1000))

    def release(self) -> None:
        """Let go of it, whether it runs or not. May be called twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
