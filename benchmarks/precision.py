"""What half precision costs and saves on this CPU: a step's time, the activations that it keeps, its error.

python benchmarks/precision.py
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable

import numpy as np
from threadpoolctl import threadpool_limits

from chainrule.core import Tensor, losses, nn
from chainrule.core.nn import ForwardContext

PRECISIONS = ("float32", "bfloat16", "float16")
ROUNDS = 7
LOSS_SCALE = 2.0**10
TRAINING = ForwardContext(training=True)


def mlp() -> nn.Module:
    return nn.Sequential(
        nn.Linear(784, 1024), nn.ReLU(), nn.Linear(1024, 1024), nn.ReLU(), nn.Linear(1024, 10)
    )


def lenet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 16, 5, padding=2), nn.ReLU(), nn.MaxPool(2),
        nn.Conv2d(16, 32, 5), nn.ReLU(), nn.MaxPool(2),
        nn.Flatten(), nn.Linear(800, 128), nn.ReLU(), nn.Linear(128, 10),
    )  # fmt: skip


def transformer() -> nn.Module:
    blocks = [nn.TransformerBlock(64, 4, 256, causal=True) for _ in range(4)]
    return nn.Sequential(*blocks, nn.Flatten(), nn.Linear(64 * 64, 10))


def lstm() -> nn.Module:
    return nn.Sequential(nn.LSTM(32, 128, outputs="last"), nn.Linear(128, 10))


WORKLOADS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "MLP 784-1024-1024-10, batch 128": (mlp, (128, 784)),
    "LeNet, batch 64": (lenet, (64, 1, 28, 28)),
    "4 transformer blocks of 64 units, 16 x 64 steps": (transformer, (16, 64, 64)),
    "LSTM of 128 units, 32 x 64 steps": (lstm, (32, 64, 32)),
}


class Step:
    """Forward, loss and backward of one workload in one precision."""

    def __init__(self, build: Callable[[], nn.Module], shape: tuple[int, ...], precision: str) -> None:
        self.model = build()
        nn.initialize(self.model, 0)
        nn.cast(self.model, precision)
        rng = np.random.default_rng(0)
        self.x = Tensor(rng.standard_normal(shape, dtype=np.float32)).astype(precision)
        self.labels = rng.integers(0, 10, shape[0])
        self.scale = LOSS_SCALE if precision == "float16" else 1.0

    def forward(self) -> Tensor:
        return losses.softmax_cross_entropy(self.model(self.x, TRAINING), self.labels) * self.scale

    def gradient(self) -> np.ndarray:
        """All gradients of one step, in float32."""
        self.forward().backward()
        found = [p.grad.data.reshape(-1) for p in self.model.parameters().values() if p.grad is not None]
        for parameter in self.model.parameters().values():
            parameter.grad = None
        return np.concatenate([part.astype(np.float32) for part in found]) / self.scale


def milliseconds(steps: dict[str, Step]) -> dict[str, float]:
    """Of a step in each precision, in turns: the median."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(ROUNDS):
        for name, step in steps.items():
            start = time.perf_counter()
            step.gradient()
            times[name].append((time.perf_counter() - start) * 1e3)
    return {name: float(np.median(values[1:])) for name, values in times.items()}


def mebibytes(step: Step) -> tuple[float, float]:
    """What a forward pass keeps for its backward pass, and the peak of both."""
    step.gradient()
    tracemalloc.start()
    loss = step.forward()
    kept, _ = tracemalloc.get_traced_memory()
    loss.backward()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return kept / 2**20, peak / 2**20


def main() -> None:
    print("precision   step ms  times float32  kept MiB  peak MiB  gradient error (largest, of the largest)")
    with threadpool_limits(1):
        for workload, (build, shape) in WORKLOADS.items():
            print(workload)
            steps = {name: Step(build, shape, name) for name in PRECISIONS}
            exact = steps["float32"].gradient()
            times = milliseconds(steps)
            for name, step in steps.items():
                error = np.abs(step.gradient() - exact).max() / np.abs(exact).max()
                kept, peak = mebibytes(step)
                ratio = times[name] / times["float32"]
                print(f"{name:>9} {times[name]:9.1f} {ratio:14.2f} {kept:9.1f} {peak:9.1f} {error:12.1e}")


if __name__ == "__main__":
    main()
