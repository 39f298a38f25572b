"""Kernels in C that the ops call where NumPy would take several passes, and how they are found and called.

`launch` calls one. An op uses it where `suits` says that it may, and NumPy's formula everywhere else; both
its forward call and a replayed step plan then run the very same kernel. An op writes into arrays that it gets
from `empty`, so that a plan can put them into its arena.
"""

from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy import ndarray
from threadpoolctl import threadpool_limits

from ..array import Array, array_module

_FOLDER = Path(os.environ.get("CHAINRULE_KERNELS") or Path(__file__).parent)
"""Where the compiled kernels are; elsewhere for `make sanitize`."""
_FLOAT32 = np.dtype(np.float32)
_HEAD = object.__basicsize__
_field_at = ctypes.c_void_p.from_address


def variant() -> str:
    """The build for this machine's processor: the widest vectors that it has."""
    if platform.machine() not in ("x86_64", "AMD64"):
        return "generic"
    from numpy._core._multiarray_umath import __cpu_features__ as features  # pyright: ignore[reportAttributeAccessIssue]

    return (
        "v4" if features.get("AVX512_SKX") else "v3" if features.get("AVX2") and features.get("FMA3") else ""
    )


class _UFunc(ctypes.Structure):
    """The head of NumPy's PyUFuncObject, part of its stable binary interface (numpy/ufuncobject.h)."""

    _fields_ = (
        ("reference_count", ctypes.c_ssize_t),
        ("type", ctypes.c_void_p),
        ("nin", ctypes.c_int),
        ("nout", ctypes.c_int),
        ("nargs", ctypes.c_int),
        ("identity", ctypes.c_int),
        ("functions", ctypes.POINTER(ctypes.c_void_p)),
        ("data", ctypes.POINTER(ctypes.c_void_p)),
        ("ntypes", ctypes.c_int),
    )


def inner_loop(ufunc: np.ufunc, types: str) -> tuple[int, int] | None:
    """Where NumPy's own loop for these types is ("ff->f"), and its data; None where there is none."""
    if types not in ufunc.types:
        return None
    index = ufunc.types.index(types)
    head = _UFunc.from_address(id(ufunc))
    return head.functions[index] or 0, (head.data[index] if head.data else 0) or 0


def _load() -> ctypes.CDLL | None:
    file = _FOLDER / f"kernels_{variant()}.so"
    if os.environ.get("CHAINRULE_NATIVE") == "0" or not file.exists():
        return None
    library = ctypes.CDLL(str(file))
    loop = inner_loop(np.matmul, "ff->f")
    if loop is None:
        return None
    library.use_matmul.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    library.use_matmul(*loop)
    library.replay.argtypes = [ctypes.c_void_p, ctypes.c_int64]
    library.replay.restype = ctypes.c_int64
    library.run_kernel.argtypes = [ctypes.c_void_p] * 4
    library.run_kernel.restype = ctypes.c_int
    return library


library = _load()
"""None where nothing was compiled for this processor: then NumPy computes everything."""


def available_threads() -> int:
    """CHAINRULE_THREADS, else the processors that this process may use, by its affinity and its container."""
    if os.environ.get("CHAINRULE_THREADS", "").isdigit():
        return max(1, int(os.environ["CHAINRULE_THREADS"]))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, min(cores, int(quota) // int(period)))
    except (OSError, ValueError):  # no such limit, or none that is a number: "max"
        return cores


def use_threads(count: int) -> None:
    """Share each kernel's work between so many threads. BLAS gets one: chainrule cuts products itself.

    The bits of a result do not depend on it.
    """
    if library is not None:
        threadpool_limits(1, user_api="blas")
        library.use_threads(count)


def suits(*arrays: Array | None) -> bool:
    """Whether kernels may compute with these: contiguous float32 arrays in the host's memory, or None."""
    if library is None:
        return False
    for array in arrays:
        if array is not None and (
            not isinstance(array, ndarray)
            or array.dtype is not _FLOAT32
            or not ((flags := array.flags).c_contiguous and flags.aligned)
            or (not array.shape and getattr(array, "scalar", False))  # a number of NumPy's, see plan.traced
        ):
            return False
    return True


def suits_in_any_order(*arrays: Array) -> bool:
    """Whether these are float32 arrays of the host, in any order there: for kernels told the strides."""
    return library is not None and all(
        isinstance(array, ndarray)
        and array.dtype is _FLOAT32
        and array.size
        and array.flags.aligned
        and (array.shape or not getattr(array, "scalar", False))
        for array in arrays
    )


def empty(like: Array, shape: tuple[int, ...], dtype: Any = np.float32) -> Array:
    """An array for a kernel to write to, where `like` is."""
    return array_module(like).empty(shape, dtype)


@cache
def address(symbol: str) -> int:
    """Where the kernel of this name begins."""
    return ctypes.cast(getattr(library, symbol), ctypes.c_void_p).value or 0


def launch(
    symbol: str,
    outputs: Sequence[Array | None],
    inputs: Sequence[Array | None],
    integers: Sequence[int] = (),
    numbers: Sequence[float] = (),
) -> int:
    """Call a kernel, see `kernels.h`; 0, or what it says of values that it cannot compute with.

    An output that is also read is named among the outputs only.
    """
    arrays = (*outputs, *inputs)
    for array in arrays:
        if array is not None and array.__class__ is not ndarray:
            return array.recorder.launched(symbol, outputs, inputs, integers, numbers)
    if library is None:
        raise RuntimeError(f"launch: expected kernels to choose {symbol} from, and none are compiled")
    return library.run_kernel(
        address(symbol),
        (ctypes.c_void_p * len(arrays))(*map(pointer, arrays)),
        (ctypes.c_int64 * len(integers))(*integers),
        (ctypes.c_double * len(numbers))(*numbers),
    )


def pointer(array: ndarray | None) -> int | None:
    """Where an array's first element is: the first field of NumPy's PyArrayObject, after Python's own head.

    It is part of NumPy's stable binary interface (numpy/ndarraytypes.h), and ten times as fast as to ask.
    """
    return None if array is None else _field_at(id(array) + _HEAD).value


use_threads(available_threads())
