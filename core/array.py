"""The one place that chooses between NumPy and CuPy, and that knows bfloat16, which neither of them does.

Nothing else in chainrule imports CuPy or ml_dtypes.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import ml_dtypes
import numpy as np

from .errors import DeviceError, DTypeError

Array = Any
"""A NumPy or CuPy array. The two have no type in common, so the name documents and checks nothing."""

HALVES = frozenset({np.dtype(ml_dtypes.bfloat16), np.dtype(np.float16)})
"""What is stored in 16 bits, and computed in float32."""
FLOATS = {name: np.dtype(name) for name in ("float64", "float32", "bfloat16", "float16")}
"""The floating dtypes by name."""

_INSTALL_CUPY = "pip install 'chainrule[gpu-cu12]' (CUDA 12) or 'chainrule[gpu-cu13]' (CUDA 13)"


def array_module(x: Array) -> Any:
    """`numpy` or `cupy`, whichever made `x`; of an array that a plan records, NumPy as recorded."""
    if x.__class__ is np.ndarray:
        return np
    if isinstance(x, np.ndarray):
        return getattr(x, "namespace", np)
    cupy = sys.modules.get("cupy")
    return cupy if cupy is not None and isinstance(x, cupy.ndarray) else np


def on_host(x: Array) -> bool:
    """Whether `x` is in the host's memory."""
    return x.__class__ is np.ndarray or isinstance(x, np.ndarray | np.generic) or array_module(x) is np


def as_array(x: Any, dtype: np.dtype) -> Array:
    """A number or a host's array as an array of this dtype; the array itself where it has it."""
    return x.astype(dtype, copy=False) if isinstance(x, np.ndarray) else np.asarray(x, dtype)


def is_floating(dtype: np.dtype) -> bool:
    """Whether derivatives can be taken with numbers of this type."""
    return dtype.kind == "f" or dtype in HALVES


def accumulator(dtype: np.dtype) -> np.dtype:
    """What numbers of this type are added up in: float32 for halves."""
    return FLOATS["float32"] if dtype in HALVES else dtype


def floating(dtype: Any) -> np.dtype:
    """The floating dtype that is meant: `"bfloat16"`, `np.float32`. Raises DTypeError for any other."""
    name = dtype if isinstance(dtype, str) else str(np.dtype(dtype))
    if name not in FLOATS:
        raise DTypeError(f"dtype: expected one of {', '.join(FLOATS)}, got {name}")
    return FLOATS[name]


def limits(dtype: np.dtype) -> Any:
    """`eps`, `max`, `tiny` and the like of a floating dtype, as numpy.finfo gives them."""
    return ml_dtypes.finfo(dtype)


def device_module(device: str) -> Any:
    """`numpy` for "cpu", `cupy` for "cuda". Raises DeviceError where that device cannot be used."""
    if device == "cpu":
        return np
    if device != "cuda":
        raise DeviceError(f"device: expected cpu or cuda, got {device!r}")
    try:
        import cupy  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise DeviceError(
            f"device cuda: CuPy is not installed ({error}); run {_INSTALL_CUPY}, or use device cpu"
        ) from error
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        if "cudaErrorNoDevice" in str(error):
            count = 0
        else:
            raise DeviceError(
                f"device cuda: no usable NVIDIA driver ({error}); install or update it, or use device cpu"
            ) from error
    if count == 0:
        raise DeviceError("device cuda: the driver finds no GPU on this machine; use device cpu")
    return cupy


class _Capture(threading.local):
    active = False


_capture = _Capture()


@contextmanager
def capturing() -> Iterator[None]:
    """Inside, this thread records a CUDA graph: its arrays have no values yet."""
    _capture.active = True
    try:
        yield
    finally:
        _capture.active = False


def readable(x: Array) -> bool:
    """Whether checks may look at the values of `x`: not at those on a GPU while a graph is captured."""
    return not _capture.active or array_module(x) is np


def same_bits(one: Any, other: Any) -> bool:
    """Whether two of the host's arrays are of one shape and type and equal in every bit."""
    one, other = np.asarray(one), np.asarray(other)
    return one.shape == other.shape and one.dtype == other.dtype and one.tobytes() == other.tobytes()


def other_numbers(array: np.ndarray) -> np.ndarray:
    """An array of the same kind with other numbers: each moved on by one place, some left out for others, and
    if they are floats a little larger."""
    moved = np.roll(array.reshape(-1), 1)
    moved[: array.size // 3] = moved[-1:]
    if is_floating(array.dtype):
        moved += array.dtype.type(2.0**-10)
    return moved.reshape(array.shape)


def address(array: np.ndarray) -> int:
    """Where the first element of a host's array lies."""
    return array.__array_interface__["data"][0]


def owner_of(array: np.ndarray) -> np.ndarray:
    """The array whose memory this one is a view of; itself if it has its own."""
    while True:
        base: Any = array.base
        if not isinstance(base, np.ndarray):
            base = getattr(base, "base", None)  # what `as_strided` puts between an array and its view
        if not isinstance(base, np.ndarray):
            return array
        array = base


@cache
def unreadable(dtype: np.dtype) -> np.dtype:
    """One as large as this of which NumPy makes no numbers: it has two fields, at the same place."""
    if dtype.hasobject or not dtype.itemsize:
        return dtype
    names = ["of a step that is recorded", "not to be read"]
    fields: Any = {"names": names, "formats": ["V1"] * 2, "offsets": [0, 0], "itemsize": dtype.itemsize}
    return np.dtype(fields)


def to_numpy(x: Array) -> np.ndarray:
    """`x` in host memory; `x` itself where it is there already. Nothing that a plan could record."""
    if x.__class__ is not np.ndarray and hasattr(x, "recorder"):
        x.escape()
    return np.asarray(x) if on_host(x) else x.get()


def to_device(x: Array, device: str) -> Array:
    """`x` on `device`; `x` itself where it is there already."""
    xp = device_module(device)
    if xp is np:
        return to_numpy(x)
    try:
        return xp.asarray(x)
    except (TypeError, ValueError) as error:
        raise DTypeError(
            f"device cuda: CuPy {xp.__version__} holds no arrays of {x.dtype} ({error}); "
            "bfloat16 takes CuPy 14 or later, float16 any"
        ) from error
