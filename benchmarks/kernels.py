"""Times operations that have a kernel in C beside NumPy's formula for the same and PyTorch's operation.

python benchmarks/kernels.py [--only WORD] [--seconds 0.3] [--threads 2]

Microseconds, the least of all calls: the three take turns in one process, ours also on one thread; PyTorch's
is the better of its figures on one thread and on all. Ours and NumPy's include what a call from Python costs,
3 to 5 µs for a kernel, which a step plan's replay does not have. A row with `back` is forward and back.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any

import numpy as np
import torch  # pyright: ignore[reportMissingImports]
from torch.nn import functional  # pyright: ignore[reportMissingImports]

from chainrule.core import Tensor, grad, native, nn, ops, optim
from chainrule.core.flat import FlatLayout
from chainrule.core.ops.linalg import column_sums

Call = Callable[[], Any]
ROUNDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="cases whose name holds this")
    parser.add_argument("--seconds", type=float, default=0.3, help="for each case and contender")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    print(f"{'':42} {'kernel':>9} {'1 thread':>9} {'NumPy':>9} {'PyTorch':>9}  PyTorch / kernel")
    for name, ours, peer in cases():
        if options.only in name:
            times = measured(ours, peer, options.seconds, options.threads)
            columns = " ".join(f"{time * 1e6:9.1f}" for time in times)
            print(f"{name:42} {columns} {times[3] / times[0]:8.2f}", flush=True)


def measured(ours: Call, peer: Call, seconds: float, threads: int) -> list[float]:
    """Seconds: the kernel, it on one thread, NumPy's formula, PyTorch."""
    library, least = native.library, [float("inf")] * 4
    for _ in range(ROUNDS):
        native.use_threads(threads)
        least[0] = min(least[0], fastest(ours, seconds / ROUNDS))
        native.use_threads(1)
        least[1] = min(least[1], fastest(ours, seconds / ROUNDS))
        native.library = None
        try:
            least[2] = min(least[2], fastest(ours, seconds / ROUNDS))
        finally:
            native.library = library
        for count in {1, threads}:
            torch.set_num_threads(count)
            least[3] = min(least[3], fastest(peer, seconds / ROUNDS / 2))
    return least


def fastest(call: Call, seconds: float) -> float:
    call()
    least, end = float("inf"), perf_counter() + seconds
    while (start := perf_counter()) < end:
        call()
        least = min(least, perf_counter() - start)
    return least


def cases() -> Iterator[tuple[str, Call, Call]]:
    for count in (2_410, 101_770, 2_000_000):
        yield f"Adam {count:,}", *updates(optim.Adam(), torch.optim.Adam, count)
        yield f"SGD, momentum {count:,}", *updates(optim.SGD(momentum=0.9), momentum, count)
    for shape in ((64, 10), (2048, 96), (128, 1000)):
        labels = np.random.default_rng(0).integers(0, shape[1], shape[0])
        of_torch = torch.from_numpy(labels)
        yield (
            f"cross-entropy {shape} back",
            *back(
                shape,
                lambda x, labels=labels: ops.softmax_cross_entropy(x, labels),
                lambda x, labels=of_torch: functional.cross_entropy(x, labels, reduction="sum"),
            ),
        )
        yield f"softmax {shape} back", *back(shape, ops.softmax, lambda x: functional.softmax(x, -1))
    for rows, units, count in ((96, 128, 2048), (30_000, 128, 4096)):
        ids = np.random.default_rng(0).integers(0, rows, count)
        of_torch = torch.from_numpy(ids)
        yield (
            f"embedding ({rows}, {units}), {count} ids back",
            *back(
                (rows, units),
                lambda x, ids=ids: ops.embedding(x, ids),
                lambda x, ids=of_torch: functional.embedding(ids, x),
            ),
        )
    of_layers = torch.nn
    layers = [
        ("layer norm", nn.LayerNorm(256), of_layers.LayerNorm(256), (2048, 256), False),
        ("RMS norm", nn.RMSNorm(256), of_layers.RMSNorm(256), (2048, 256), False),
        ("batch norm", nn.BatchNorm(128), of_layers.BatchNorm1d(128), (64, 128), False),
        ("batch norm", nn.BatchNorm(32), of_layers.BatchNorm2d(32), (32, 32, 32, 32), False),
        ("batch norm, channels last", nn.BatchNorm(32), of_layers.BatchNorm2d(32), (32, 32, 32, 32), True),
        ("group norm", nn.GroupNorm(8, 32), of_layers.GroupNorm(8, 32), (32, 32, 32, 32), False),
    ]
    training = nn.ForwardContext(training=True)
    for name, layer, peer, shape, last in layers:
        yield f"{name} {shape} back", *back(shape, lambda x, layer=layer: layer(x, training), peer, last)
    for shape in ((64, 128), (2048, 256)):
        for name in ("sigmoid", "silu", "gelu"):
            peer = torch.sigmoid if name == "sigmoid" else getattr(functional, name)
            yield f"{name} {shape} back", *back(shape, getattr(ops, name), peer)
    for shape in ((64, 128), (2048, 256), (32_768, 64)):
        x = standard_normal(shape)
        yield f"column sums {shape}", lambda x=x: column_sums(x), lambda x=x: torch.from_numpy(x).sum(0)


