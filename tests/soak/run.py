"""Trains one job after another on real Ray processes while they are killed and stopped at random moments, and
counts what is left over.

`make soak` calls it: for an hour, or MINUTES=... or JOBS=... of them. Each job has to end in the bytes that
one process gives, in bounded time, and after each no actor, placement group, shared memory or process of it
may be left; over all of them, the file descriptors, threads and temporary files of this process may not grow.
The exit status says whether all of that held. Same seed, same plan of faults; the moments are those of the
clock.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ray._private.state import actors
from ray.util.placement_group import placement_group_table
from ray_processes import (  # pyright: ignore[reportMissingImports]
    ACTORS,
    COORDINATOR,
    SHARD,
    WORKER,
    assert_no_process_is_left,
    exchange_folder,
    processes,
)

from chainrule.worker.reports import Finished, MemberLost, Outcome, Started
from chainrule.worker.runtime import JobOrder, Stop
from chainrule.worker.runtime.inprocess import InProcessRuntime
from chainrule.worker.runtime.ray import RayRuntime
from chainrule.worker.spec import JobSpec, parse_spec

MOST_SECONDS = 240.0
"""In which each execution has to end, whatever was done to it."""
MOST_FAULTS = 8
"""After which a job is left in peace."""
SHORT, LONG = 0.5, 9.0
"""Stopped for this long, a process goes on; or wakes up when another has taken its place."""
SLACK = 10
"""Descriptors and threads that may come and go."""

_CLASSES = {"linear": {"units": 10}}
MODELS: dict[str, tuple[int, list[Any]]] = {
    "mlp": (80, [{"linear": {"units": 64}}, "relu", {"dropout": {"rate": 0.1}}, _CLASSES]),
    "cnn": (
        15,
        [
            {"reshape": {"shape": [1, 8, 8]}},
            {"conv2d": {"filters": 4, "kernel": 3}},
            "batch_norm",
            "relu",
            "flatten",
            _CLASSES,
        ],
    ),
    "lstm": (12, [{"reshape": {"shape": [8, 8]}}, {"lstm": {"units": 8}}, "flatten", _CLASSES]),
}
"""Each with its epochs: some seconds of training."""


def job(name: str) -> JobSpec:
    """The job with one of the models."""
    epochs, model = MODELS[name]
    return parse_spec(
        {
            "dataset": {"source": "digits"},
            "model": model,
            "loss": "softmax_cross_entropy",
            "metrics": ["accuracy"],
            "optimizer": "adam",
            "training": {"epochs": epochs, "batch_size": 32, "checkpoint_every": 2},
        }
    )


@dataclass
class Harm:
    """What is done to one execution, by a thread of its own."""

    plan: list[tuple[float, str]]
    stop: Callable[[Stop], None]
    begun: float = field(default_factory=time.monotonic)
    done: list[str] = field(default_factory=list)
    folders: set[Path] = field(default_factory=set)
    over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Each at its moment, or as soon as there is such a process, until the execution is over."""
        for moment, what in self.plan:
            if self.over.wait(max(0.0, self.begun + moment - time.monotonic())):
                return
            self.note_folder()
            if self._do(what):
                self.done.append(f"{what} at {time.monotonic() - self.begun:.1f} s")
        if not self.over.wait(max(0.0, self.begun + MOST_SECONDS - time.monotonic())):
            self.done.append("NO END")
            self.stop(Stop.KILL)

    def note_folder(self) -> None:
        """Remember the job's shared memory, to look for it afterwards."""
        with suppress(ValueError, OSError):  # there is none at the moment
            self.folders.add(exchange_folder())

    def _do(self, what: str) -> bool:
        verb, whom = what.split(" ", 1)
        if verb == "ask":
            self.stop(Stop(whom))
            return True
        held = self._hold(WHOM[whom])
        while not held and not self.over.wait(0.1):
            held = self._hold(WHOM[whom])
        try:
            self._signal(held, signal.SIGKILL if verb == "kill" else signal.SIGSTOP)
            if verb != "kill":
                self.over.wait(LONG if verb == "stop" else SHORT)
                self._signal(held, signal.SIGCONT)
        finally:
            for descriptor in held:
                os.close(descriptor)
        return bool(held)

    def _hold(self, whom: list[tuple[str, int]]) -> list[int]:
        """Descriptors of so many processes of these actors: unlike a number, none is given to another."""
        held: list[int] = []
        for actor, most in whom:
            for process in processes(actor)[:most]:
                with suppress(ProcessLookupError):
                    held.append(os.pidfd_open(process))
        return held

    def _signal(self, descriptors: list[int], number: signal.Signals) -> None:
        for descriptor in descriptors:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(descriptor, number)


