"""Measures the peak memory of a training step of LeNet (forward, loss, backward, Adam), ours and PyTorch's.

python benchmarks/memory.py [--output json]

Each library runs in a process of its own, on one thread, and is asked for what the system gave it: the peak
of the resident set during a step, less the resident set before it. So everything counts on both sides,
scratch of BLAS and oneDNN included; what is there before (weights, optimizer state, batch, libraries) counts
on neither. The first step, in which libraries set themselves up, is left out. malloc is told to return every
array of 64 KiB or more at once, so that the resident set is what is alive, not what an allocator kept:
figures of tracemalloc and of PyTorch's profiler differ from these by less than 2 %. Linux only.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

Step = Callable[[], Any]
BATCH = 256
STEPS = 3
WORKLOAD = f"LeNet 16-32 channels 5x5, 128 hidden, 28x28 @ {BATCH}"
ENVIRONMENT = {
    "MALLOC_MMAP_THRESHOLD_": "65536",
    "NUMPY_MADVISE_HUGEPAGE": "0",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


def samples() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.standard_normal((BATCH, 1, 28, 28), dtype=np.float32), rng.integers(0, 10, BATCH)


def chainrule_step() -> Step:
    from chainrule.core import Tensor, losses, nn, optim

    images, labels = samples()
    model = nn.Sequential(
        nn.Conv2d(1, 16, 5, padding=2), nn.ReLU(), nn.MaxPool(2),
        nn.Conv2d(16, 32, 5), nn.ReLU(), nn.MaxPool(2),
        nn.Flatten(), nn.Linear(800, 128), nn.ReLU(), nn.Linear(128, 10),
    )  # fmt: skip
    nn.initialize(model, 0)
    optimizer = optim.FlatOptimizer(optim.Adam(), model)
    x, training = Tensor(images), nn.ForwardContext(training=True)

    def step() -> None:
        losses.softmax_cross_entropy(model(x, training), labels).backward()
        optimizer.step()

    return step


def pytorch_step() -> Step:
    import torch  # pyright: ignore[reportMissingImports]
    from torch import nn  # pyright: ignore[reportMissingImports]

    images, labels = map(torch.from_numpy, samples())
    model = nn.Sequential(
        nn.Conv2d(1, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(800, 128), nn.ReLU(), nn.Linear(128, 10),
    )  # fmt: skip
    optimizer = torch.optim.Adam(model.parameters(), fused=True)

    def step() -> None:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()

    return step


SIDES: dict[str, Callable[[], Step]] = {"chainrule": chainrule_step, "pytorch": pytorch_step}


def resident(field: str) -> int:
    """Bytes of this process in memory, now (VmRSS) or at most since the last reset (VmHWM): proc(5)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) * 1024


def peak(step: Step) -> float:
    """MiB that a step takes at its peak."""
    step()
    peaks = []
    for _ in range(STEPS):
        gc.collect()
        before = resident("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")  # resets the peak
        step()
        peaks.append((resident("VmHWM") - before) / 2**20)
    return median(peaks)


def measured_apart(side: str) -> float:
    """`peak` of one library, in a fresh process."""
    command = [sys.executable, __file__, "--side", side]
    environment = {**os.environ, **ENVIRONMENT}
    run = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True)
    return float(run.stdout)


def measure() -> dict[str, Any]:
    """The peaks of both libraries, and ours ÷ PyTorch's."""
    peaks = {side: measured_apart(side) for side in SIDES}
    return {
        "workload": WORKLOAD,
        **{f"{side}_mib": round(value, 1) for side, value in peaks.items()},
        "ratio": round(peaks["chainrule"] / peaks["pytorch"], 3),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", choices=SIDES, help="measure one library, in this process")
    parser.add_argument("--output", choices=["text", "json"], default="text")
    arguments = parser.parse_args()
    if arguments.side:
        print(peak(SIDES[arguments.side]()))
        return 0
    record = measure()
    if arguments.output == "json":
        print(json.dumps(record))
        return 0
    print("peak of one step in MiB, one thread, float32; ratio = ours ÷ PyTorch's")
    print(
        f"{record['workload']}: chainrule {record['chainrule_mib']}, pytorch {record['pytorch_mib']}, "
        f"ratio {record['ratio']}"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
