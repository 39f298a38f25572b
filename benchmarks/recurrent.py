"""Times recurrent layers, forward and backward, beside PyTorch's in the same run.

    python benchmarks/recurrent.py [--threads N] [--batches 1 32 256] [--kinds LSTM GRU RNN]

128 inputs, 256 units, 64 elements of time, float32; gradients of the input and of all parameters. The two
take turns in processes of their own, so that neither's waiting threads keep the other's from their cores.
Printed are medians and minima in milliseconds of the turns in which other processes took least, and how many
cores those took.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection

import numpy as np
from turns import busy

INPUTS, UNITS, TIME = 128, 256, 64
ROUNDS, KEPT_ROUNDS, TURN_SECONDS = 12, 6, 0.3


def ours(kind: str, x: np.ndarray, g: np.ndarray, threads: int) -> Callable[[], object]:
    from chainrule.core import Tensor, grad, native, nn

    native.use_threads(threads)
    layer = getattr(nn, kind)(INPUTS, UNITS)
    seed, parameters = Tensor(g), list(layer.parameters().values())

    def call() -> object:
        inputs = Tensor(x, requires_grad=True)
        return grad(layer(inputs), [inputs, *parameters], seed=seed)

    return call


def pytorch(kind: str, x: np.ndarray, g: np.ndarray, threads: int) -> Callable[[], object]:
    import torch  # pyright: ignore[reportMissingImports]

    torch.set_num_threads(threads)
    layer = getattr(torch.nn, kind)(INPUTS, UNITS, batch_first=True)
    inputs, seed = torch.tensor(x, requires_grad=True), torch.tensor(g)
    return lambda: torch.autograd.grad(layer(inputs)[0], [inputs, *layer.parameters()], seed)


CONTENDERS = {"ours": ours, "PyTorch": pytorch}


def serve(connection: Connection, name: str, threads: int) -> None:
    """In a contender's process: build the layers that come, and take a turn for each other request."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    call: Callable[[], object] = object
    while (request := connection.recv()) is not None:
        if request != "turn":
            kind, batch = request
            random = np.random.default_rng(0)
            x, g = (random.normal(size=(batch, TIME, size)).astype("f") for size in (INPUTS, UNITS))
            call = CONTENDERS[name](kind, x, g, threads)
        seconds: list[float] = []
        busy_before, own_before, begin = busy(), time.process_time(), time.perf_counter()
        while time.perf_counter() - begin < TURN_SECONDS or len(seconds) < 3:
            start = time.perf_counter()
            call()
            seconds.append(time.perf_counter() - start)
        others = busy() - busy_before - (time.process_time() - own_before)
        connection.send((others / (time.perf_counter() - begin), seconds))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 32, 256])
    parser.add_argument("--kinds", nargs="+", default=["LSTM", "GRU", "RNN"])
    options = parser.parse_args()
    os.environ.update(OMP_NUM_THREADS=str(options.threads))
    context = get_context("spawn")
    connections: dict[str, Connection] = {}
    for name in CONTENDERS:
        connections[name], theirs = context.Pipe()
        context.Process(target=serve, args=(theirs, name, options.threads), daemon=True).start()
    for kind in options.kinds:
        for batch in options.batches:
            turns: dict[str, list[tuple[float, list[float]]]] = {name: [] for name in connections}
            for request in [(kind, batch), *["turn"] * ROUNDS]:
                for name, connection in connections.items():
                    connection.send(request)
                    turn = connection.recv()
                    if request == "turn":
                        turns[name].append(turn)
            medians, text = {}, f"{kind:4} batch {batch:4}:"
            for name, taken in turns.items():
                calm = sorted(taken)[:KEPT_ROUNDS]
                seconds = [s for _, turn in calm for s in turn]
                medians[name] = float(np.median(seconds))
                figures = (
                    f"{medians[name] * 1e3:.2f} (least {min(seconds) * 1e3:.2f}, others {calm[-1][0]:.2f})"
                )
                text += f" {name} {figures},"
            print(text, f"ratio {medians['PyTorch'] / medians['ours']:.2f}", flush=True)


if __name__ == "__main__":
    main()
