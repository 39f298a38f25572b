"""How contenders are timed: side by side, in turns of a fraction of a second, each in a process of its own.

All have the same weights, data and Adam, in float32, and must agree in logits and losses before they are
timed. Each process is told how many threads it may use before it starts: OMP_NUM_THREADS (PyTorch), NPROC
(JAX), and by affinity that many cores (ours). They take turns, so that a slow moment of the machine meets
all; of more turns than are needed those count in which other processes took least.

ratio = the best peer's median time ÷ ours. of_limit = the least time that the network's matrix products (by
their plain arithmetic) and the traffic of its weights could take at the speeds that `core/machine_limits.py`
measures in the same run, ÷ the time taken. Winograd's convolutions do less arithmetic than that, so it may be
above 1.
"""

from __future__ import annotations

import json
import os
import sys
import time
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from contenders import CONTENDERS, builder
from contenders.workload import Contender, Workload

from chainrule.core.machine_limits import MachineLimits, measure_limits

MODES = {"step": "one training step", "predict": "inference"}
WARM_SECONDS, STRETCH_SECONDS, TURN_SECONDS = 0.05, 0.01, 0.25
CALM = 0.1
"""Cores that other processes may keep busy during a turn that counts at once."""


@dataclass(frozen=True)
class Rounds:
    """How many turns of each contender count, and how many are taken at most to have as many calm ones."""

    count: int = 8
    most: int = 20


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
    count, least = max(1, int(STRETCH_SECONDS / once)), 3 if once < TURN_SECONDS else 1
    seconds: list[float] = []
    busy_before, own_before, begin = busy(), time.process_time(), time.perf_counter()
    while (start := time.perf_counter()) - begin < TURN_SECONDS or len(seconds) < least:
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
    build = builder(place)
    contender: Any = None
    while (request := connection.recv()) is not None:
        if isinstance(request, str):
            connection.send(take_turn(getattr(contender, request), contender.array))
            continue
        contender = None  # gives its memory back before the next one takes any
        try:
            contender = build(request)
            connection.send(first_results(contender))
        except Exception as error:
            connection.send(f"{type(error).__name__}: {error}")


def tell_threads(environment: dict[str, str] | os._Environ[str], threads: int) -> None:
    """What a process finds in its environment, before it starts, that may use so many threads."""
    count = str(threads)
    environment.update(OMP_NUM_THREADS=count, OPENBLAS_NUM_THREADS=count, NPROC=count, JAX_PLATFORMS="cpu")


def start(threads: int) -> dict[str, Connection]:
    """A process for each contender, and the way to it."""
    tell_threads(os.environ, threads)
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
        # Adam's first step takes the sign of each derivative, of those too that are rounding alone.
        if not all(np.allclose(a, b, rtol=5e-3, atol=1e-3) for a, b in zip(answer, expected, strict=True)):
            raise SystemExit(f"{workload.title}: {name} does not compute what the others do")
        ready[name] = connection
    return ready


def turns_of(connections: dict[str, Connection], mode: str, rounds: Rounds) -> dict[str, list[Turn]]:
    """The least disturbed turns of each."""
    turns: dict[str, list[Turn]] = {name: [] for name in connections}
    for _ in range(rounds.most):
        for name, connection in connections.items():
            connection.send(mode)
            turns[name].append(connection.recv())
        if all(sum(turn.others < CALM for turn in taken) >= rounds.count for taken in turns.values()):
            break
    count = rounds.count
    return {name: sorted(taken, key=lambda turn: turn.others)[:count] for name, taken in turns.items()}


def summary(turns: list[Turn], least: float) -> dict[str, float]:
    """least: the seconds that it takes at the machine's limit."""
    low, median, high = np.percentile([s * 1e6 for turn in turns for s in turn.seconds], [10, 50, 90])
    cores, others = (np.mean([getattr(turn, field) for turn in turns]) for field in ("cores", "others"))
    figures = {"median_us": (median, 1), "p10_us": (low, 1), "p90_us": (high, 1)}
    figures |= {"of_limit": (least * 1e6 / median, 3)}
    figures |= {"cores": (cores, 2), "other_processes_cores": (others, 2)}
    return {name: round(float(value), digits) for name, (value, digits) in figures.items()}


