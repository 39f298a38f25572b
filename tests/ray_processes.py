"""The processes that play a job's parts on this process's own Ray, found by the names that Ray gives them."""

from __future__ import annotations

import os
import select
from pathlib import Path

ACTORS = WORKER, SHARD, COORDINATOR = "GradientWorkerActor", "ParameterServerActor", "CoordinatorActor"


def processes(actor: str) -> list[int]:
    """The live processes below this one that play this actor; Ray writes its name into their command line."""
    found, parents = [], {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            parents[int(folder.name)] = int(parent)
            if f"ray::{actor}" in (folder / "cmdline").read_text() and state != "Z":
                found.append(int(folder.name))
        except OSError:
            continue
    return [process for process in found if os.getpid() in _ancestors(process, parents)]


def _ancestors(process: int, parents: dict[int, int]) -> set[int]:
    """The process itself, its parent, and so on."""
    line = {process}
    while (process := parents.get(process, 0)) not in line | {0}:
        line.add(process)
    return line


def exchange_folder() -> Path:
    """The folder in shared memory of the job that runs, as its coordinator has it mapped."""
    [coordinator] = processes(COORDINATOR)
    maps = Path(f"/proc/{coordinator}/maps").read_text()
    [board] = {line.split()[-1] for line in maps.splitlines() if line.endswith("/board")}
    return Path(board).parent


def assert_no_process_is_left() -> None:
    """Wait until the last of a job's processes has ended."""
    for actor in ACTORS:
        for process in processes(actor):
            wait_for_end(process)
        assert processes(actor) == []


def wait_for_end(process: int) -> None:
    """Block until a process that is no child of ours has ended."""
    try:
        descriptor = os.pidfd_open(process)
    except ProcessLookupError:
        return
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        assert poll.poll(10_000), f"process {process} still runs 10 seconds after its job ended"
    finally:
        os.close(descriptor)