WHOM = {
    "worker": [(WORKER, 1)],
    "all workers": [(WORKER, 99)],
    "shard": [(SHARD, 1)],
    "shard and worker": [(SHARD, 1), (WORKER, 1)],
    "coordinator": [(COORDINATOR, 1)],
}
FAULTS = [
    *(f"kill {whom}" for whom in WHOM),
    *(f"{verb} {whom}" for verb in ("hold", "stop") for whom in WHOM),
    *(f"ask {how.value}" for how in Stop),
]
"""To hold is to stop for a short time. The last ask the job to end, after which it is resumed."""


def plan_of_harm(chance: random.Random) -> list[tuple[float, str]]:
    """Up to five faults and their moments in seconds; coordinators do not die more often than is put up
    with."""
    faults = [chance.choice(FAULTS) for _ in range(chance.choice([0, 1, 2, 3, 4, 5]))]
    while faults.count("kill coordinator") > 2:
        faults.remove("kill coordinator")
    return sorted((chance.uniform(0, 6), fault) for fault in faults)


@dataclass
class Soak:
    """Jobs in a row, and what became of them."""

    runtime: RayRuntime
    folder: Path
    chance: random.Random
    expected: dict[str, Finished]
    counts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    left: list[dict[str, int]] = field(default_factory=list)

    def play(self, number: int) -> None:
        """One job, from its start to its model, and a line about it."""
        chance, began = self.chance, time.monotonic()
        name, workers, shards = chance.choice(list(MODELS)), chance.randint(1, 3), chance.randint(1, 2)
        spec = job(name).with_overrides([f"cluster.workers={workers}", f"cluster.parameter_servers={shards}"])
        folder = self.folder / f"job-{number}"
        folder.mkdir()
        finished, done = self._train(number, JobOrder(f"soak-{number}", 1, spec, folder, resume=True))
        self.counts["jobs"] += 1
        self.counts.update(fault.split(" at ")[0] for fault in done)
        expected = self.expected[name]
        if (finished.outcome, finished.digest, finished.metrics) != (
            Outcome.SUCCEEDED,
            expected.digest,
            expected.metrics,
        ):
            self._fail(number, f"{finished} instead of digest {expected.digest}")
        if any(name.startswith(".") for name in os.listdir(folder / "checkpoints")):
            self._fail(number, f"half a checkpoint is left: {os.listdir(folder / 'checkpoints')}")
        shutil.rmtree(folder)
        left = self._left(number)
        self.left.append(left)
        seconds = time.monotonic() - began
        print(
            f"{number:4d} {name:4s} {workers} x {shards}  {finished.outcome.value:9s} {seconds:5.1f} s  "
            f"{', '.join(f'{amount} {what}' for what, amount in left.items())}  {'; '.join(done)}",
            flush=True,
        )

    def _train(self, number: int, order: JobOrder) -> tuple[Finished, list[str]]:
        """Executions until one is over that nobody stopped, and what was done to them."""
        done: list[str] = []
        while True:
            calm = len(done) >= MOST_FAULTS
            finished, harm, lost = self._execute(order, [] if calm else plan_of_harm(self.chance))
            done += harm.done
            self.counts["executions"] += 1
            self.counts["members lost"] += lost
            self._check_folders(number, harm)
            if calm or finished.outcome in (Outcome.SUCCEEDED, Outcome.FAILED) or "NO END" in harm.done:
                return finished, done

    def _execute(self, order: JobOrder, plan: list[tuple[float, str]]) -> tuple[Finished, Harm, int]:
        execution = self.runtime.execute(order)
        harm = Harm(plan, execution.stop)
        thread = threading.Thread(target=harm.run)
        thread.start()
        lost, report = 0, None
        try:
            for report in execution.reports():
                lost += isinstance(report, MemberLost)
                if isinstance(report, Started):
                    harm.note_folder()
        finally:
            harm.over.set()
            thread.join()
        assert isinstance(report, Finished)
        return report, harm, lost

    def _check_folders(self, number: int, harm: Harm) -> None:
        for folder in harm.folders:
            if folder.exists():
                self._fail(number, f"{folder} is left")
        try:
            assert_no_process_is_left()
        except AssertionError as error:
            self._fail(number, f"a process is left: {error}")

    def _left(self, number: int) -> dict[str, int]:
        """What is there now that the job is over: first what has to be none, then what may not grow."""
        groups = [group for group in placement_group_table().values() if group["state"] != "REMOVED"]
        none = {
            "actors": len(_actors_alive()),
            "groups": len(groups),
            "processes": sum(len(processes(actor)) for actor in ACTORS),
        }
        for what, amount in none.items():
            if amount:
                self._fail(number, f"{amount} {what} left")
        return none | {
            "descriptors": len(os.listdir("/proc/self/fd")),
            "threads": threading.active_count(),
            "temporary": len(os.listdir(tempfile.gettempdir())),
        }

    def _fail(self, number: int, what: str) -> None:
        self.failures.append(f"job {number}: {what}")
        print(f"FAILED {self.failures[-1]}", flush=True)

    def check_growth(self) -> None:
        """Compare the last jobs with the first."""
        for what in ("descriptors", "threads", "temporary"):
            first, last = (max(left[what] for left in part) for part in (self.left[:5], self.left[-5:]))
            if last > first + SLACK:
                self.failures.append(f"{what} grew from {first} to {last} in {len(self.left)} jobs")