def measured(
    connections: dict[str, Connection], workload: Workload, mode: str, rounds: Rounds, limits: MachineLimits
) -> dict[str, Any]:
    flops, moved = workload.flops(mode), workload.bytes_moved(mode)
    least = max(flops / limits.flops_per_second, moved / limits.bytes_per_second)
    turns = turns_of(connections, mode, rounds)
    times = {name: summary(taken, least) for name, taken in turns.items()}
    best = min((name for name in times if name != "ours"), key=lambda name: times[name]["median_us"])
    return {
        "workload": workload.title,
        "what": MODES[mode],
        "mflop": round(flops / 1e6, 3),
        "weights_mb": round(moved / 1e6, 3),
        "limit_us": round(least * 1e6, 1),
        "times": times,
        "best_peer": best,
        "ratio": round(times[best]["median_us"] / times["ours"]["median_us"], 2),
        "load_average": round(os.getloadavg()[0], 2),
    }


def compare(
    workloads: Sequence[Workload], modes: Sequence[str], rounds: Rounds, threads: int
) -> dict[str, Any]:
    """All contenders on all workloads: a record for a file of results."""
    if missing := [package for package in ("torch", "jax") if find_spec(package) is None]:
        raise SystemExit(f"{' and '.join(missing)} not installed: pip install -e '.[bench]'")
    if threads > len(os.sched_getaffinity(0)):
        raise SystemExit(f"--threads: there are {len(os.sched_getaffinity(0))} cores here")
    limits = measure_limits(threads)
    connections = start(threads)
    rows = []
    for workload in workloads:
        ready = prepared(connections, workload)
        for mode in modes:
            rows.append(measured(ready, workload, mode, rounds, limits))
            print(f"{workload.title}, {MODES[mode]}: {rows[-1]['ratio']}", file=sys.stderr, flush=True)
    for connection in connections.values():
        connection.send(None)
    software = {name: version(name) for name in ("numpy", "torch", "jax")}
    speeds = {"gflops": limits.flops_per_second / 1e9, "gigabytes": limits.bytes_per_second / 1e9}
    speeds = {name: round(speed, 1) for name, speed in speeds.items()}
    return {"threads": threads, "software": software, "limits": speeds, "rows": rows}


def cell(times: dict[str, float] | None) -> str:
    """`8.12 ms (8.01 to 8.55)`, in the unit that the median asks for."""
    if times is None:
        return "–"
    unit, scale = ("ms", 1000) if times["median_us"] >= 1000 else ("µs", 1)
    values = [times[f"{name}_us"] / scale for name in ("median", "p10", "p90")]
    median, low, high = (f"{value:.0f}" if value >= 100 else f"{value:.3g}" for value in values)
    return f"{median} {unit} ({low} to {high})"


def table(record: dict[str, Any], what: str) -> str:
    """In Markdown, for the README."""
    heading = [f"{what}, {record['threads']} threads", *CONTENDERS, "ratio", "of the limit"]
    lines = [heading, ["---"] * len(heading)]
    for row in record["rows"]:
        if row["what"] == what:
            times = [cell(row["times"].get(name)) for name in CONTENDERS]
            share = f"{row['times']['ours']['of_limit']:.0%}".replace("%", " %")
            lines.append([row["workload"], *times, f"{row['ratio']:.2f}", share])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def text(record: dict[str, Any]) -> str:
    limits = record["limits"]
    whats = dict.fromkeys(row["what"] for row in record["rows"])
    heading = "median (10th to 90th percentile); ratio = the best peer's time ÷ ours; limit: "
    heading += f"{limits['gflops']:.0f} GFLOP/s, {limits['gigabytes']:.0f} GB/s"
    return "\n\n".join([heading, *(table(record, what) for what in whats)])


def arguments_of(script: str | None) -> Namespace:
    parser = ArgumentParser(description=script, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2, help="threads for each library (default 2)")
    add_output(parser)
    return parser.parse_args()


def add_output(parser: ArgumentParser) -> None:
    parser.add_argument("--output", choices=("text", "json"), default="text")
    parser.add_argument("--save", type=Path, help="also put the figures in this file of results")


def give(record: Any, name: str, arguments: Namespace, text: Callable[[Any], str]) -> None:
    """Write the record as asked, and put it into the file of results under its name.

    Records that know their threads are kept side by side, the one of most threads first.
    """
    if arguments.save:
        results = json.loads(arguments.save.read_text()) if arguments.save.exists() else {}
        kept = record
        if isinstance(record, dict) and "threads" in record:
            others = [run for run in results.get(name, []) if run["threads"] != record["threads"]]
            kept = sorted([*others, record], key=lambda run: -run["threads"])
        results[name] = kept
        arguments.save.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    if arguments.output == "json":
        print(json.dumps(record, indent=1, ensure_ascii=False))
    else:
        print(text(record))
