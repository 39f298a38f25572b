"""A workload's training step on a GPU: ours, eager and as a CUDA graph; PyTorch's, eager, so, and compiled.

All work on the default stream, so that one pair of events times any of them.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch  # pyright: ignore[reportMissingImports]
from torch import nn as torch_nn  # pyright: ignore[reportMissingImports]

from chainrule.core import Tensor, losses, nn, optim
from chainrule.core.array import to_device
from chainrule.core.cuda.matmul import use_precision
from chainrule.core.plan import Plan
from chainrule.core.training_step import TrainingStep

from . import ours, pytorch
from .workload import Workload

Step = Callable[[], Any]
"""One training step; gives the loss, which `float` waits for."""


def our_step(workload: Workload, precision: str, captured: bool) -> tuple[Step, optim.FlatOptimizer, Plan]:
    """The step, its optimizer, and the plan that replays it if it is to be captured."""
    use_precision(precision)
    model = ours.build(workload)
    for tensor in (*model.parameters().values(), *nn.buffers(model).values()):
        tensor.data = to_device(tensor.data, "cuda")
    optimizer = optim.FlatOptimizer(optim.Adam(), model)
    samples, labels = (to_device(array, "cuda") for array in workload.data())
    planned = TrainingStep(model, losses.softmax_cross_entropy, optimizer)

    def eager() -> Any:
        loss = losses.softmax_cross_entropy(model(Tensor(samples), ours.TRAINING), labels)
        loss.backward()
        optimizer.step()
        return loss.data

    return (lambda: planned(samples, labels)) if captured else eager, optimizer, planned.plan


def ours_eager(workload: Workload, precision: str) -> Step:
    return our_step(workload, precision, captured=False)[0]


def ours_graph(workload: Workload, precision: str) -> Step:
    step, _, plan = our_step(workload, precision, captured=True)

    def checked() -> Any:
        loss = step()
        if plan.reasons:
            raise RuntimeError(f"not captured: {plan.reasons[0]}")
        return loss

    return checked


def torch_step(workload: Workload, precision: str, compiled: bool = False, capturable: bool = False) -> Step:
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision != "float32"
    model: Any = pytorch.build(workload).cuda()
    samples, labels = (torch.from_numpy(array).cuda() for array in workload.data())
    if len(workload.shape) == 3 and precision != "float32":
        model = model.to(memory_format=torch.channels_last)
        samples = samples.contiguous(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), fused=True, capturable=capturable)
    labels = labels.flatten()

    def loss_of(x: Any, labels: Any) -> Any:
        half = torch.autocast("cuda", torch.bfloat16, cache_enabled=not capturable)
        with half if precision == "bfloat16" else nullcontext():
            return torch_nn.functional.cross_entropy(model(x).flatten(0, -2), labels)

    function = torch.compile(loss_of) if compiled else loss_of

    def step() -> Any:
        optimizer.zero_grad()
        loss = function(samples, labels)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def torch_eager(workload: Workload, precision: str) -> Step:
    return torch_step(workload, precision)


def torch_compiled(workload: Workload, precision: str) -> Step:
    torch._dynamo.reset()
    return torch_step(workload, precision, compiled=True)


def torch_graph(workload: Workload, precision: str) -> Step:
    """As PyTorch's notes on CUDA graphs have it: warmed up on another stream, then the step is captured."""
    run = torch_step(workload, precision, capturable=True)
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        first = [run() for _ in range(3)]
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        loss = run()

    def step() -> Any:
        if first:
            return first.pop(0)
        graph.replay()
        return loss

    return step


CONTENDERS: dict[str, Callable[[Workload, str], Step]] = {
    "ours eager": ours_eager,
    "ours, CUDA graph": ours_graph,
    "PyTorch eager": torch_eager,
    "PyTorch, CUDA graph": torch_graph,
    "torch.compile": torch_compiled,
}
