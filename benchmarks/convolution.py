"""Times each way to compute a convolution, and pooling, beside PyTorch's channels-last kernels.

    python benchmarks/convolution.py [--threads N] [--only NAME,NAME] [--seconds 0.5]

Milliseconds, the least of many calls; all take turns, so that a slow moment of the machine meets all. chosen:
by the rule in core/native/convolution.py, which comes from this table. Arrays lie channels last, and so does
PyTorch's weight.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch  # pyright: ignore[reportMissingImports]

from chainrule.core import native
from chainrule.core.native import convolution as kernels
from chainrule.core.ops.window import Windows


@dataclass(frozen=True)
class Case:
    name: str
    n: int
    channels: int
    filters: int
    size: tuple[int, ...]
    kernel: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    groups: int = 1


CASES = (
    Case("LeNet 1", 64, 1, 16, (28, 28), 5, padding=2),
    Case("LeNet 2", 64, 16, 32, (14, 14), 5),
    Case("CNN 1", 32, 3, 32, (32, 32), 3, padding=1),
    Case("CNN 2", 32, 32, 32, (32, 32), 3, padding=1),
    Case("CNN 3", 32, 32, 64, (16, 16), 3, padding=1),
    Case("CNN 4", 32, 64, 64, (16, 16), 3, padding=1),
    Case("CNN 5", 32, 64, 128, (8, 8), 3, padding=1),
    Case("CNN 6", 32, 128, 128, (8, 8), 3, padding=1),
    Case("ResNet-8 1", 64, 16, 16, (32, 32), 3, padding=1),
    Case("ResNet-8 2", 64, 16, 32, (32, 32), 3, 2, 1),
    Case("ResNet-8 3", 64, 64, 64, (8, 8), 3, padding=1),
    Case("odd 7x7", 32, 64, 64, (7, 7), 3, padding=1),
    Case("small 4x4", 64, 64, 64, (4, 4), 3, padding=1),
    Case("small 3x3", 64, 64, 64, (3, 3), 3, padding=1),
    Case("small 2x2", 64, 64, 64, (2, 2), 3, padding=1),
    Case("wide 256", 32, 256, 256, (8, 8), 3, padding=1),
    Case("stride 2", 32, 32, 64, (32, 32), 3, 2, 1),
    Case("1x1", 32, 64, 64, (16, 16), 1),
    Case("1x1 stride 2", 32, 64, 128, (16, 16), 1, 2),
    Case("depthwise", 32, 64, 64, (32, 32), 3, padding=1, groups=64),
    Case("depthwise 2", 32, 64, 64, (32, 32), 3, 2, 1, groups=64),
    Case("4 groups", 32, 64, 64, (16, 16), 3, padding=1, groups=4),
    Case("16 groups", 32, 64, 64, (16, 16), 3, padding=1, groups=16),
    Case("dilated", 32, 32, 32, (32, 32), 3, 1, 2, 2),
    Case("batch 1", 1, 64, 64, (32, 32), 3, padding=1),
    Case("batch 1 small", 1, 128, 128, (8, 8), 3, padding=1),
    Case("batch 1024", 1024, 16, 32, (14, 14), 5),
    Case("lines", 32, 64, 64, (256,), 5, padding=2),
    Case("7x7 stride 2", 4, 3, 64, (112, 112), 7, 2, 3),
)
METHODS = ("convolve", "winograd", "depthwise")


def channels_last(shape: tuple[int, ...]) -> tuple[np.ndarray, torch.Tensor]:
    """Random numbers (n, c, *size), twice, with the channels together in memory."""
    n, channels, *size = shape
    numbers = np.random.default_rng(0).standard_normal((n, *size, channels), dtype=np.float32)
    return np.moveaxis(numbers, -1, 1), torch.from_numpy(numbers.copy()).movedim(-1, 1)


def possible(method: str, case: Case) -> bool:
    """Whether the kernels of this name can compute it."""
    if method == "winograd":
        ordinary = len(case.size) == 2 and (case.kernel, case.stride, case.dilation, case.groups) == (
            3,
            1,
            1,
            1,
        )
        return ordinary and not case.channels % 16 and not case.filters % 16
    return method == "convolve" or case.groups == case.channels == case.filters > 1


def contenders(case: Case) -> dict[str, dict[str, Callable[[], Any]]]:
    """By what is computed and by how: calls."""
    axes = len(case.size)
    kernel = (case.kernel,) * axes
    windows = Windows.of("case", case.size, kernel, case.stride, case.padding, case.dilation)
    x, their_x = channels_last((case.n, case.channels, *case.size))
    g, their_g = channels_last((case.n, case.filters, *windows.count))
    weight = np.ones((case.filters, case.channels // case.groups, *kernel), np.float32)
    their_weight = torch.from_numpy(weight.copy())
    if axes == 2:
        their_weight = their_weight.contiguous(memory_format=torch.channels_last)
    bias = np.zeros(case.filters, np.float32)
    options = [[size] * axes for size in (case.stride, case.padding, case.dilation)]
    rest = (*options, False, [0] * axes, case.groups)

    def back(*wanted: bool) -> Any:
        return torch.ops.aten.convolution_backward(
            their_g, their_x, their_weight, [case.filters], *rest, wanted
        )

    theirs = torch.ops.aten.convolution
    found: dict[str, dict[str, Callable[[], Any]]] = {
        "y": {"PyTorch": lambda: theirs(their_x, their_weight, torch.from_numpy(bias), *rest)},
        "dx": {"PyTorch": lambda: back(True, False, False)},
        "dw": {"PyTorch": lambda: back(False, True, False)},
    }
    ours: dict[str, Callable[[], Any]] = {
        "y": lambda: kernels.convolve(x, weight, bias, windows, case.groups),
        "dx": lambda: kernels.convolve_back(g, weight, windows, case.groups),
        "dw": lambda: kernels.convolve_weight(x, g, windows, case.groups),
    }
    for what, call in ours.items():
        for method in METHODS:
            if possible(method, case):
                found[what][method] = forced(call, method)
        found[what]["chosen"] = call
    return found


def forced(call: Callable[[], Any], method: str) -> Callable[[], Any]:
    """The call by this method, whatever the rule says."""

    def run() -> Any:
        rule, kernels.method_for = kernels.method_for, lambda *_: method
        try:
            return call()
        finally:
            kernels.method_for = rule

    return run


def pooling(n: int, channels: int, size: int) -> dict[str, dict[str, Callable[[], Any]]]:
    """2x2 windows."""
    windows = Windows.of("case", (size, size), 2)
    x, their_x = channels_last((n, channels, size, size))
    g, their_g = channels_last((n, channels, size // 2, size // 2))
    found = kernels.max_pool(x, windows)
    assert found is not None
    _, choice = found
    _, index = torch.ops.aten.max_pool2d_with_indices(their_x, [2, 2])
    back = torch.ops.aten.max_pool2d_with_indices_backward
    pair = ([2, 2], [2, 2], [0, 0])
    return {
        "largest": {
            "PyTorch": lambda: torch.ops.aten.max_pool2d_with_indices(their_x, [2, 2]),
            "chosen": lambda: kernels.max_pool(x, windows),
        },
        "dx": {
            "PyTorch": lambda: back(their_g, their_x, *pair, [1, 1], False, index),
            "chosen": lambda: kernels.max_pool_back(g, choice, windows),
        },
        "sum": {
            "PyTorch": lambda: torch.ops.aten.avg_pool2d(their_x, [2, 2]),
            "chosen": lambda: kernels.window_sums(x, windows),
        },
    }


def least(calls: dict[str, Callable[[], Any]], seconds: float) -> dict[str, float]:
    """The least milliseconds of each, called in turns of three."""
    best = dict.fromkeys(calls, float("inf"))
    begin = time.perf_counter()
    while time.perf_counter() - begin < seconds:
        for name, call in calls.items():
            for _ in range(3):
                start = time.perf_counter()
                call()
                best[name] = min(best[name], (time.perf_counter() - start) * 1000)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", default="", help="names of cases, with commas between")
    parser.add_argument("--seconds", type=float, default=0.5, help="for each gradient of each case")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    native.use_threads(arguments.threads)
    names = ["PyTorch", *METHODS, "chosen", "ratio"]
    print("| " + " | ".join(["case", "of", *names]) + " |\n" + "|---" * (len(names) + 2) + "|")
    rows = [(case.name, lambda case=case: contenders(case)) for case in CASES]
    rows += [("pool 32 at 32", lambda: pooling(32, 32, 32)), ("pool 16 at 28", lambda: pooling(64, 16, 28))]
    for name, make in rows:
        if arguments.only and name not in arguments.only.split(","):
            continue
        for what, calls in make().items():
            times = least(calls, arguments.seconds)
            cells = [f"{times[column]:.3f}" if column in times else "" for column in names[:-1]]
            cells.append(f"{times['PyTorch'] / times['chosen']:.2f}")
            print(f"| {name} | {what} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
