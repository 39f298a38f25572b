"""Three Ray nodes with addresses of their own, in network namespaces of this machine: a job over all of
them, one of them killed on the way and started again. Needs root and `ip`.

    python benchmarks/namespaces.py [--epochs 20]

Prints what happened and whether the result is that of one process, to the byte; takes its namespaces away.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from chainrule.worker.reports import Finished, MemberJoined, MemberLost, Started
from chainrule.worker.runtime import JobOrder
from chainrule.worker.runtime.inprocess import InProcessRuntime
from chainrule.worker.runtime.ray import RayRuntime
from chainrule.worker.spec import JobSpec, parse_spec

NODES = 3
BRIDGE = "chainrule-br"
PORT = 6379


def address(node: int) -> str:
    """The node's address, on a network that is on this machine only."""
    return f"10.231.77.{node + 1}"


def namespace(node: int) -> str:
    """The name of the node's network namespace."""
    return f"chainrule-{node}"


def ip(*arguments: str, check: bool = True) -> None:
    """Run `ip`."""
    subprocess.run(["ip", *arguments], check=check, capture_output=not check)


@contextmanager
def namespaces() -> Iterator[None]:
    """Network namespaces that reach each other over a bridge, and nothing else."""
    remove()
    try:
        ip("link", "add", BRIDGE, "type", "bridge")
        ip("link", "set", BRIDGE, "up")
        for node in range(NODES):
            name, outer = namespace(node), f"chainrule-v{node}"
            ip("netns", "add", name)
            ip("link", "add", outer, "type", "veth", "peer", "name", "eth0", "netns", name)
            ip("link", "set", outer, "master", BRIDGE, "up")
            for command in ("addr add", "link set"):
                rest = [f"{address(node)}/24", "dev", "eth0"] if command == "addr add" else ["eth0", "up"]
                ip("-n", name, *command.split(), *rest)
            ip("-n", name, "link", "set", "lo", "up")
        yield
    finally:
        remove()


def remove() -> None:
    """Take the namespaces away."""
    for node in range(NODES):
        ip("netns", "del", namespace(node), check=False)
    ip("link", "del", BRIDGE, check=False)


def start_ray(node: int, folder: Path) -> subprocess.Popen[str]:
    """A Ray node with one CPU in its namespace, up; it lives as long as the process that is returned."""
    command = [str(Path(sys.executable).with_name("ray")), "start", "--block", "--num-cpus=1"]
    command += [f"--node-ip-address={address(node)}", "--object-store-memory=100000000"]
    if node:
        command.append(f"--address={address(0)}:{PORT}")
    else:
        command += ["--head", f"--port={PORT}", "--include-dashboard=false", f"--temp-dir={folder}"]
    inside = ["ip", "netns", "exec", namespace(node), *command]
    started = subprocess.Popen(inside, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert started.stdout is not None
    told: list[str] = []
    for line in started.stdout:
        told.append(line)
        if "Ray runtime started" in line:
            return started
    end(node, started)
    sys.exit("".join(told))


def train(runtime: Any, spec: JobSpec, at: Any = lambda report: None) -> Finished:
    """Train in a folder of its own."""
    report = None
    with tempfile.TemporaryDirectory() as folder:
        for report in runtime.execute(JobOrder("job", 1, spec, Path(folder))).reports():
            at(report)
    assert isinstance(report, Finished)
    return report


def drive(epochs: int) -> None:
    """In the first namespace, beside a Ray node: train on all of them, and kill one on the way."""
    spec = parse_spec(
        {
            "dataset": {"source": "digits"},
            "model": [
                {"linear": {"units": 64}},
                "relu",
                {"dropout": {"rate": 0.1}},
                {"linear": {"units": 10}},
            ],
            "loss": "softmax_cross_entropy",
            "optimizer": "adam",
            "training": {"epochs": epochs},
            "cluster": {"workers": NODES, "parameter_servers": 2},
        }
    )
    expected = train(InProcessRuntime(), spec).digest
    runtime = RayRuntime(f"{address(0)}:{PORT}")
    for kill in (False, True):
        done: list[Any] = []

        def at(report: Any, kill: bool = kill, done: list[Any] = done) -> None:
            if isinstance(report, MemberLost | MemberJoined):
                print(f"  {report}", flush=True)
            if isinstance(report, Started) and kill and not done:
                done.append(report)
                print("KILL", flush=True)
                sys.stdin.readline()

        finished = train(runtime, spec, at)
        same = finished.digest == expected
        what = "one node killed and started again" if kill else "undisturbed"
        outcome = finished.outcome.value + (f": {finished.message}" if finished.message else "")
        print(f"three nodes, {what}: {outcome}, the bytes of one process: {same}", flush=True)
    runtime.close()


def main() -> None:
    """Set the nodes up, and start this program again in the first namespace."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside:
        drive(arguments.epochs)
        return
    if os.geteuid():
        sys.exit("Network namespaces need root.")
    with tempfile.TemporaryDirectory(prefix="chainrule-") as folder, namespaces():
        # All nodes and the driver use the token that Ray keeps for this account, or makes.
        os.environ["RAY_AUTH_MODE"] = "token"
        nodes: list[subprocess.Popen[str]] = []
        try:
            for node in range(NODES):
                nodes.append(start_ray(node, Path(folder)))
            again = [sys.executable, __file__, "--inside", f"--epochs={arguments.epochs}"]
            with subprocess.Popen(
                ["ip", "netns", "exec", namespace(0), *again],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            ) as driver:
                assert driver.stdin is not None and driver.stdout is not None
                for line in driver.stdout:
                    if line.strip() != "KILL":
                        print(line, end="", flush=True)
                        continue
                    end(NODES - 1, nodes[-1])
                    nodes[-1] = start_ray(NODES - 1, Path(folder))
                    driver.stdin.write("\n")
                    driver.stdin.flush()
        finally:
            for node in reversed(range(len(nodes))):
                end(node, nodes[node])


def end(node: int, started: subprocess.Popen[str]) -> None:
    """Kill all processes of a node at once."""
    listed = subprocess.run(["ip", "netns", "pids", namespace(node)], capture_output=True, text=True)
    for process in listed.stdout.split():
        with suppress(ProcessLookupError):
            os.kill(int(process), signal.SIGKILL)
    started.wait()


if __name__ == "__main__":
    main()
