"""Times one training step (forward, loss, backward, Adam) of chainrule and of PyTorch in the same run.

python benchmarks/step.py [--threads N] [--output json]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from chainrule.core import Tensor, losses, nn, optim

Step = Callable[[], Any]


@dataclass(frozen=True)
class Workload:
    """A fully connected network with ReLU between its layers, a batch, and how many steps to time."""

    sizes: tuple[int, ...]
    batch: int
    steps: int

    @property
    def name(self) -> str:
        return f"{'-'.join(map(str, self.sizes))} @ {self.batch}"


WORKLOADS = (
    Workload((64, 64, 64, 10), 32, 3000),
    Workload((64, 64, 10), 32, 3000),
    Workload((784, 1024, 1024, 10), 128, 60),
)
ROUNDS = 12
"""Each round times both libraries, one after the other, so that a slow moment of the machine meets both."""


def samples(workload: Workload) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    features = rng.standard_normal((workload.batch, workload.sizes[0]), dtype=np.float32)
    return features, rng.integers(0, workload.sizes[-1], workload.batch)


def chainrule_step(workload: Workload) -> Step:
    features, labels = samples(workload)
    layers: list[nn.Module] = []
    for inputs, units in pairwise(workload.sizes):
        layers += [nn.Linear(inputs, units), nn.ReLU()]
    model = nn.Sequential(*layers[:-1])
    nn.initialize(model, 0)
    optimizer = optim.FlatOptimizer(optim.Adam(), model)
    x = Tensor(features)

    def step() -> None:
        losses.softmax_cross_entropy(model(x), labels).backward()
        optimizer.step()

    return step


def pytorch_step(torch: Any, workload: Workload) -> Step:
    """The same in PyTorch's eager mode, with its fused Adam, the fastest that it has on a CPU."""
    features, labels = map(torch.from_numpy, samples(workload))
    layers = []
    for inputs, units in pairwise(workload.sizes):
        layers += [torch.nn.Linear(inputs, units), torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])
    optimizer = torch.optim.Adam(model.parameters(), fused=True)

    def step() -> None:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(features), labels).backward()
        optimizer.step()

    return step


def interleaved(steps: dict[str, Step], count: int) -> dict[str, np.ndarray]:
    """Microseconds of each step of each library, after one round that only warms up."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(ROUNDS + 1):
        for name, step in steps.items():
            for _ in range(max(1, count // ROUNDS)):
                start = time.perf_counter()
                step()
                if turn:
                    times[name].append((time.perf_counter() - start) * 1e6)
    return {name: np.array(values) for name, values in times.items()}


def summary(values: np.ndarray) -> dict[str, float]:
    low, median, high = np.percentile(values, [10, 50, 90])
    return {"median_us": round(median, 1), "p10_us": round(low, 1), "p90_us": round(high, 1)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1, help="threads for each library (default 1)")
    parser.add_argument("--output", choices=["text", "json"], default="text")
    arguments = parser.parse_args()
    try:
        import torch  # pyright: ignore[reportMissingImports]
    except ImportError:
        print(
            "benchmarks/step.py compares with PyTorch, which is not installed: pip install -e '.[bench]'",
            file=sys.stderr,
        )
        return 2
    torch.set_num_threads(arguments.threads)
    if arguments.output == "text":
        print(f"one step in µs, median (10th to 90th percentile), {arguments.threads} thread(s), float32")
        print("ratio = PyTorch's time ÷ ours")
        print(f"NumPy {np.__version__}, PyTorch {torch.__version__} eager with fused Adam")
    with threadpool_limits(arguments.threads):
        for workload in WORKLOADS:
            steps = {"chainrule": chainrule_step(workload), "pytorch": pytorch_step(torch, workload)}
            results = {name: summary(v) for name, v in interleaved(steps, workload.steps).items()}
            ratio = round(results["pytorch"]["median_us"] / results["chainrule"]["median_us"], 2)
            if arguments.output == "json":
                record = {"workload": workload.name, "threads": arguments.threads, **results, "ratio": ratio}
                print(json.dumps(record), flush=True)
                continue
            cells = [f"{n} {r['median_us']} ({r['p10_us']} to {r['p90_us']})" for n, r in results.items()]
            print(f"{workload.name:>26}  " + "  ".join(cells) + f"  ratio {ratio}", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
