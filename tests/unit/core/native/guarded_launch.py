"""Calls kernels on copies of their arrays between guards: what they write outside of an output is seen.

Each call is made by one thread and by three, from the same bytes, and has to give the same bits. What comes
from `empty` is NaN, so that an element that no kernel writes, or that one reads first, is seen as well.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from numpy.lib.array_utils import byte_bounds

from chainrule.core import native
from chainrule.core.native import convolution

GUARD = 512
"""Bytes on each side, all of them NaN: reading too far shows in the result."""
THREADS = 1, 3
Arrays = Sequence[np.ndarray | None]


class _Copies:
    """Copies of arrays, each in memory of its own between guards; arrays of one place have one copy."""

    def __init__(self, arrays: Arrays, shift: int) -> None:
        self._memory: dict[tuple[int, int], tuple[int, np.ndarray]] = {}
        for array in arrays:
            if array is not None and array.size:
                low, high = byte_bounds(array)
                start = GUARD + shift * array.itemsize
                memory = np.full(start + high - low + GUARD, 0xFF, np.uint8)
                memory[start : start + high - low] = _bytes(low, high - low)
                self._memory[low, high] = start, memory

    def of(self, array: np.ndarray | None) -> np.ndarray | None:
        if array is None or not array.size:
            return array
        low, high = byte_bounds(array)
        start, memory = self._memory[low, high]
        offset = start + array.__array_interface__["data"][0] - low
        return np.ndarray(array.shape, array.dtype, memory.data, offset, array.strides)

    def check(self, written: Arrays, symbol: str) -> None:
        """Nothing has changed but what is inside of the arrays `written`."""
        outputs = {byte_bounds(array) for array in written if array is not None and array.size}
        for (low, high), (start, memory) in self._memory.items():
            end = start + high - low
            assert (memory[:start] == 0xFF).all(), f"{symbol} writes before an array"
            assert (memory[end:] == 0xFF).all(), f"{symbol} writes behind an array"
            if (low, high) not in outputs:
                assert (memory[start:end] == _bytes(low, high - low)).all(), f"{symbol} writes to an input"


def _bytes(address: int, count: int) -> np.ndarray:
    return np.ctypeslib.as_array((ctypes.c_uint8 * count).from_address(address))


@contextmanager
def guarded(shift: int = 0) -> Iterator[set[str]]:
    """Inside, kernels are called so; gives the names of those that were. shift: of copies, in elements."""
    launch, empty = native.launch, native.empty
    called: set[str] = set()

    def guarded_launch(
        symbol: str,
        outputs: Arrays,
        inputs: Arrays,
        integers: Sequence[int] = (),
        numbers: Sequence[float] = (),
    ) -> int:
        called.add(symbol)
        results, status, written = [], 0, []
        for threads in THREADS:
            native.use_threads(threads)
            copies = _Copies([*outputs, *inputs], shift)
            written = [copies.of(array) for array in outputs]
            status = launch(symbol, written, [copies.of(array) for array in inputs], integers, numbers)
            copies.check(outputs, symbol)
            results.append((status, *(None if array is None else array.tobytes("K") for array in written)))
        assert results[0] == results[1], f"{symbol} gives other bits on other threads"
        for array, copy in zip(outputs, written, strict=True):
            if array is not None and copy is not None:
                array[...] = copy
        return status

    def poisoned(like: Any, shape: tuple[int, ...], dtype: Any = np.float32) -> np.ndarray:
        array = empty(like, shape, dtype)
        array.reshape(-1).view(np.uint8)[...] = 0xFF
        return array

    with pytest.MonkeyPatch.context() as patch:
        for module in (native, convolution):
            patch.setattr(module, "launch", guarded_launch)
            patch.setattr(module, "empty", poisoned)
        yield called


def without_kernels(function: Callable[[], Any]) -> Any:
    """What it gives on a machine where none are compiled."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native, "library", None)
        return function()
