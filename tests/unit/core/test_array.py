"""Devices: the CPU by name, no silent fallback from a GPU that is not there, CuPy in one file only."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import chainrule.core
from chainrule.core.array import array_module, device_module, to_device, to_numpy
from chainrule.core.errors import DeviceError


def test_the_cpu_is_numpy_and_arrays_already_there_are_not_copied() -> None:
    array = np.zeros(3)
    assert device_module("cpu") is np
    assert array_module(array) is array_module(np.float32(1)) is np
    assert to_device(array, "cpu") is array
    assert to_numpy(array) is array


def test_cuda_without_cupy_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(
        DeviceError, match=r"CuPy is not installed.*chainrule\[gpu-cu12\].*chainrule\[gpu-cu13\]"
    ):
        device_module("cuda")


class RuntimeFailure(Exception):
    pass


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        ("cudaErrorInsufficientDriver: CUDA driver version is insufficient", "no usable NVIDIA driver"),
        ("cudaErrorNoDevice: no CUDA-capable device is detected", "the driver finds no GPU"),
        (None, "the driver finds no GPU"),
    ],
)
def test_cuda_without_driver_or_gpu_says_which_is_missing(
    monkeypatch: pytest.MonkeyPatch, failure: str | None, message: str
) -> None:
    def count() -> int:
        if failure:
            raise RuntimeFailure(failure)
        return 0

    cupy = ModuleType("cupy")
    runtime = type("runtime", (), {"getDeviceCount": staticmethod(count), "CUDARuntimeError": RuntimeFailure})
    monkeypatch.setattr(cupy, "cuda", type("cuda", (), {"runtime": runtime}), raising=False)
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    with pytest.raises(DeviceError, match=message):
        device_module("cuda")


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(DeviceError, match="expected cpu or cuda, got 'tpu'"):
        to_device(np.zeros(1), "tpu")


def test_only_one_file_imports_cupy() -> None:
    root = Path(chainrule.core.__path__[0])
    importing = [path.name for path in root.rglob("*.py") if "import cupy" in path.read_text()]
    assert importing == ["array.py"]
