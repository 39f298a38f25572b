"""Samples a second of two worker processes, and what their exchange costs: ours, PyTorch DDP's, Ray Train's.

    python benchmarks/distributed.py [--rounds N] [--output json] [--save benchmarks/results/DATE.json]

Four networks at an equal mini-batch, 2 workers of one thread each: a job of ours on Ray, its parameter server
of 2 shards included; PyTorch DistributedDataParallel over gloo, 2 processes; the same under Ray Train where
that is installed (pip install 'ray[train]'). Then the exchange alone, without any computing: a version of the
board (sum, a plain update, double buffered and safe against a kill) beside gloo's all-reduce of as many
float32. Then a step of a model of 10k parameters, less the time of its forward and backward pass. Medians;
all take turns in each round.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import tempfile
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from contenders.workload import (
    LSTM,
    WORKLOADS,
    Convolution,
    Embedding,
    Layer,
    Linear,
    MaxPool,
    Shape,
    Workload,
)
from threadpoolctl import threadpool_limits
from turns import add_output, give

WORKERS = 2
NETWORKS = [workload for workload in WORKLOADS if workload.name not in ("64-32-10", "784-128-10")]
SMALL = Workload("128-64-32-10", 32, (128,), (Linear(64), Linear(32), Linear(10)))
EXCHANGED = (1_000_000, 10_000_000)
"""float32 parameters."""


def layers_of(workload: Workload) -> list[Any]:
    """The model as a job file has it."""
    found: list[Any] = []
    for layer, shape in workload.shaped_layers():
        found += _layer(layer, shape, layer is workload.layers[-1])
    return found


def _layer(layer: Layer, shape: Shape, last: bool) -> list[Any]:
    match layer:
        case Linear(units):
            kind = "time_linear" if len(shape) == 2 else "linear"
            flat = ["flatten"] if len(shape) == 3 else []
            return [*flat, {kind: {"units": units}}, *([] if last else ["relu"])]
        case Convolution():
            options = {"filters": layer.filters, "kernel": layer.kernel, "padding": layer.padding}
            return [{"conv2d": options}, "relu"]
        case MaxPool():
            return [{"max_pool": {"kernel": 2}}]
        case Embedding(rows, units):
            return [{"embedding": {"rows": rows, "units": units}}]
        case LSTM(units):
            return [{"lstm": {"units": units}}]
    raise NotImplementedError(f"{layer}")


def job_of(workload: Workload, data: Path) -> Any:
    """The job that trains this network on the arrays in `data`, a micro-batch for each worker."""
    from chainrule.worker.spec import parse_spec

    return parse_spec(
        {
            "dataset": {"source": "npz", "path": str(data), "test_fraction": 0},
            "model": layers_of(workload),
            "loss": "softmax_cross_entropy",
            "optimizer": "adam",
            "training": {
                "epochs": 3,
                "batch_size": workload.batch,
                "micro_batches": WORKERS,
                "checkpoint_every": 100,
            },
            "cluster": {"workers": WORKERS, "parameter_servers": WORKERS},
        }
    )


def write_data(workload: Workload, steps: int, file: Path) -> None:
    """As many mini-batches as there are steps, all the same."""
    x, y = workload.data()
    np.savez(file, x=np.concatenate([x] * steps), y=np.concatenate([y] * steps))


def our_seconds(runtime: Any, job: Any) -> float:
    """A step of a job, over the epochs after the first."""
    from chainrule.worker.reports import EpochCompleted
    from chainrule.worker.runtime import JobOrder

    with tempfile.TemporaryDirectory() as folder:
        reports = list(runtime.execute(JobOrder("distributed", 1, job, Path(folder))).reports())
    epochs = [report for report in reports if isinstance(report, EpochCompleted)]
    if len(epochs) != job.training.epochs:
        raise SystemExit(f"The job did not succeed: {reports[-1]}")
    return sum(epoch.seconds for epoch in epochs[1:]) / (epochs[-1].step - epochs[0].step)


def our_compute_seconds(job: Any, repeats: int = 200) -> float:
    """One worker's micro-batch, alone on one thread."""
    from chainrule.core import native, nn
    from chainrule.worker.gradient_worker import GradientComputer
    from chainrule.worker.model import build_model
    from chainrule.worker.objective import Objective
    from chainrule.worker.plan import initial_values, make_plan

    plan = make_plan(job)
    model = build_model(job, plan.dataset.feature_shape, plan.dataset.classes)
    computer = GradientComputer(model, plan.dataset, Objective(job, plan.dataset), "cpu")
    computer.use(list(plan.layout.views(initial_values(plan)[0]).values()))
    out = list(plan.layout.views(np.zeros(plan.layout.size, np.float32)).values())
    times = []
    native.use_threads(1)
    with threadpool_limits(1):
        for _ in range(repeats):
            start = time.perf_counter()
            computer.gradient(
                plan.grid.indices(0, 0), job.training.batch_size, nn.ForwardContext(training=True), out
            )
            times.append(time.perf_counter() - start)
    return statistics.median(times[repeats // 5 :])


# PyTorch: every function below runs in a process of its own.


def ddp_loop(workload: Workload, steps: int, distributed: bool = True) -> float:
    """Seconds of a step in this process, which is one of two, on half of each mini-batch."""
    import torch  # pyright: ignore[reportMissingImports]
    from contenders import pytorch
    from torch import nn  # pyright: ignore[reportMissingImports]

    torch.set_num_threads(1)
    model: Any = pytorch.build(workload)
    if len(workload.shape) == 3:
        model = model.to(memory_format=torch.channels_last)
    if distributed:
        model = nn.parallel.DistributedDataParallel(model)
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    x, y = workload.data()
    share = workload.batch // WORKERS
    inputs, labels = torch.from_numpy(x[:share]), torch.from_numpy(y[:share]).flatten()
    times = []
    for _ in range(steps):
        start = time.perf_counter()
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(inputs).flatten(0, -2), labels).backward()
        if distributed:
            optimizer.step()
        times.append(time.perf_counter() - start)
    return statistics.median(times[steps // 5 :])


def all_reduce_loop(parameters: int, steps: int) -> float:
    """Seconds of gloo's all-reduce in this process, which is one of two."""
    import torch  # pyright: ignore[reportMissingImports]

    torch.set_num_threads(1)
    gradient = torch.ones(parameters)
    times = []
    for _ in range(steps):
        start = time.perf_counter()
        torch.distributed.all_reduce(gradient)
        times.append(time.perf_counter() - start)
    return statistics.median(times[steps // 5 :])


def gloo_process(rank: int, port: int, loop: Callable[..., float], arguments: tuple[Any, ...], results: Any):
    """Join the group, run the loop, and tell its time."""
    import torch  # pyright: ignore[reportMissingImports]

    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "GLOO_SOCKET_IFNAME": "lo"}
    torch.distributed.init_process_group("gloo", rank=rank, world_size=WORKERS)
    seconds = loop(*arguments)
    if rank == 0:
        results.put(seconds)
    torch.distributed.barrier()
    # Without the interpreter's teardown, in which gloo's threads now and then abort the process.
    os._exit(0)


def gloo_seconds(loop: Callable[..., float], *arguments: Any) -> float:
    """What the loop gives in two fresh processes that are one group."""
    return in_processes(gloo_process, (free_port(), loop, arguments))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def in_processes(target: Callable[..., Any], arguments: tuple[Any, ...]) -> float:
    """Run target(rank, *arguments, results) in a process for each worker; what comes out first."""
    context = get_context("spawn")
    results = context.SimpleQueue()
    processes = [context.Process(target=target, args=(rank, *arguments, results)) for rank in range(WORKERS)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        if process.exitcode:
            raise SystemExit("A process failed; is torch installed? pip install -e '.[bench]'")
    return results.get()


def ray_train_seconds(workload: Workload, steps: int) -> float | None:
    """The same loop under Ray Train's TorchTrainer; None where that is not installed."""
    try:
        from ray import train  # pyright: ignore[reportMissingImports]
        from ray.train.torch import TorchConfig, TorchTrainer  # pyright: ignore[reportMissingImports]
    except ImportError:
        return None
    here = str(Path(__file__).parent)

    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "seconds"

        def loop() -> None:
            import sys

            sys.path.insert(0, here)
            from distributed import ddp_loop as measured  # in the worker's process

            seconds = measured(workload, steps)
            if train.get_context().get_world_rank() == 0:
                told.write_text(str(seconds))

        TorchTrainer(
            loop,
            torch_config=TorchConfig(backend="gloo"),
            scaling_config=train.ScalingConfig(num_workers=WORKERS),
            run_config=train.RunConfig(storage_path=folder),
        ).fit()
        return float(told.read_text())


# The exchange alone.


def board_process(rank: int, parameters: int, folder: str, steps: int, results: Any) -> None:
    """A worker and the shard in its process, at work on a shared board; gradients are there already."""
    from chainrule.core import native, optim
    from chainrule.core.flat import FlatLayout
    from chainrule.worker.exchange.board import open_shared_board
    from chainrule.worker.optimization import Optimization
    from chainrule.worker.parameter_server import ParameterServer
    from chainrule.worker.shard_update import ShardUpdate

    native.use_threads(1)
    layout = FlatLayout.of({"weights": (parameters,)})
    board = open_shared_board(board_shape(layout), Path(folder))
    part = layout.shards(WORKERS)[rank]
    update = ShardUpdate(Optimization(optim.SGD(1e-3)), layout, part)
    shard = ParameterServer(rank, board, update, lambda step: WORKERS)
    desk = board.desk(rank)
    desk.reserve(rank)
    desk.gradients[rank] = 1e-3
    times = []
    for step in range(steps):
        start = time.perf_counter()
        desk.publish_gradient(step, rank)
        board.ring_shards()
        waiting = [(shard.bell, lambda step=step: board.shard_version(rank) > step)]
        waiting.append((board.worker_bell(rank), lambda step=step: board.step() > step))
        for bell, done in waiting:
            while not done():
                seen = board.bells.read(bell)
                if not shard.advance() and not done():
                    board.bells.wait(bell, seen, 1.0)
        times.append(time.perf_counter() - start)
    if rank == 0:
        results.put(statistics.median(times[steps // 5 :]))


def board_shape(layout: Any) -> Any:
    from chainrule.worker.exchange.board import BoardShape

    return BoardShape(layout.size, 0, WORKERS, WORKERS, WORKERS, 1, 1)


def board_seconds(parameters: int, steps: int) -> float:
    """A step of two workers, each in one process with a shard: push, sum, update, publish, see it."""
    from chainrule.core.flat import FlatLayout
    from chainrule.worker.exchange.board import create_desk, create_shared_board

    shape = board_shape(FlatLayout.of({"weights": (parameters,)}))
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        board = create_shared_board(shape, Path(folder))
        nothing = np.zeros(shape.parameters, np.float32)
        board.begin(0, nothing, np.zeros((0, shape.parameters), np.float32))
        for worker in range(WORKERS):
            create_desk(shape, Path(folder), worker)
        board.assign(tuple(range(WORKERS)))
        board.grant(1 << 30)
        return in_processes(board_process, (parameters, folder, steps))


# All of it.


def network_row(runtime: Any, workload: Workload, rounds: int) -> dict[str, Any]:
    steps = max(20, min(400, int(2e10 / workload.flops("step"))))
    ours, ddp, ray_train = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data.npz"
        write_data(workload, steps, data)
        job = job_of(workload, data)
        for _ in range(rounds):
            ours.append(our_seconds(runtime, job))
            ddp.append(gloo_seconds(ddp_loop, workload, 2 * steps))
            ray_train.append(ray_train_seconds(workload, 2 * steps))
    rates = {
        "ours": workload.batch / statistics.median(ours),
        "ddp": workload.batch / statistics.median(ddp),
    }
    if None not in ray_train:
        rates["ray_train"] = workload.batch / statistics.median(ray_train)
    best = max(rate for name, rate in rates.items() if name != "ours")
    rates = {name: round(rate, 1) for name, rate in rates.items()}
    return {"workload": workload.title, **rates, "ratio": round(rates["ours"] / best, 2)}


def exchange_row(parameters: int, rounds: int) -> dict[str, Any]:
    steps = 200_000_000 // parameters
    ours, gloo = [], []
    for _ in range(rounds):
        ours.append(board_seconds(parameters, steps))
        gloo.append(gloo_seconds(all_reduce_loop, parameters, max(20, steps // 4)))
    mine, theirs = statistics.median(ours), statistics.median(gloo)
    return {
        "parameters": parameters,
        "ours_ms": round(1e3 * mine, 3),
        "gloo_ms": round(1e3 * theirs, 3),
        "ratio": round(theirs / mine, 1),
    }


def small_row(runtime: Any, rounds: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data.npz"
        write_data(SMALL, 2000, data)
        job = job_of(SMALL, data)
        steps = [our_seconds(runtime, job) for _ in range(rounds)]
        alone = [our_compute_seconds(job) for _ in range(rounds)]
    step, compute = statistics.median(steps), statistics.median(alone)
    parameters = sum(layer.parameters(shape) for layer, shape in SMALL.shaped_layers())
    return {
        "workload": SMALL.title,
        "parameters": parameters,
        "step_us": round(1e6 * step, 1),
        "beyond_compute_us": round(1e6 * (step - compute), 1),
    }


def text(record: dict[str, Any]) -> str:
    """In Markdown, for the README."""
    lines: list[str] = []
    if rows := record["networks"]:
        lines += ["| samples a second, 2 workers | ours | PyTorch DDP | Ray Train | ours ÷ the best peer |"]
        lines += ["|---|---|---|---|---|"]
        for row in rows:
            train = f"{row['ray_train']:,.0f}" if "ray_train" in row else "not installed"
            cells = (row["workload"], f"{row['ours']:,.0f}", f"{row['ddp']:,.0f}", train, row["ratio"])
            lines.append(f"| {' | '.join(map(str, cells))} |")
    if rows := record["exchange"]:
        lines += ["", "| exchange alone | ours | gloo all-reduce | gloo ÷ ours |", "|---|---|---|---|"]
        for row in rows:
            times = f"{row['ours_ms']} ms | {row['gloo_ms']} ms | {row['ratio']}"
            lines.append(f"| {row['parameters']:,} parameters | {times} |")
    if small := record["small"]:
        what = f"{small['workload']} ({small['parameters']:,} parameters)"
        beyond = f"{small['beyond_compute_us']} µs of them beyond its compute"
        lines += ["", f"{what}: a step takes {small['step_us']} µs, {beyond}."]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=("networks", "exchange", "small"), help="one part of it")
    add_output(parser)
    arguments = parser.parse_args()
    from chainrule.worker.runtime.ray import RayRuntime

    record: dict[str, Any] = {"networks": [], "exchange": [], "small": {}}
    if arguments.only in (None, "exchange"):
        record["exchange"] = [exchange_row(count, arguments.rounds) for count in EXCHANGED]
    runtime = RayRuntime()
    runtime.start()
    try:
        if arguments.only in (None, "small"):
            record["small"] = small_row(runtime, arguments.rounds)
        if arguments.only in (None, "networks"):
            record["networks"] = [network_row(runtime, each, arguments.rounds) for each in NETWORKS]
    finally:
        runtime.close()
    give(record, "distributed", arguments, text)


if __name__ == "__main__":
    main()
