"""On an NVIDIA GPU: checks all that computes there against NumPy, and times the six networks against PyTorch.

    python benchmarks/gpu.py [--check-only]

Needs CuPy with its CUDA libraries, nvmath-python, torch, ml_dtypes, safetensors, threadpoolctl; chainrule
itself need not be installed. Each part is a process of its own with a time limit, under ten minutes in all:
what fails is reported, the rest goes on, and the exit status is then 1. Times are of CUDA events around
stretches of steps, the contenders taking turns: median, 10th and 90th percentile. float32 is without TF32;
for bfloat16 ours rounds what it multiplies, PyTorch autocasts. Writes benchmarks/results/DATE-gpu.json.
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
LIMITS = {"checks": 210, "float32": 120, "tf32": 120, "bfloat16": 120}
"""Seconds."""
TOLERANCES = {"float32": 1e-5, "tf32": 4e-3, "bfloat16": 3e-2}
"""Of a product of numbers about 1, relative to the largest."""
ROUNDS, STRETCH_SECONDS = 9, 0.02
Checks = list[tuple[str, Callable[[], Any]]]
PACKAGES = ("cupy-cuda13x", "cupy-cuda12x", "nvmath-python", "nvidia-cublas", "numpy", "torch")


def make_importable() -> None:
    """`chainrule` from this checkout, and what the tests and benchmarks share."""
    folder = Path(tempfile.mkdtemp()) / "chainrule"
    folder.mkdir()
    (folder / "core").symlink_to(ROOT / "core")
    sys.path[:0] = [str(folder.parent), str(ROOT / "tests"), str(ROOT / "benchmarks")]


class Report:
    """A line of JSON for each thing, written at once: a part that is ended early has reported so far."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, **known: Any) -> None:
        with self._path.open("a") as file:
            file.write(json.dumps(known) + "\n")

    def attempt(self, name: str, call: Callable[[], Any]) -> Any:
        """What the call gives, None where it fails, which is told."""
        try:
            return call()
        except Exception as error:
            text = f"{type(error).__name__}: {error}".splitlines()
            self.write(failed=name, error=text[0][:300])
            return None


def checks(report: Report) -> None:
    """Float32 first: what comes last is what a slow machine has no time for."""
    from cases import ALL  # pyright: ignore[reportMissingImports]
    from on_device import (  # pyright: ignore[reportMissingImports]
        DTYPES,
        RULES,
        check_case,
        check_optimizer,
        trained,
    )

    tried: Checks = [("a network learns", lambda: close(trained("cuda")[:10], trained("cpu")[:10], 1e-3))]
    for several in (product_checks, kernel_checks, capture_checks):
        tried += report.attempt(several.__name__, several) or []
    for dtype in sorted(DTYPES, key=lambda name: name != "float32"):
        for name, (function, arrays) in ALL.items():
            if name != "op cast":
                tried.append((f"{name}, {dtype}", partial(check_case, function, arrays, dtype, "cuda")))
        for name, rule in RULES.items():
            tried.append((f"{name}, {dtype}", partial(check_optimizer, rule, dtype, "cuda")))
    for count, (name, call) in enumerate(tried, start=1):
        report.attempt(name, call)
        if not count % 50 or count == len(tried):
            report.write(checked=count, of=len(tried))


def close(actual: Any, expected: Any, tolerance: float) -> None:
    from chainrule.core.array import to_numpy

    there, here = np.asarray(to_numpy(actual), np.float64), np.asarray(expected, np.float64)
    error = np.abs(there - here).max(initial=0) / max(np.abs(here).max(initial=0), 1e-30)
    if not error <= tolerance:
        raise AssertionError(f"off by {error:.2g} of the largest, {tolerance:g} allowed")


