"""What a distributed step costs beyond its compute, ours and PyTorch DistributedDataParallel's, in one run.

    python benchmarks/overhead.py [--rounds N] [--output json] [--save benchmarks/results/DATE.json]

For each network: the time of a step of a real job on Ray with 2 workers and 2 parameter-server shards, less
the time that one worker's share of forward and backward takes alone on one thread. PyTorch's figure is that
of DDP over gloo with 2 processes of one thread, less forward and backward of half the mini-batch in one
process. Both use Adam; the update counts as overhead, because a single process would not do it twice. Medians
over the rounds; the two take turns.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import tempfile
import time
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits
from turns import add_output, give

WORKERS = 2


@dataclass(frozen=True)
class Workload:
    """A fully connected network and the mini-batch it is trained with."""

    sizes: tuple[int, ...]
    batch_size: int
    steps: int

    @property
    def name(self) -> str:
        return "-".join(map(str, self.sizes)) + f" @ {self.batch_size}"


WORKLOADS = (Workload((64, 64, 64, 10), 32, 1000), Workload((784, 1024, 1024, 10), 128, 60))


def job_spec(workload: Workload, data: Path):
    """The job that trains this network on the arrays in `data`, cut into as many micro-batches as workers."""
    from chainrule.worker.spec import parse_spec

    layers: list = []
    for units in workload.sizes[1:]:
        layers += [{"linear": {"units": units}}, "relu"]
    return parse_spec(
        {
            "dataset": {"source": "npz", "path": str(data), "test_fraction": 0},
            "model": layers[:-1],
            "loss": "softmax_cross_entropy",
            "optimizer": "adam",
            "training": {
                "epochs": 3,
                "batch_size": workload.batch_size,
                "micro_batches": WORKERS,
                "checkpoint_every": 100,
            },
            "cluster": {"workers": WORKERS, "parameter_servers": WORKERS},
        }
    )


def make_data(workload: Workload, path: Path) -> None:
    """Random samples, one epoch of them as many as `workload.steps` mini-batches need."""
    random = np.random.default_rng(0)
    samples = workload.batch_size * workload.steps
    x = random.random((samples, workload.sizes[0]), dtype=np.float32)
    np.savez(path, x=x, y=random.integers(0, workload.sizes[-1], samples))


def our_step(runtime, spec) -> float:
    """Microseconds a step, over the epochs after the first."""
    from chainrule.worker.reports import EpochCompleted
    from chainrule.worker.runtime import JobOrder

    with tempfile.TemporaryDirectory() as folder:
        reports = list(runtime.execute(JobOrder("overhead", 1, spec, Path(folder))).reports())
    epochs = [report for report in reports if isinstance(report, EpochCompleted)]
    if len(epochs) != spec.training.epochs:
        raise SystemExit(f"The job did not succeed: {reports[-1]}")
    steps = epochs[-1].step - epochs[0].step
    return 1e6 * sum(epoch.seconds for epoch in epochs[1:]) / steps


def our_compute(spec, repeats: int) -> float:
    """Microseconds that one worker's micro-batch takes alone on one thread."""
    from chainrule.core import nn
    from chainrule.worker.gradient_worker import GradientComputer
    from chainrule.worker.model import build_model
    from chainrule.worker.objective import Objective
    from chainrule.worker.plan import initial_values, make_plan

    plan = make_plan(spec)
    model = build_model(spec, plan.dataset.feature_shape)
    computer = GradientComputer(model, plan.dataset, Objective(spec, plan.dataset), "cpu")
    computer.use(list(plan.layout.views(initial_values(plan)[0]).values()))
    out = list(plan.layout.views(np.zeros(plan.layout.size, np.float32)).values())
    context = nn.ForwardContext(training=True)
    times = []
    with threadpool_limits(1):
        for step in range(repeats):
            start = time.perf_counter()
            computer.gradient(plan.grid.indices(step, 0), spec.training.batch_size, context, out)
            times.append(time.perf_counter() - start)
    return 1e6 * statistics.median(times[repeats // 5 :])


def torch_process(rank: int, port: int, workload: Workload, distributed: bool, results) -> None:
    """Time DDP steps (or forward and backward alone) on random data in this process."""
    import torch  # pyright: ignore[reportMissingImports]
    from torch import nn  # pyright: ignore[reportMissingImports]

    torch.set_num_threads(1)
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for inputs, units in zip(workload.sizes, workload.sizes[1:], strict=False):
        layers += [nn.Linear(inputs, units), nn.ReLU()]
    model: nn.Module = nn.Sequential(*layers[:-1])
    if distributed:
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "GLOO_SOCKET_IFNAME": "lo"}
        torch.distributed.init_process_group("gloo", rank=rank, world_size=WORKERS)
        model = nn.parallel.DistributedDataParallel(model)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    share = workload.batch_size // WORKERS
    x, y = torch.rand(share, workload.sizes[0]), torch.randint(0, workload.sizes[-1], (share,))
    times = []
    for _ in range(max(30, workload.steps // 2)):
        start = time.perf_counter()
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        if distributed:
            optimizer.step()
        times.append(time.perf_counter() - start)
    if rank == 0:
        results.put(1e6 * statistics.median(times[len(times) // 5 :]))
    # Without the interpreter's teardown, in which gloo's threads now and then abort the process.
    os._exit(0)


def torch_time(workload: Workload, distributed: bool) -> float:
    """Microseconds a step, measured in fresh processes."""
    context = get_context("spawn")
    results = context.SimpleQueue()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    ranks = range(WORKERS if distributed else 1)
    processes = [
        context.Process(target=torch_process, args=(r, port, workload, distributed, results)) for r in ranks
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        if process.exitcode:
            raise SystemExit("A PyTorch process failed; is torch installed? pip install -e '.[bench]'")
    return results.get()


def measure(runtime, workload: Workload, rounds: int) -> dict[str, float | str]:
    """All four times of one workload, taking turns."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data.npz"
        make_data(workload, data)
        spec = job_spec(workload, data)
        ours, compute, ddp, torch_compute = [], [], [], []
        for _ in range(rounds):
            ours.append(our_step(runtime, spec))
            compute.append(our_compute(spec, min(200, workload.steps)))
            ddp.append(torch_time(workload, distributed=True))
            torch_compute.append(torch_time(workload, distributed=False))
    step, alone = statistics.median(ours), statistics.median(compute)
    peer, peer_alone = statistics.median(ddp), statistics.median(torch_compute)
    return {
        "workload": workload.name,
        "step_us": step,
        "compute_us": alone,
        "overhead_us": step - alone,
        "ddp_step_us": peer,
        "ddp_compute_us": peer_alone,
        "ddp_overhead_us": peer - peer_alone,
        "overhead_ratio": (peer - peer_alone) / (step - alone),
        "step_ratio": peer / step,
    }


def table(rows: list[dict[str, float | str]]) -> str:
    """In Markdown, for the README."""
    heading = (
        "one distributed step, 2 processes | ours | beyond its compute | PyTorch DDP | beyond its compute"
    )
    lines = [f"| {heading} | ratio of steps | ratio of overheads |", "|---|---|---|---|---|---|---|"]
    for row in rows:
        names = ("step_us", "overhead_us", "ddp_step_us", "ddp_overhead_us")
        times = [f"{float(row[name]) / 1000:.3g} ms" for name in names]
        ratios = [f"{float(row[name]):.2g}" for name in ("step_ratio", "overhead_ratio")]
        lines.append(f"| {' | '.join([str(row['workload']), *times, *ratios])} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    add_output(parser)
    arguments = parser.parse_args()
    from chainrule.worker.runtime.ray import RayRuntime

    runtime = RayRuntime()
    runtime.start()
    try:
        rows = [measure(runtime, workload, arguments.rounds) for workload in WORKLOADS]
    finally:
        runtime.close()
    give(rows, "overhead", arguments, table)


if __name__ == "__main__":
    main()
