"""How far a job scales, simulated with the coordinator's and the parameter server's own logic.

    python benchmarks/scale.py [--gigabits 25] [--cores 16] [--workers 1,2,…] [--plot docs/scale.svg]

Speeds of computing, of adding gradients up, of the update and of messages are measured first, on this
machine; the network is its loopback, or one of --gigabits a second. One node has --cores workers. The network
is 784-1024-1024-10 with 64 samples a worker (weak scaling), with and without stragglers (1 % of the
micro-batches take three times as long) and losses (one worker every ten seconds of simulated time); and if
gradients took a quarter of their bytes on the way, as int8 does (today links send them whole).
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from simulation.asynchronous import Asynchronous, bounded
from simulation.cluster import Result, Setting, Simulation
from simulation.machine import measure_machine
from simulation.synchronous import Synchronous
from turns import add_output, give

SAMPLES = 64
WORKERS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)
MOST_DISTURBED = 1024
"""Workers: with more, the simulation of losses takes minutes."""
MODES: dict[str, type[Simulation]] = {
    "sync": Synchronous,
    "bounded 64": bounded(64),
    "async": Asynchronous,
}
ADVICE = {
    "workers": "more workers",
    "shards": "more parameter_servers, up to the cores of the home node",
    "network into the home node": "a larger batch_size, or average_every",
    "network out of the home node": "a larger batch_size or average_every: fewer versions travel",
}


def simulate(machine: Any, mode: str, workers: int, disturbed: bool, sends: float = 1.0) -> Result:
    sync = mode == "sync"
    setting = Setting(workers, SAMPLES * workers if sync else SAMPLES, sends=sends)
    if disturbed:
        setting = replace(setting, stragglers=0.01, lost_every=10.0)
    updates = 20 if sync else max(30, (4 if workers < 1024 else 2) * workers)
    return MODES[mode](machine, setting, updates).run()


def row(mode: str, what: str, result: Result, alone: float) -> dict[str, Any]:
    efficiency = result.samples_per_second / (result.workers * alone)
    return {
        "mode": mode,
        "what": what,
        "workers": result.workers,
        "samples_per_second": round(result.samples_per_second),
        "efficiency": round(efficiency, 3),
        "coordinator_us": round(1e6 * result.coordinator_seconds, 1),
        "busiest": result.limit,
        "staleness": round(result.staleness, 1),
    }


def text(record: dict[str, Any]) -> str:
    machine = record["machine"]
    speeds = (
        f"a sample {1e6 * machine['sample_seconds']:.0f} µs, an update {1e3 * machine['update_seconds']:.2f} "
        f"ms, adding {machine['memory_bytes_per_second'] / 1e9:.1f} GB/s, network "
        f"{machine['link_bytes_per_second'] / 1e9:.2f} GB/s and {1e6 * machine['link_seconds']:.0f} µs a "
        f"message, {machine['cores']} workers a node"
    )
    lines = [
        speeds,
        "",
        "| mode | cluster | workers | samples/s | efficiency | decisions a step | busiest | staleness |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for each in record["rows"]:
        lines.append(
            f"| {each['mode']} | {each['what']} | {each['workers']:,} | {each['samples_per_second']:,} | "
            f"{100 * each['efficiency']:.0f} % | {each['coordinator_us']:.0f} µs | {each['busiest']} | "
            f"{each['staleness']:g} |"
        )
    return "\n".join([*lines, "", *record["stops"]])


def where_it_stops(rows: list[dict[str, Any]], mode: str) -> str:
    """The last number of workers that doubles well, and what to set beyond it."""
    own = [each for each in rows if each["mode"] == mode and each["what"] == "undisturbed"]
    best = max(own, key=lambda each: each["samples_per_second"])
    good = [each["workers"] for each in own if each["efficiency"] >= 0.5]
    after = next((each for each in own if each["efficiency"] < 0.5), None)
    if after is None:
        return f"{mode}: at least half of the ideal up to {own[-1]['workers']:,} workers."
    return (
        f"{mode}: half of the ideal up to {max(good, default=1):,} workers, most samples a second with "
        f"{best['workers']:,}; then {after['busiest']} is the limit: {ADVICE[after['busiest']]}."
    )


def plot(rows: list[dict[str, Any]], file: Path) -> None:
    import matplotlib  # pyright: ignore[reportMissingImports]

    matplotlib.use("svg")
    from matplotlib import pyplot  # pyright: ignore[reportMissingImports]

    figure, (rates, times) = pyplot.subplots(1, 2, figsize=(11, 4.2), constrained_layout=True)
    for what in dict.fromkeys((each["mode"], each["what"]) for each in rows):
        own = [each for each in rows if (each["mode"], each["what"]) == what]
        workers = [each["workers"] for each in own]
        style = "-" if what[1] == "undisturbed" else "--" if what[1] == "disturbed" else ":"
        rates.plot(workers, [each["samples_per_second"] for each in own], style, label=", ".join(what))
        times.plot(workers, [each["coordinator_us"] for each in own], style, label=", ".join(what))
    first = next(each for each in rows if each["workers"] == 1)["samples_per_second"]
    rates.plot(WORKERS, [first * count for count in WORKERS], color="#94a3b8", lw=0.8, label="ideal")
    for axis, title in ((rates, "samples a second"), (times, "decisions: microseconds a step, in real time")):
        axis.set(xscale="log", yscale="log", xlabel="workers", title=title)
        axis.grid(alpha=0.3)
    rates.legend(fontsize=8)
    figure.savefig(file, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--gigabits", type=float, help="of the network; without it, the loopback's")
    parser.add_argument("--cores", type=int, default=16, help="workers a node (default 16)")
    parser.add_argument("--workers", default=",".join(map(str, WORKERS)), help="how many, e.g. 1,8,64")
    parser.add_argument("--plot", type=Path, help="draw the table into this file (needs matplotlib)")
    add_output(parser)
    arguments = parser.parse_args()
    machine = measure_machine(arguments.gigabits, arguments.cores)
    rows: list[dict[str, Any]] = []
    counts = [int(count) for count in arguments.workers.split(",")]
    for mode in MODES:
        alone = simulate(machine, mode, 1, disturbed=False).samples_per_second
        for what, disturbed, sends in (
            ("undisturbed", False, 1.0),
            ("disturbed", True, 1.0),
            ("a quarter sent", False, 0.25),
        ):
            rows += [
                row(mode, what, simulate(machine, mode, count, disturbed, sends), alone)
                for count in counts
                if not disturbed or count <= MOST_DISTURBED
            ]
    record = {
        "machine": asdict(machine),
        "rows": rows,
        "stops": [where_it_stops(rows, mode) for mode in MODES],
    }
    give(record, "scale", arguments, text)
    if arguments.plot:
        plot(rows, arguments.plot)


if __name__ == "__main__":
    main()
