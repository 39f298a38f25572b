"""A strict device that takes kernels and captures graphs: those of kernels.cu, compiled for the host as C++.

One lane takes the place of a warp's 32. What a GPU alone has (shuffles, streams, capture) is imitated.
"""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from strict_device import StrictArray, StrictModule

_PREAMBLE = """
#include <cmath>
using namespace std;
#define __global__
#define __device__ static
#define LANES 1
static float largest_of_lanes(float x) { return x; }
static float sum_of_lanes(float x) { return x; }
struct Index { unsigned x; };
static Index blockIdx, threadIdx, blockDim, gridDim;
"""
_WIDTHS = {"float": ctypes.c_float, "long long": ctypes.c_longlong}


def signatures(source: str) -> dict[str, list[tuple[str, bool]]]:
    """Of each kernel its parameters: the type, and whether it is a pointer."""
    found = re.findall(r"__global__ void (\w+)\((.*?)\)", source, re.DOTALL)
    return {
        name: [(" ".join(p.replace("const", "").split()[:-1]), "*" in p) for p in parameters.split(",")]
        for name, parameters in found
    }


def compiled(source: str, folder: Path) -> ctypes.CDLL:
    """The kernels as functions (blocks, threads, addresses of arguments), each a loop over the threads."""
    compiler = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    command = [compiler] if compiler else [sys.executable, "-m", "ziglang", "c++"]
    loops = ""
    for name, parameters in signatures(source).items():
        values = ", ".join(
            f"*({kind}{'*' if pointer else ''}*)arguments[{i}]"
            for i, (kind, pointer) in enumerate(parameters)
        )
        loops += f"""extern "C" void run_{name}(unsigned blocks, unsigned threads, void **arguments) {{
            gridDim.x = blocks, blockDim.x = threads;
            for (blockIdx.x = 0; blockIdx.x < blocks; blockIdx.x++)
                for (threadIdx.x = 0; threadIdx.x < threads; threadIdx.x++) {name}({values});
        }}\n"""
    (folder / "kernels.cpp").write_text(_PREAMBLE + source + loops)
    subprocess.run(
        [*command, "-O1", "-shared", "-fPIC", "-o", "kernels.so", "kernels.cpp"], cwd=folder, check=True
    )
    return ctypes.CDLL(str(folder / "kernels.so"))


def kernel(library: ctypes.CDLL, name: str, parameters: list[tuple[str, bool]]) -> Any:
    """Called as cupy.RawKernel, which checks nothing; this refuses what does not fit the signature."""

    def call(grid: tuple[int], block: tuple[int], arguments: tuple[Any, ...]) -> None:
        assert len(arguments) == len(parameters), f"{name} takes {len(parameters)} arguments"
        boxes: list[Any] = []
        for value, (kind, pointer) in zip(arguments, parameters, strict=True):
            wanted = {"float": np.float32, "long long": np.int64}[kind]
            assert value.dtype == wanted, f"{name}: {value.dtype} for a {kind}"
            assert isinstance(value, StrictArray) == pointer
            boxes.append(ctypes.c_void_p(value.data.ptr) if pointer else _WIDTHS[kind](value.item()))
        addresses = (ctypes.c_void_p * len(boxes))(*[ctypes.addressof(box) for box in boxes])
        getattr(library, f"run_{name}")(grid[0], block[0], addresses)

    return call


class Module(StrictModule):
    """What stands for the module `cupy`; `log` tells what was asked of the GPU."""

    def __init__(self, library: ctypes.CDLL | None = None, source: str = "") -> None:
        super().__init__()
        self.log: list[str] = []
        self.parameters = signatures(source)
        self._library = library
        runtime = SimpleNamespace(
            getDeviceCount=lambda: 1, CUDARuntimeError=RuntimeError, getDevice=lambda: 0
        )
        self.pinned = self.pool = SimpleNamespace(malloc="CuPy's own")
        self.stream = self.null = Stream(self)
        self.cuda = SimpleNamespace(
            runtime=runtime, MemoryPool=lambda: SimpleNamespace(malloc="a pool's"),
            Stream=lambda: Stream(self),
            get_current_stream=lambda: self.stream, using_allocator=self._using,
            set_pinned_memory_allocator=lambda allocator: setattr(self, "pinned", allocator),
        )  # fmt: skip

    def RawModule(self, code: str) -> Any:
        assert self._library is not None
        made = {name: kernel(self._library, name, known) for name, known in signatures(code).items()}
        return SimpleNamespace(get_function=made.__getitem__)

    def get_default_pinned_memory_pool(self) -> Any:
        return self.pool

    @contextmanager
    def _using(self, allocator: Any) -> Any:
        self.log.append(f"allocate from {allocator}")
        yield


class Stream:
    """A stream; between begin_capture and end_capture the module's `log` is what a graph would hold."""

    ptr = 7

    def __init__(self, module: Module) -> None:
        self._module = module

    def __enter__(self) -> Stream:
        self._module.stream = self
        return self

    def __exit__(self, *_: object) -> None:
        self._module.stream = self._module.null

    def record(self) -> str:
        return "event"

    def wait_event(self, event: str) -> None:
        assert event == "event"

    def begin_capture(self) -> None:
        self._module.log.append("begin")

    def end_capture(self) -> Any:
        self._module.log.append("end")
        return SimpleNamespace(launch=lambda: self._module.log.append("launch"))
