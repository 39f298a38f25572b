"""A kernel on the same arrays again and again, with other numbers each time: Python does its part once."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

from numpy import ndarray

from . import address, library, pointer


class Prepared:
    """`launch` of `symbol`, but for the numbers. Holds on to the arrays, whose memory it knows by address."""

    __slots__ = ("_call", "_held", "_integers", "_kernel", "_numbers", "_pointers")

    def __init__(self, symbol: str, arrays: Sequence[ndarray], integers: Sequence[int], numbers: int) -> None:
        """arrays: those that it writes, then those that it reads. numbers: how many it takes."""
        if library is None:
            raise RuntimeError(f"Prepared: expected kernels to choose {symbol} from, and none are compiled")
        self._held = tuple(arrays)
        self._kernel = address(symbol)
        self._pointers = (ctypes.c_void_p * len(arrays))(*map(pointer, arrays))
        self._integers = (ctypes.c_int64 * len(integers))(*integers)
        self._numbers = (ctypes.c_double * numbers)()
        self._call = library.run_kernel

    def __call__(self, numbers: Sequence[float]) -> int:
        """0, or what the kernel says of values that it cannot compute with."""
        self._numbers[:] = numbers
        return self._call(self._kernel, self._pointers, self._integers, self._numbers)
