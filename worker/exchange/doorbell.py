"""Waking a process that waits on a word of shared memory: a futex on Linux, short sleeps elsewhere."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
import threading
import time

import numpy as np

_FUTEX_SYSCALL = {"x86_64": 202, "aarch64": 98, "riscv64": 98, "ppc64le": 221, "s390x": 238}
_FUTEX_WAIT, _FUTEX_WAKE = 0, 1
_EVERYONE = 2**31 - 1
_POLL_SECONDS = 0.0002
_MARKS = 0x7FFFFFFF


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


_number = _FUTEX_SYSCALL.get(platform.machine()) if sys.platform == "linux" else None
_syscall = ctypes.CDLL(None, use_errno=True).syscall if _number is not None else None

_barrier = threading.Lock()


def fence() -> None:
    """Make every store before this call visible before any store after it, also on processors that reorder
    stores.

    Taking and releasing a lock is the one portable memory barrier that CPython offers.
    """
    with _barrier:
        pass


class Doorbells:
    """One word of shared memory for each waiter; ringing changes the word and wakes whoever sleeps on it.

    The protocol of a waiter: `seen = bells.read(me)`, look for work, and only without any `bells.wait(me,
    seen, …)`. A ring between the read and the wait makes the wait return at once, so none is lost. Many may
    ring at the same time: each stores marks of its own, so whoever of them is last, the word
    is not the one that was seen before.
    """

    def __init__(self, words: np.ndarray) -> None:
        """`words`: (waiters,) int32 in shared memory."""
        self._words = words.view(np.int32).data.cast("B").cast("i")
        first = words.ctypes.data
        self._addresses = range(first, first + 4 * len(words), 4)
        # Counting the word itself up would let a ringer that is held up undo the ring of another.
        self._mark = int.from_bytes(os.urandom(4), "little") & _MARKS

    def read(self, waiter: int) -> int:
        """The word as it is now, to be given to `wait`."""
        return self._words[waiter]

    def ring(self, waiter: int) -> None:
        """Wake `waiter`, or keep it from going to sleep."""
        fence()
        self._mark = (self._mark + 1) & _MARKS
        self._words[waiter] = self._mark
        if _syscall is not None:
            _syscall(_number, ctypes.c_void_p(self._addresses[waiter]), _FUTEX_WAKE, _EVERYONE, None, None, 0)

    def wait(self, waiter: int, seen: int, timeout: float) -> None:
        """Sleep until the word differs from `seen`, for at most `timeout` seconds."""
        if _syscall is not None:
            limit = _Timespec(int(timeout), int(timeout % 1 * 1e9))
            address = ctypes.c_void_p(self._addresses[waiter])
            _syscall(_number, address, _FUTEX_WAIT, seen, ctypes.byref(limit), None, 0)
            return
        deadline = time.monotonic() + timeout
        while self._words[waiter] == seen and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
