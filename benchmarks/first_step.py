"""Times the way from the start of a process to the end of its first training step, and of its fourth.

    python benchmarks/first_step.py [--output json] [--save benchmarks/results/DATE.json]

In a fresh process each, for six networks: importing, building, and for ours planning, whose first three steps
run eagerly, record, and verify, so that the fourth is the first that is replayed. Cold: Python finds no
bytecode and writes none (PYTHONDONTWRITEBYTECODE, `-X pycache_prefix` to an empty folder); the system's cache
of files is as it is. Warm: a later run, with all that the first has left. The shortest of a few runs counts.
Beside it the peers, warm: torch.compile with its cache of kernels filled by a run before. What they take to
get their initial weights from ours is not counted. The limits for ours, to the end of the replayed step, are
2 s cold and 0.7 s warm.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from tempfile import TemporaryDirectory
from typing import Any

REPEATS, STEPS = 3, 4
LIMITS = {"cold": 2.0, "warm": 0.7}
"""Seconds."""
BYTECODE_VARIABLES = ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX")


def alone(place: str, name: str, began: float) -> None:
    """In a process that began at that moment: build, take steps, tell when the first and the last ended."""
    import numpy as np  # what all have to load

    before = time.monotonic()
    from contenders.workload import WORKLOADS

    workload = next(workload for workload in WORKLOADS if workload.name == name)
    if not place.startswith("ours"):
        from contenders.ours import initial_weights

        initial_weights(workload)
        began += time.monotonic() - before
    from contenders import builder

    contender = builder(place)(workload)
    losses, ended = [], []
    for _ in range(STEPS):
        losses.append(contender.array(contender.step()))
        ended.append(time.monotonic() - began)
    if not np.isfinite(losses).all():
        raise SystemExit(f"{name}: losses of {losses}")
    print(json.dumps([ended[0], ended[-1]]))


def run(place: str, name: str, bytecode: str | None) -> list[float]:
    """Seconds to the end of the first step and of the last one, in a fresh process: cold without bytecode."""
    from turns import tell_threads

    environment = {name: value for name, value in os.environ.items() if name not in BYTECODE_VARIABLES}
    tell_threads(environment, 2)
    with TemporaryDirectory() as empty:
        if bytecode is None:
            environment |= {"PYTHONDONTWRITEBYTECODE": "1"}
        options = ["-X", f"pycache_prefix={empty if bytecode is None else bytecode}"]
        command = [sys.executable, *options, __file__, "--alone", place, name, str(time.monotonic())]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{name} in {place} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def least(place: str, name: str, bytecode: str | None, repeats: int) -> dict[str, float]:
    runs = [run(place, name, bytecode) for _ in range(repeats)]
    first, last = (min(times) for times in zip(*runs, strict=True))
    return {"first_s": round(first, 3), "fourth_s": round(last, 3)}


def measure(place_of: dict[str, str], name: str, bytecode: str) -> dict[str, dict[str, float]]:
    """bytecode: the folder where the runs that are not cold keep and find it."""
    times: dict[str, dict[str, float]] = {}
    for contender, place in place_of.items():
        run(place, name, bytecode)
        if contender == "ours":
            times["ours cold"] = least(place, name, None, REPEATS)
            times["ours warm"] = least(place, name, bytecode, REPEATS)
        else:
            times[contender] = least(place, name, bytecode, 1)
    return times


def table(rows: list[dict[str, Any]]) -> str:
    """In Markdown, for the README."""
    names = list(rows[0]["times"])
    lines = [["seconds to the first / fourth step", *names], ["---"] * (len(names) + 1)]
    for row in rows:
        times = [f"{time['first_s']:.2f} / {time['fourth_s']:.2f}" for time in row["times"].values()]
        lines.append([row["workload"], *times])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    if sys.argv[1:2] == ["--alone"]:
        place, name, began = sys.argv[2:]
        alone(place, name, float(began))
        return
    from contenders import CONTENDERS
    from contenders.workload import WORKLOADS
    from turns import add_output, give

    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    add_output(parser)
    parser.add_argument("--ours", action="store_true", help="without the peers")
    arguments = parser.parse_args()
    place_of = {name: place for name, place in CONTENDERS.items() if name == "ours" or not arguments.ours}
    rows = []
    with TemporaryDirectory() as bytecode:
        for workload in WORKLOADS:
            times = measure(place_of, workload.name, bytecode)
            within = all(times[f"ours {state}"]["fourth_s"] <= limit for state, limit in LIMITS.items())
            rows.append({"workload": workload.title, "times": times, "within_limits": within})
    give(rows, "first_step", arguments, table)


if __name__ == "__main__":
    main()
