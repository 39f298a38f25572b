"""What a simulated cluster is made of: speeds measured on the machine at hand, and its network's."""

from __future__ import annotations

import socket
import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from threadpoolctl import threadpool_limits

from chainrule.core import Tensor, losses, nn, optim
from chainrule.core.nn import ForwardContext
from chainrule.core.training_step import TrainingStep

SIZES = (784, 1024, 1024, 10)
_CHUNK = 1 << 22


@dataclass(frozen=True)
class Machine:
    """One node of the simulated cluster, and the network between two of them.

    parameters: of the model. sample_seconds: forward and backward of one sample by one
    worker. step_seconds: what a micro-batch takes beside its samples. update_seconds: the optimizer's
    pass over the whole flat buffer by one shard. memory_bytes_per_second: of one core, for sums of gradients.
    link_bytes_per_second, link_seconds: of the network, each way, and the time of a message without content.
    """

    parameters: int
    sample_seconds: float
    step_seconds: float
    update_seconds: float
    memory_bytes_per_second: float
    link_bytes_per_second: float
    link_seconds: float
    cores: int = 16

    @property
    def bytes(self) -> int:
        """Of one gradient, and of one version of the parameters."""
        return 4 * self.parameters


def measure_machine(link_gigabits: float | None, cores: int) -> Machine:
    """Measured here, with one thread; the network is the loopback, or one of so many gigabits a second."""
    with threadpool_limits(1):
        large, small = _step_seconds(64), _step_seconds(8)
    parameters = sum((inputs + 1) * units for inputs, units in pairwise(SIZES))
    update = _update_seconds(parameters)
    sample = (large - small) / 56
    bandwidth, latency = _loopback()
    return Machine(
        parameters=parameters,
        sample_seconds=sample,
        step_seconds=max(0.0, small - 8 * sample - update),
        update_seconds=update,
        memory_bytes_per_second=_sum_speed(),
        link_bytes_per_second=bandwidth if link_gigabits is None else link_gigabits * 1e9 / 8,
        link_seconds=latency,
        cores=cores,
    )


def _median(call: Callable[[], object], repeats: int = 15) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times[repeats // 3 :])


def _step_seconds(samples: int) -> float:
    layers: list[nn.Module] = []
    for inputs, units in pairwise(SIZES):
        layers += [nn.Linear(inputs, units), nn.ReLU()]
    model = nn.Sequential(*layers[:-1])
    nn.initialize(model, 0)
    random = np.random.default_rng(0)
    x = random.random((samples, SIZES[0]), dtype=np.float32)
    y = random.integers(0, SIZES[-1], samples)

    def loss(outputs: Tensor, labels: np.ndarray) -> Tensor:
        return losses.softmax_cross_entropy(outputs, labels).mean()

    step = TrainingStep(model, loss, optim.FlatOptimizer(optim.Adam(1e-3), model))
    context = ForwardContext(training=True)
    return _median(lambda: step(x, y, context))


def _update_seconds(parameters: int) -> float:
    model = nn.Sequential(nn.Linear(parameters // 1024, 1024))
    nn.initialize(model, 0)
    optimizer = optim.FlatOptimizer(optim.Adam(1e-3), model)
    for view in optimizer.gradient_views():
        view[...] = 1e-3
    return _median(optimizer.apply)


def _sum_speed() -> float:
    """Bytes of gradients a second that one core adds up."""
    total, row = np.zeros(_CHUNK, np.float32), np.ones(_CHUNK, np.float32)
    return row.nbytes / _median(lambda: np.add(total, row, out=total))


def _loopback() -> tuple[float, float]:
    """Bytes a second, and half the time of a round trip, over a socket of this machine."""
    server = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        peer, _ = server.accept()
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while data := peer.recv(1 << 20):
            if data.endswith(b"."):
                peer.sendall(b".")

    threading.Thread(target=answer, daemon=True).start()
    with server, socket.create_connection(server.getsockname()) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        block = bytes(_CHUNK - 1) + b"."

        def send(content: bytes) -> None:
            client.sendall(content)
            client.recv(1)

        latency = _median(lambda: send(b"."), 200) / 2
        return len(block) / (_median(lambda: send(block)) - 2 * latency), latency
