"""Times six networks, a whole training step and the forward pass alone: ours, PyTorch, torch.compile and JAX.

    python benchmarks/workloads.py [--threads N] [--output json] [--save benchmarks/results/DATE.json]

All have the same weights, data and Adam, in float32, and must agree in logits and losses before they are
timed. Each runs in a process of its own, told how many threads it may use before it starts: OMP_NUM_THREADS
(PyTorch), NPROC (JAX), and by affinity that many cores (ours). They
take turns of a fraction of a second, so that a slow moment of the machine meets all; of more turns than are
needed those count in which other processes took least. ratio = the best peer's median time ÷ ours.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from contenders.workload import WORKLOADS, Contender, Workload

CONTENDERS = {
    "ours": "ours.planned",
    "PyTorch eager": "pytorch.eager",
    "torch.compile": "pytorch.compiled",
    "JAX jit": "jax_jit.jit",
}
"""Where each is built: module and function."""
MODES = {"step": "one training step", "predict": "inference"}
ROUNDS, MOST_ROUNDS = 8, 20
WARM_SECONDS, STRETCH_SECONDS, TURN_SECONDS = 0.05, 0.01, 0.25
CALM = 0.1
"""Cores that other processes may keep busy during a turn that counts at once."""


@dataclass(frozen=True)
class Turn:
    """Seconds of a call, stretch by stretch; cores that it kept busy, and that other processes did."""

    seconds: list[float]
    cores: float
    others: float


def busy() -> float:
    """Seconds that all cores have been at work or taken away since the system started: proc_stat(5)."""
    ticks = [int(field) for field in Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
    idle, waiting = ticks[3:5]
    return (sum(ticks) - idle - waiting) / os.sysconf("SC_CLK_TCK")


def take_turn(call: Callable[[], Any], array: Callable[[Any], np.ndarray]) -> Turn:
    """Call again and again. What a library does while Python goes on counts: a stretch ends with waiting."""
    once, begin = 0.0, time.perf_counter()
    while (start := time.perf_counter()) - begin < WARM_SECONDS or not once:
        array(call())
        once = time.perf_counter() - start
    count = max(1, int(STRETCH_SECONDS / once))
    seconds: list[float] = []
    busy_before, own_before, begin = busy(), time.process_time(), time.perf_counter()
    while (start := time.perf_counter()) - begin < TURN_SECONDS or len(seconds) < 3:
        for _ in range(count):
            result = call()
        array(result)  # pyright: ignore[reportPossiblyUnboundVariable]
        seconds.append((time.perf_counter() - start) / count)
    wall, own = time.perf_counter() - begin, time.process_time() - own_before
    return Turn(seconds, own / wall, max(0.0, busy() - busy_before - own) / wall)


def first_results(contender: Contender) -> tuple[np.ndarray, list[float]]:
    """The logits before training and the losses of the first steps, which must be the same for all."""
    logits = np.array(contender.array(contender.predict()))
    return logits, [float(contender.array(contender.step())) for _ in range(4)]


def serve(connection: Connection, place: str, threads: int) -> None:
    """In a contender's process: build the workloads that come, and take turns in the modes that come."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    module, function = place.split(".")
    build: Callable[[Workload], Contender] = getattr(import_module(f"contenders.{module}"), function)
    contender: Any = None
    while (request := connection.recv()) is not None:
        if isinstance(request, str):
            connection.send(take_turn(getattr(contender, request), contender.array))
            continue
        try:
            contender = build(request)
            connection.send(first_results(contender))
        except Exception as error:
            connection.send(f"{type(error).__name__}: {error}")


def start(threads: int) -> dict[str, Connection]:
    """A process for each contender, and the way to it."""
    count = str(threads)
    os.environ.update(OMP_NUM_THREADS=count, OPENBLAS_NUM_THREADS=count, NPROC=count, JAX_PLATFORMS="cpu")
    context = get_context("spawn")
    connections = {}
    for name, place in CONTENDERS.items():
        connections[name], theirs = context.Pipe()
        context.Process(target=serve, args=(theirs, place, threads), daemon=True).start()
    return connections


def prepared(connections: dict[str, Connection], workload: Workload) -> dict[str, Connection]:
    """Those that can run the workload. Exits if one computes something else."""
    ready, expected = {}, None
    for name, connection in connections.items():
        connection.send(workload)
        answer = connection.recv()
        if isinstance(answer, str):
            print(f"{workload.title}: without {name}, {answer.splitlines()[0]}", flush=True)
            continue
        expected = expected or answer
        if not all(np.allclose(a, b, rtol=1e-3, atol=1e-3) for a, b in zip(answer, expected, strict=True)):
            raise SystemExit(f"{workload.title}: {name} does not compute what the others do")
        ready[name] = connection
    return ready


