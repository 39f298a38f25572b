"""Kernel calls with fixed arguments as one list that C goes through: Python does its part once."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy import ndarray

from . import address, library, pointer


@dataclass(frozen=True)
class Launch:
    """A kernel, and what it takes besides arrays; see `kernels.h`."""

    symbol: str
    integers: tuple[int, ...]
    numbers: tuple[float, ...] = ()


class _Call(ctypes.Structure):
    """One entry of the list that `replay` in pool.c goes through."""

    _fields_ = (
        ("function", ctypes.c_void_p),
        ("arrays", ctypes.c_void_p),
        ("integers", ctypes.c_void_p),
        ("numbers", ctypes.c_void_p),
    )


class CallList:
    """Calls of kernels on arrays, those that each writes and then those that it reads; it holds on to them.

    Called, it runs them and says how many did their work: if one refuses its values, those before it.
    """

    __slots__ = ("_count", "_first", "_held", "_run")

    def __init__(self, calls: Sequence[tuple[Launch, Sequence[ndarray | None]]]) -> None:
        if library is None:
            raise RuntimeError("CallList: expected kernels to call, and none are compiled")
        entries = (_Call * len(calls))()
        self._held: list[Any] = [entries]
        for entry, (kernel, arrays) in zip(entries, calls, strict=True):
            given = (
                (ctypes.c_void_p * len(arrays))(*map(pointer, arrays)),
                (ctypes.c_int64 * len(kernel.integers))(*kernel.integers),
                (ctypes.c_double * len(kernel.numbers))(*kernel.numbers),
            )
            entry.function = address(kernel.symbol)
            entry.arrays, entry.integers, entry.numbers = map(ctypes.addressof, given)
            self._held += [arrays, given]
        self._run, self._first, self._count = library.replay, ctypes.addressof(entries), len(calls)

    def __call__(self) -> int:
        return self._run(self._first, self._count)