def product_checks() -> Checks:
    """cuBLASLt's products, by precision and by how their operands lie."""
    import cupy  # pyright: ignore[reportMissingImports]

    from chainrule.core.cuda import matmul

    if matmul.library() is None:
        raise RuntimeError("nvmath or cuBLASLt is not installed: products are CuPy's and refuse capture")
    rng = np.random.default_rng(0)
    cut: dict[str, Callable[[Any], Any]] = {
        "plain": lambda x: x, "askew": lambda x: x[..., 1:, 1:], "turned": lambda x: x.swapaxes(-1, -2)
    }  # fmt: skip

    def check(precision: str, pick: Callable[[Any], Any], batch: tuple[int, ...], biased: bool) -> None:
        a, b = (rng.standard_normal((*batch, 40, 40)).astype(np.float32) for _ in range(2))
        bias = rng.standard_normal(pick(b).shape[-1]).astype(np.float32) if biased else None
        matmul.use_precision(precision)
        try:
            there = [None if x is None else cupy.asarray(x) for x in (a, b, bias)]
            y = matmul.product(pick(there[0]), pick(there[1]), there[2])
            close(y, pick(a).astype(float) @ pick(b) + (bias if biased else 0), TOLERANCES[precision])
        finally:
            matmul.use_precision("float32")

    return [
        (
            f"product, {name}, {batch}, bias {biased}, {precision}",
            partial(check, precision, pick, batch, biased),
        )
        for precision in TOLERANCES
        for name, pick in cut.items()
        for batch, biased in (((), False), ((), True), ((5,), False))
    ]


def kernel_checks() -> Checks:
    """Each fused kernel against the formula in its docstring, on sizes that are no multiples of a warp."""
    import cupy  # pyright: ignore[reportMissingImports]

    from chainrule.core.cuda import fused

    rng = np.random.default_rng(1)
    n, classes = 77, 101
    logits = rng.standard_normal((n, classes)).astype(np.float32)
    labels, g = rng.integers(0, classes, n), np.float32(0.3)
    on = cupy.asarray
    exp = np.exp(logits - logits.max(-1, keepdims=True))
    numbers = 0.1, 0.9, 0.01, 1e-3, 0.9, 0.99

    def adam() -> None:
        p, gradient, m, v = np.abs(rng.standard_normal((4, 77 * 37))).astype(np.float32)
        arrays = [on(array) for array in (p, gradient, m, v)]
        decay, kept, rate, epsilon, beta1, beta2 = numbers
        gradient = decay * p + gradient
        m, v = beta1 * m + gradient, beta2 * v + gradient * gradient
        fused.adam(arrays[0], arrays[2:], arrays[1], arrays[0], arrays[2:], numbers)
        for there, here in zip(
            (arrays[0], *arrays[2:]), (kept * p - rate * m / (np.sqrt(v) + epsilon), m, v), strict=True
        ):
            close(there, here, 1e-5)

    one_hot = labels[:, None] == np.arange(classes)
    loss = (np.log(exp.sum(-1)) - np.log(exp)[np.arange(n), labels]).sum()
    return [
        ("kernel cross_entropy", lambda: close(fused.cross_entropy(on(logits), on(labels)), loss, 1e-5)),
        ("kernel cross_entropy_gradient", lambda: close(
            fused.cross_entropy_gradient(on(g), on(logits), on(labels)),
            (exp / exp.sum(-1, keepdims=True) - one_hot) * g, 1e-5)),
        ("kernel adam", adam),
    ]  # fmt: skip


def capture_checks() -> Checks:
    """Of each network: losses and parameters after five steps, replayed and eager."""
    from contenders.gpu import our_step
    from contenders.workload import WORKLOADS

    def check(workload: Any) -> None:
        (eager, plain, _), (replayed, optimizer, plan) = (
            our_step(workload, "float32", c) for c in (False, True)
        )
        for _ in range(5):
            close(replayed(), eager().get(), 1e-5)
        if plan.reasons:
            raise RuntimeError(f"not captured: {plan.reasons[0]}")
        close(optimizer.parameters, plain.parameters.get(), 1e-3)  # sums by atomics are not the same twice

    return [(f"captured step, {workload.title}", lambda w=workload: check(w)) for workload in WORKLOADS]