def momentum(parameters: Any, fused: bool) -> torch.optim.Optimizer:
    return torch.optim.SGD(parameters, 1e-2, momentum=0.9, fused=fused)


def updates(rule: optim.Rule, peer: Any, count: int) -> tuple[Call, Call]:
    layout = FlatLayout.of({"weight": (count,)})
    gradient = standard_normal((layout.size,))
    # An update keeps the kernel calls that it has made ready.
    by_kernel, by_numpy = optim.FlatUpdate(layout, rule), optim.FlatUpdate(layout, rule)
    parameters, state = gradient.copy(), [np.zeros_like(gradient) for _ in rule.slots]
    weight = torch.nn.Parameter(torch.from_numpy(gradient.copy()))
    weight.grad = torch.from_numpy(gradient.copy())

    def update() -> None:
        chosen = by_numpy if native.library is None else by_kernel
        chosen.update(9, gradient, parameters, state, parameters, state)

    return update, peer([weight], fused=True).step


def back(shape: tuple[int, ...], ours: Any, peer: Any, channels_last: bool = False) -> tuple[Call, Call]:
    """Forward and back: the gradients of the input, and of the parameters if `peer` has any."""
    data = standard_normal(shape)
    of_torch = torch.from_numpy(data)
    if channels_last:
        of_torch = of_torch.to(memory_format=torch.channels_last)
        data = np.moveaxis(np.ascontiguousarray(np.moveaxis(data, 1, -1)), -1, 1)
    of_torch.requires_grad_()
    x = Tensor(data, requires_grad=True)
    y = ours(x)
    sources = [x, *leaves(ours)]
    theirs = [of_torch]
    if isinstance(peer, torch.nn.Module):
        theirs += peer.parameters()
    assert isinstance(y, Tensor)
    seed = Tensor(np.empty_like(y.data))
    seed.data[...] = 1 if y.ndim == 0 else standard_normal(y.shape)
    of_seed = torch.ones_like(peer(of_torch)) if y.ndim == 0 else torch.from_numpy(np.array(seed.data))
    if channels_last:
        of_seed = of_seed.to(memory_format=torch.channels_last)
    return (
        lambda: grad(ours(x), sources, seed=seed),
        lambda: torch.autograd.grad(peer(of_torch), theirs, of_seed),
    )


def leaves(call: Any) -> list[Tensor]:
    """The parameters of the layer that a case's function closes over, if any."""
    layers = [value for value in getattr(call, "__defaults__", None) or () if isinstance(value, nn.Module)]
    return [parameter for layer in layers for parameter in layer.parameters().values()]


def standard_normal(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape, dtype=np.float32)


if __name__ == "__main__":
    main()