def _actors_alive() -> list[Any]:
    # The state API needs Ray's dashboard, which jobs do without; this is what it asks.
    return [actor for actor in actors().values() if actor["State"] != "DEAD"]


def main() -> int:
    """Everything; the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=60.0, help="how long (default: %(default)s)")
    parser.add_argument("--jobs", type=int, help="how many jobs, however long they take")
    parser.add_argument("--seed", type=int, default=0, help="of the plan of faults (default: %(default)s)")
    options = parser.parse_args()
    # Apart, to be counted; the names of Ray's sockets may not get much longer.
    with TemporaryDirectory(prefix="soak-") as folder, TemporaryDirectory(prefix="t-") as temporary:
        tempfile.tempdir = os.environ["TMPDIR"] = temporary
        soak = _soak(Path(folder), options.seed, options.minutes, options.jobs)
    print(", ".join(f"{amount} {what}" for what, amount in sorted(soak.counts.items())))
    print("\n".join(soak.failures) or "Nothing is left over, and every job ended in the same bytes.")
    return 1 if soak.failures else 0


def _soak(folder: Path, seed: int, minutes: float, jobs: int | None) -> Soak:
    """So many jobs, or for so long."""
    expected = {}
    for name in MODELS:
        place = folder / name
        place.mkdir()
        report = list(InProcessRuntime().execute(JobOrder(name, 1, job(name), place)).reports())[-1]
        assert isinstance(report, Finished) and report.outcome is Outcome.SUCCEEDED
        expected[name] = report
    runtime = RayRuntime()
    soak = Soak(runtime, folder, random.Random(seed), expected)
    end, number = time.monotonic() + 60 * minutes, 0
    runtime.start()
    try:
        while number < jobs if jobs else time.monotonic() < end:
            soak.play(number)
            number += 1
    finally:
        runtime.close()
    soak.check_growth()
    if left := os.listdir(tempfile.gettempdir()):
        soak.failures.append(f"temporary files are left after Ray's end: {left}")
    return soak


if __name__ == "__main__":
    raise SystemExit(main())