def rounds(connections: dict[str, Connection], mode: str) -> dict[str, list[Turn]]:
    """The least disturbed turns of each."""
    turns: dict[str, list[Turn]] = {name: [] for name in connections}
    for _ in range(MOST_ROUNDS):
        for name, connection in connections.items():
            connection.send(mode)
            turns[name].append(connection.recv())
        if all(sum(turn.others < CALM for turn in taken) >= ROUNDS for taken in turns.values()):
            break
    return {name: sorted(taken, key=lambda turn: turn.others)[:ROUNDS] for name, taken in turns.items()}


def summary(turns: list[Turn]) -> dict[str, float]:
    low, median, high = np.percentile([s * 1e6 for turn in turns for s in turn.seconds], [10, 50, 90])
    cores, others = (np.mean([getattr(turn, field) for turn in turns]) for field in ("cores", "others"))
    figures = {"median_us": (median, 1), "p10_us": (low, 1), "p90_us": (high, 1)}
    figures |= {"cores": (cores, 2), "other_processes_cores": (others, 2)}
    return {name: round(float(value), digits) for name, (value, digits) in figures.items()}


def measure(connections: dict[str, Connection], workload: Workload, mode: str) -> dict[str, Any]:
    times = {name: summary(turns) for name, turns in rounds(connections, mode).items()}
    best = min((name for name in times if name != "ours"), key=lambda name: times[name]["median_us"])
    return {
        "workload": workload.title,
        "what": MODES[mode],
        "times": times,
        "best_peer": best,
        "ratio": round(times[best]["median_us"] / times["ours"]["median_us"], 2),
        "load_average": round(os.getloadavg()[0], 2),
    }


def cell(times: dict[str, float] | None) -> str:
    """`8.12 ms (8.01 to 8.55)`, in the unit that the median asks for."""
    if times is None:
        return "–"
    unit, scale = ("ms", 1000) if times["median_us"] >= 1000 else ("µs", 1)
    values = [times[f"{name}_us"] / scale for name in ("median", "p10", "p90")]
    median, low, high = (f"{value:.0f}" if value >= 100 else f"{value:.3g}" for value in values)
    return f"{median} {unit} ({low} to {high})"


def table(rows: list[dict[str, Any]], what: str, threads: int) -> str:
    """In Markdown, for the README."""
    lines = [[f"{what}, {threads} threads", *CONTENDERS, "ratio"], ["---"] * (len(CONTENDERS) + 2)]
    for row in rows:
        if row["what"] == what:
            times = [cell(row["times"].get(name)) for name in CONTENDERS]
            lines.append([row["workload"], *times, f"{row['ratio']:.2f}"])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def save(record: dict[str, Any], path: Path) -> None:
    """Put the record in a file of results, in the place of an earlier one of as many threads."""
    results = json.loads(path.read_text()) if path.exists() else {}
    others = [run for run in results.get("workloads", []) if run["threads"] != record["threads"]]
    results["workloads"] = sorted([*others, record], key=lambda run: -run["threads"])
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=2, help="threads for each library (default 2)")
    parser.add_argument("--output", choices=("text", "json"), default="text")
    parser.add_argument("--save", type=Path, help="also put the figures in this file of results")
    arguments = parser.parse_args()
    if missing := [package for package in ("torch", "jax") if find_spec(package) is None]:
        raise SystemExit(f"{' and '.join(missing)} not installed: pip install -e '.[bench]'")
    if arguments.threads > len(os.sched_getaffinity(0)):
        raise SystemExit(f"--threads: there are {len(os.sched_getaffinity(0))} cores here")
    connections = start(arguments.threads)
    rows = []
    for workload in WORKLOADS:
        ready = prepared(connections, workload)
        rows += [measure(ready, workload, mode) for mode in MODES]
    for connection in connections.values():
        connection.send(None)
    software = {name: version(name) for name in ("numpy", "torch", "jax")}
    record = {"threads": arguments.threads, "software": software, "rows": rows}
    if arguments.save:
        save(record, arguments.save)
    if arguments.output == "json":
        print(json.dumps(record, indent=1, ensure_ascii=False))
        return
    print("median (10th to 90th percentile); ratio = the best peer's time ÷ ours\n")
    print("\n\n".join(table(rows, what, arguments.threads) for what in MODES.values()))


if __name__ == "__main__":
    main()
