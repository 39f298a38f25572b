"""Measures on Ray, on this machine, how long a job takes to get over the end of each of its processes, and
what spares gain beside a slow worker.

    python benchmarks/recovery.py
"""

from __future__ import annotations

import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from chainrule.worker.reports import (
    CheckpointSaved,
    EpochCompleted,
    MemberJoined,
    MemberLost,
    Progress,
    Report,
    Started,
)
from chainrule.worker.runtime import JobOrder, Stop
from chainrule.worker.runtime.ray import RayRuntime
from chainrule.worker.spec import JobSpec, parse_spec

JOB = {
    "dataset": {"source": "digits"},
    "model": [
        {"linear": {"units": 512}},
        "relu",
        {"linear": {"units": 512}},
        "relu",
        {"linear": {"units": 10}},
    ],
    "loss": "softmax_cross_entropy",
    "optimizer": "adam",
    "training": {"epochs": 1_000_000, "batch_size": 512, "micro_batches": 16, "checkpoint_every": 10},
    "cluster": {"workers": 2},
}
ACTORS = {
    "worker": "GradientWorkerActor",
    "parameter server": "ParameterServerActor",
    "coordinator": "CoordinatorActor",
}
MEASURED_SECONDS = 10.0
SLICE_SECONDS = 0.02
STOPPED_SHARE = 0.8


def main() -> None:
    """Prints a line for each measurement."""
    runtime, spec = RayRuntime(), parse_spec(JOB)
    runtime.start()
    try:
        for sent in (signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM):
            for what in ACTORS:
                if what != "coordinator" or sent is signal.SIGKILL:
                    told, joined = recovery(runtime, spec, ACTORS[what], sent)
                    print(
                        f"{sent.name} to a {what}: told after {told:.1f} s, made good after {joined:.1f} s",
                        flush=True,
                    )
        for spares in (0, 4, 8):
            steps = beside_a_slow_worker(runtime, spec.with_overrides([f"cluster.spares={spares}"]))
            print(
                f"one of two workers stopped {STOPPED_SHARE:.0%} of the time, "
                f"spares {spares}: {steps:.1f} steps/s",
                flush=True,
            )
    finally:
        runtime.close()


def recovery(runtime: RayRuntime, spec: JobSpec, actor: str, sent: signal.Signals) -> tuple[float, float]:
    """Seconds from a signal to a process until its loss is told, and until training is complete again."""
    sent_at = told = joined = 0.0

    def at(report: Report, stop: Callable[[Stop], None]) -> None:
        nonlocal sent_at, told, joined
        if not sent_at and isinstance(report, CheckpointSaved):
            sent_at = time.monotonic()
            os.kill(processes(actor)[0], sent)
        elif sent_at and isinstance(report, MemberLost):
            told = time.monotonic() - sent_at
        elif told and isinstance(report, MemberJoined | Started):
            joined = time.monotonic() - sent_at
            stop(Stop.KILL)

    run(runtime, spec, at)
    return told, joined


def beside_a_slow_worker(runtime: RayRuntime, spec: JobSpec) -> float:
    """Steps a second with one worker stopped for most of the time."""
    began: tuple[float, int] | None = None
    rate = 0.0
    with tempfile.TemporaryDirectory() as folder:
        execution = runtime.execute(JobOrder("job", 1, spec, Path(folder)))
        reports = execution.reports()
        while not isinstance(next(reports), EpochCompleted):
            pass
        with slowed(processes(ACTORS["worker"])[0]):
            for report in reports:
                if isinstance(report, Progress) and began is None:
                    began = time.monotonic(), report.step
                elif isinstance(report, Progress) and began is not None:
                    seconds = time.monotonic() - began[0]
                    rate = (report.step - began[1]) / seconds
                    if seconds > MEASURED_SECONDS:
                        execution.stop(Stop.KILL)
                        break
        for _ in reports:
            pass
    return rate


@contextmanager
def slowed(process: int) -> Iterator[None]:
    """Stop a process again and again while the context lasts."""
    over = threading.Event()

    def stop_and_go() -> None:
        while not over.is_set():
            os.kill(process, signal.SIGSTOP)
            over.wait(SLICE_SECONDS * STOPPED_SHARE)
            os.kill(process, signal.SIGCONT)
            over.wait(SLICE_SECONDS * (1 - STOPPED_SHARE))

    thread = threading.Thread(target=stop_and_go)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def run(runtime: RayRuntime, spec: JobSpec, at: Callable[[Report, Callable[[Stop], None]], None]) -> None:
    """Train until `at` asks for the end."""
    with tempfile.TemporaryDirectory() as folder:
        execution = runtime.execute(JobOrder("job", 1, spec, Path(folder)))
        for report in execution.reports():
            at(report, execution.stop)


def processes(actor: str) -> list[int]:
    """The processes below this one that play this actor; Ray writes its name into their command line."""
    parents, found = {}, []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if f"ray::{actor}" in (folder / "cmdline").read_text():
                found.append(int(folder.name))
        except OSError:
            continue
    return [process for process in found if _is_below(process, os.getpid(), parents)]


def _is_below(process: int, top: int, parents: dict[int, int]) -> bool:
    while process and process != top:
        process = parents.get(process, 0)
    return process == top


if __name__ == "__main__":
    main()