def times(report: Report, precision: str) -> None:
    import cupy  # pyright: ignore[reportMissingImports]
    from contenders.gpu import CONTENDERS
    from contenders.workload import WORKLOADS, Workload

    def stretch(step: Callable[[], Any], count: int) -> float:
        """Microseconds a step."""
        start, end = cupy.cuda.Event(), cupy.cuda.Event()
        start.record()
        for _ in range(count):
            step()
        end.record()
        end.synchronize()
        return 1000 * cupy.cuda.get_elapsed_time(start, end) / count

    def measure(workload: Workload) -> None:
        steps: dict[str, Callable[[], Any]] = {}
        losses: dict[str, list[float]] = {}
        for name, build in CONTENDERS.items():
            where = f"{name}, {workload.title}, {precision}"
            step = report.attempt(where, partial(build, workload, precision))
            first = step and report.attempt(where, partial(first_losses, step))
            if first:
                steps[name], losses[name] = step, first
        expected = next(iter(losses.values()), [])
        for name, first in losses.items():
            where = f"losses of {name}, {workload.title}, {precision}"
            report.attempt(where, partial(close, first, expected, 2e-3 if precision == "float32" else 5e-2))
        counts = {name: max(3, int(STRETCH_SECONDS * 1e6 / stretch(step, 5))) for name, step in steps.items()}
        taken: dict[str, list[float]] = {name: [] for name in steps}
        for _ in range(ROUNDS):
            for name, step in steps.items():
                taken[name].append(stretch(step, counts[name]))
        for name, figures in taken.items():
            low, median, high = (round(float(value), 1) for value in np.percentile(figures, [10, 50, 90]))
            of = {"workload": workload.title, "precision": precision, "name": name}
            report.write(**of, median_us=median, p10_us=low, p90_us=high)

    for workload in WORKLOADS:
        report.attempt(f"times of {workload.title}, {precision}", partial(measure, workload))


def first_losses(step: Callable[[], Any]) -> list[float]:
    return [float(step()) for _ in range(4)]


def run_part(part: str, path: Path) -> None:
    make_importable()
    report = Report(path)
    if part == "checks":
        checks(report)
    else:
        times(report, part)
    report.write(finished=part)


def table(rows: list[dict[str, Any]]) -> str:
    names = list(dict.fromkeys(row["name"] for row in rows))
    lines = [["µs a step", *names], ["---"] * (len(names) + 1)]
    for key in dict.fromkeys((row["workload"], row["precision"]) for row in rows):
        found = {row["name"]: row for row in rows if (row["workload"], row["precision"]) == key}
        cells = [found.get(name) for name in names]
        texts = [f"{c['median_us']:g} ({c['p10_us']:g} to {c['p90_us']:g})" if c else "–" for c in cells]
        lines.append([", ".join(key), *texts])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def hardware() -> dict[str, str]:
    if shutil.which("nvidia-smi") is None:
        return {"gpu": "unknown, there is no nvidia-smi", "python": platform.python_version()}
    query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    found = subprocess.run(query, capture_output=True, text=True, check=False).stdout.strip()
    return {"gpu": found or "unknown", "machine": platform.platform(), "python": platform.python_version()}


def versions() -> dict[str, str]:
    known = {}
    for package in PACKAGES:
        try:
            known[package] = version(package)
        except PackageNotFoundError:
            continue
    return known


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check-only", action="store_true", help="check against NumPy, time nothing")
    parser.add_argument("--part", choices=LIMITS, help=argparse.SUPPRESS)
    parser.add_argument("--to", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.part:
        run_part(arguments.part, arguments.to)
        return 0
    make_importable()
    from chainrule.core.array import device_module
    from chainrule.core.errors import DeviceError

    try:
        device_module("cuda")
    except DeviceError as error:
        raise SystemExit(str(error)) from error
    entries: list[dict[str, Any]] = []
    for part in ["checks"] if arguments.check_only else LIMITS:
        began = time.monotonic()
        path = Path(tempfile.mkdtemp()) / "report.jsonl"
        command = [sys.executable, __file__, "--part", part, "--to", str(path)]
        try:
            status = str(subprocess.run(command, timeout=LIMITS[part], check=False).returncode)
        except subprocess.TimeoutExpired:
            status = f"over {LIMITS[part]} s"
        reported = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        if not any("finished" in entry for entry in reported):
            reported.append({"failed": f"part {part}", "error": f"ended before it was done: {status}"})
        entries += reported
        print(f"{part}: {time.monotonic() - began:.0f} s", flush=True)
    failures = [entry for entry in entries if "failed" in entry]
    rows = [entry for entry in entries if "median_us" in entry]
    checked = [entry for entry in entries if "checked" in entry][-1:]
    record = {
        "date": f"{date.today()}", "command": " ".join(["python", *sys.argv]), "hardware": hardware(),
        "software": versions(), "checks": checked, "failures": failures, "rows": rows,
    }  # fmt: skip
    name = f"{record['date']}-gpu{'-checks' if arguments.check_only else ''}.json"
    path = ROOT / "benchmarks" / "results" / name
    path.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    for entry in failures:
        print(f"FAILED {entry['failed']}: {entry['error']}")
    if rows:
        print(table(rows))
    print(f"{checked[0]['checked'] if checked else 0} checks, {len(failures)} failures; written to {path}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
