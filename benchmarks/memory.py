"""Measures the peak memory of a training step (forward, loss, backward, Adam), ours and PyTorch eager's.

    python benchmarks/memory.py [--output json] [--save benchmarks/results/DATE.json]

Each library runs each network in a process of its own, on two threads, and is asked for what the system gave
it: the peak of the resident set during a step (VmHWM, which writing 5 to /proc/self/clear_refs sets back),
less the resident set before the first step of that batch. So everything counts on both sides: scratch of BLAS
and oneDNN, the arena and the kernels' arguments of a plan. What is there before counts on neither: weights,
gradients, optimizer state and the batch itself, and what libraries set up for themselves in four steps of one
sample. Ours is measured twice: the steps in which the plan is made and checked (the first three), and those
that replay it. malloc is told to return every array of 64 KiB or more at once, so that the resident
set is what is alive, not what an allocator kept: for LeNet, figures of tracemalloc and of PyTorch's profiler
differ from these by less than 2 %. Below 0.1 MiB they say little. Linux only.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from contenders import builder
from contenders.workload import WORKLOADS, Workload
from turns import add_output, give, tell_threads

THREADS = 2
FIRST_STEPS, STEPS = 3, 5
"""Those in which a plan is made and checked, and those after them."""
MEASURED = {"ours": "ours.planned", "pytorch": "pytorch.eager"}


def resident(field: str) -> int:
    """Bytes of this process in memory, now (VmRSS) or at most since the last reset (VmHWM): proc(5)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) * 1024


def peaks(place: str, workload: Workload) -> list[float]:
    """MiB that each step takes at its peak, beyond what was there before the first, in this process."""
    contender = builder(place)(workload).use(replace(workload, batch=1))
    for _ in range(FIRST_STEPS + 1):
        contender.step()
    contender.use(workload)
    gc.collect()
    before = resident("VmRSS")
    found = []
    for _ in range(FIRST_STEPS + STEPS):
        gc.collect()
        Path("/proc/self/clear_refs").write_text("5")  # resets the peak
        contender.step()
        found.append(max(0, resident("VmHWM") - before) / 2**20)
    return found


def measured_apart(place: str, workload: Workload) -> tuple[float, float]:
    """The peak of the first steps, and of those after them, in a fresh process."""
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536", "NUMPY_MADVISE_HUGEPAGE": "0"}
    tell_threads(environment, THREADS)
    command = [sys.executable, __file__, "--alone", place, workload.name]
    run = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True)
    found = json.loads(run.stdout)
    return max(found[:FIRST_STEPS]), median(found[FIRST_STEPS:])


def measure(workload: Workload) -> dict[str, Any]:
    """The peaks of both libraries in MiB, and ours ÷ PyTorch's."""
    recording, ours = measured_apart(MEASURED["ours"], workload)
    _, pytorch = measured_apart(MEASURED["pytorch"], workload)
    figures = {"ours_mib": ours, "ours_recording_mib": recording, "pytorch_mib": pytorch}
    return {
        "workload": workload.title,
        **{name: round(value, 2) for name, value in figures.items()},
        "ratio": round(ours / pytorch, 3) if pytorch else None,
    }


def table(rows: list[dict[str, Any]]) -> str:
    """In Markdown, for the README."""
    lines = [
        "| peak memory of one training step | ours | while recorded | PyTorch eager | ours ÷ PyTorch's |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        sizes = [f"{row[name]:.3g} MiB" for name in ("ours_mib", "ours_recording_mib", "pytorch_mib")]
        ratio = "–" if row["ratio"] is None else f"{row['ratio']:.2f}"
        lines.append(f"| {row['workload']} | {' | '.join(sizes)} | {ratio} |")
    return "\n".join(lines)


def main() -> None:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    add_output(parser)
    parser.add_argument("--workload", choices=[workload.name for workload in WORKLOADS], help="only this one")
    parser.add_argument("--alone", nargs=2, metavar=("PLACE", "WORKLOAD"), help="one, in this process")
    arguments = parser.parse_args()
    if arguments.alone:
        place, name = arguments.alone
        print(json.dumps(peaks(place, next(w for w in WORKLOADS if w.name == name))))
        return
    chosen = [w for w in WORKLOADS if arguments.workload in (None, w.name)]
    give([measure(workload) for workload in chosen], "memory", arguments, table)


if __name__ == "__main__":
    main()
