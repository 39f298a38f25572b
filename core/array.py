"""The one place that chooses between NumPy and CuPy; nothing else in chainrule imports CuPy."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from .errors import DeviceError

Array = Any
"""A NumPy or CuPy array. The two have no type in common, so the name documents and checks nothing."""

_INSTALL_CUPY = "pip install 'chainrule[gpu-cu12]' (CUDA 12) or 'chainrule[gpu-cu13]' (CUDA 13)"


def array_module(x: Array) -> Any:
    """`numpy` or `cupy`, whichever made `x`."""
    if x.__class__ is np.ndarray:
        return np
    cupy = sys.modules.get("cupy")
    return cupy if cupy is not None and isinstance(x, cupy.ndarray) else np


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


def to_numpy(x: Array) -> np.ndarray:
    """`x` in host memory; `x` itself where it is there already."""
    return np.asarray(x) if array_module(x) is np else x.get()


def to_device(x: Array, device: str) -> Array:
    """`x` on `device`; `x` itself where it is there already."""
    xp = device_module(device)
    return to_numpy(x) if xp is np else xp.asarray(x)
