"""Times a step that runs eagerly, operation by operation, by what the engine tells its observers.

The time between two observations is that of the later one: of an operation, or of one argument's derivative.
Three kinds of runs see the same step: one asks what each call is, one how much memory it needs, and many only
look at the clock, so that neither of the others is in their times.
"""

from __future__ import annotations

import gc
import tracemalloc
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from statistics import median
from time import perf_counter
from typing import Any, Protocol

import numpy as np

from .backward import watchers
from .cost import backward_flops, bytes_moved, flops
from .errors import ChainruleError
from .graph import Node, Operation, observers
from .nn.layer_path import layer_path
from .retention import reads
from .tensor import Tensor
from .timing import StepTiming, TimedCall

WARM_UP = 3
"""Runs before the first that counts: caches, threads and the allocator settle in them."""
_PARTLY = 2
"""A step that computes something else each time is given up after so many times the runs asked for."""


class Mark(Protocol):
    """Says what the step did since the last call or mark, where the engine does not see it."""

    def __call__(self, kernel: str, layer: str, phase: str, flops: int = 0, bytes: int = 0) -> None: ...


Step = Callable[[Mark], None]
"""Runs the step once, with the same values each time, and marks what no tensor takes part in."""


@dataclass(frozen=True)
class _Call:
    kernel: str
    layer: str
    phase: str
    flops: int
    bytes: int


def time_eagerly(step: Step, repeats: int, reason: str = "") -> StepTiming:
    """Run the step often enough to know each of its calls. ChainruleError if they are never the same."""
    describer = _Describer()
    _observed(step, describer, describer.mark)
    calls = describer.calls
    memory = _memory(step, len(calls))
    clock = _Clock()
    runs: list[list[float]] = []
    for attempt in range(WARM_UP + _PARTLY * repeats):
        stamps = clock.run(step)
        if attempt >= WARM_UP and len(stamps) == len(calls) + 1:
            runs.append([end - start for start, end in pairwise(stamps)])
        if len(runs) == repeats:
            break
    if not runs:
        raise ChainruleError("profile: the step computes something else each time, so no call can be timed")
    timed = []
    start = 0.0
    for index, call in enumerate(calls):
        seconds = median(run[index] for run in runs)
        timed.append(
            TimedCall(
                call.kernel, call.layer, call.phase, start, seconds, call.flops, call.bytes, memory[index]
            )
        )
        start += seconds
    total = median(sum(run) for run in runs)
    return StepTiming(tuple(timed), total, len(runs), max(memory), planned=False, reason=reason)


class _Describer:
    """Sees what each call is. Holds no array, only where the cotangents lie, so as to know views of them."""

    def __init__(self) -> None:
        self.calls: list[_Call] = []
        self._phase = "forward"
        self._made: dict[int, tuple[str, tuple[int, ...], int]] = {}
        self._places: dict[int, int | None] = {}
        self._reads = cache(reads)

    def mark(self, kernel: str, layer: str, phase: str, flops: int = 0, bytes: int = 0) -> None:
        self.calls.append(_Call(kernel, layer, phase, flops, bytes))

    def saw_output(
        self, operation: Operation, values: list[Any], options: dict[str, Any], output: Tensor
    ) -> None:
        layer = layer_path() or "loss"
        y = output.data
        if output.node is not None:
            self._made[output.node.order] = (layer, y.shape, y.nbytes)
        arrays = [value for value in values if hasattr(value, "nbytes") and hasattr(value, "dtype")]
        cost = moved = 0
        if not any(np.may_share_memory(y, value) for value in arrays if isinstance(value, np.ndarray)):
            cost = flops(operation.name, [value.shape for value in arrays], y.shape)
            moved = bytes_moved(operation.name, [value.nbytes for value in arrays], y.nbytes)
        self.calls.append(_Call(operation.name.lstrip("_"), layer, self._phase, cost, moved))

    def saw_cotangent(self, node: Node, position: int, cotangent: Any) -> None:
        self._phase = "backward"
        operation = node.operation
        layer, shape, gradient_bytes = self._made.get(node.order, ("", cotangent.shape, cotangent.nbytes))
        place = cotangent.__array_interface__["data"][0] if isinstance(cotangent, np.ndarray) else None
        parent = next(parent for index, parent in node.parents if index == position).order
        self._places[parent] = None if parent in self._places else place
        cost = moved = 0
        if place is None or place != self._places.get(node.order):
            shapes = [getattr(value, "shape", ()) for value in node.values]
            cost = backward_flops(operation.name, shapes, shape, position)
            rule = operation.vjps[position]
            assert rule is not None
            held = [node.y, *node.values]
            read = [
                value.nbytes
                for index, value in enumerate(held, start=1)
                if hasattr(value, "nbytes") and self._reads(rule, index)
            ]
            moved = gradient_bytes + sum(read) + cotangent.nbytes
        name = f"{operation.name.lstrip('_')} backward"
        self.calls.append(_Call(name, layer, "backward", cost, moved))


class _Clock:
    """Looks at the clock at each observation, and does nothing else."""

    def __init__(self) -> None:
        self._stamps: list[float] = []

    def mark(self, *_: Any, **__: Any) -> None:
        self._stamps.append(perf_counter())

    saw_output = saw_cotangent = mark

    def run(self, step: Step) -> list[float]:
        """The beginning of the step, and each observation."""
        collecting = gc.isenabled()
        gc.disable()
        try:
            self._stamps = []
            _observed(step, self, self.mark, begin=self.mark)
        finally:
            if collecting:
                gc.enable()
        return self._stamps


class _Gauge:
    """Writes down the most memory that there was since the last observation, into room made before."""

    def __init__(self, calls: int) -> None:
        self.peaks = array("q", bytes(8 * calls))
        self._seen = 0

    def mark(self, *_: Any, **__: Any) -> None:
        if self._seen < len(self.peaks):
            self.peaks[self._seen] = tracemalloc.get_traced_memory()[1]
        self._seen += 1
        tracemalloc.reset_peak()

    saw_output = saw_cotangent = mark


def _memory(step: Step, calls: int) -> list[int]:
    """By call, what the step had allocated at most while it ran."""
    gauge = _Gauge(calls)
    gc.collect()
    before = tracemalloc.is_tracing()
    if not before:
        tracemalloc.start(1)
    try:
        tracemalloc.reset_peak()
        base = tracemalloc.get_traced_memory()[0]
        _observed(step, gauge, gauge.mark)
    finally:
        if not before:
            tracemalloc.stop()
    return [max(0, peak - base) for peak in gauge.peaks]


def _observed(step: Step, observer: Any, mark: Mark, begin: Callable[[], None] | None = None) -> None:
    """Run the step while an observer is told of its calls."""
    saw_output, saw_cotangent = observer.saw_output, observer.saw_cotangent
    observers.append(saw_output)
    watchers.append(saw_cotangent)
    try:
        if begin is not None:
            begin()
        step(mark)
    finally:
        observers.remove(saw_output)
        watchers.remove(saw_cotangent)
