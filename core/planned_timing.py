"""Times a planned step kernel by kernel, as it is replayed, with what each kernel computes and moves."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import prod
from statistics import median
from time import perf_counter
from typing import Any

from numpy import ndarray

from . import native
from .array import Array
from .eager_timing import WARM_UP, Mark
from .native.call_list import Launch
from .nn.context import ForwardContext
from .plan import Plan
from .plan.calls import Call, Reference
from .plan.replay import Program, Replay
from .timing import StepTiming, TimedCall

_MOST_NAMED = 3
"""Operations that a fused kernel is named by."""
_ELEMENTS = re.compile(r"(?<=copy|cast)_\w+$|(?<=where)_\w+$")
"""What the names of loops that only move say of their elements."""
_MOVING = ("copy", "cast", "fill", "take", "put", "draw", "concatenate", "stack", "pad", "where", "guard")


@dataclass(frozen=True)
class PlannedStep:
    """A step of which a part is a plan. prepare: makes the plan's inputs, and marks that. finish: what comes
    after the plan, with its marks. whole: all of it, as it runs when nobody looks on."""

    plan: Plan
    prepare: Callable[[Mark], Sequence[Array]]
    out: Sequence[ndarray]
    context: ForwardContext
    finish: Callable[[Mark], None]
    whole: Callable[[], None]


def time_planned(step: PlannedStep, repeats: int) -> StepTiming | None:
    """Time each kernel on its own, and the whole step beside it. None where it is not planned."""
    for _ in range(WARM_UP + 1):  # seen, recorded, compared with eager, and then replayed
        step.whole()
    described: list[TimedCall] = []

    def describe(kernel: str, layer: str, phase: str, flops: int = 0, bytes: int = 0) -> None:
        described.append(TimedCall(kernel, layer, phase, 0.0, 0.0, flops, bytes, 0))

    bound = step.plan.bound_steps(step.prepare(describe), step.out) if step.plan.programs else None
    if bound is None:
        return None
    program, replays = bound
    parts = list(zip(program.steps, replays, strict=True))
    described += _described(program)
    step.finish(describe)
    runs: list[list[float]] = []
    wholes: list[float] = []
    collecting = gc.isenabled()
    gc.disable()
    try:
        asking = _overhead()
        for attempt in range(WARM_UP + repeats):
            run = _run(step, parts, asking)
            start = perf_counter()
            step.whole()
            end = perf_counter()
            if attempt >= WARM_UP:
                runs.append(run)
                wholes.append(end - start)
    finally:
        if collecting:
            gc.enable()
    calls, start = [], 0.0
    for call, *seconds in zip(described, *runs, strict=True):
        calls.append(replace(call, start=start, seconds=median(seconds)))
        start += calls[-1].seconds
    return StepTiming(tuple(calls), median(wholes), repeats, program.arena_bytes, planned=True)


def _run(step: PlannedStep, parts: Sequence[tuple[Call, Replay]], asking: float) -> list[float]:
    """The seconds of each call. asking: what it takes to call a kernel alone, and not in a list."""
    stamps = [perf_counter()]

    def mark(*_: Any, **__: Any) -> None:
        stamps.append(perf_counter())

    step.prepare(mark)
    times = [end - start for start, end in pairwise(stamps)]
    for part, replay in parts:
        start = perf_counter()
        replay(step.context)
        taken = perf_counter() - start
        times.append(max(0.0, taken - asking * isinstance(part.work, Launch)))
    stamps[:] = [perf_counter()]
    step.finish(mark)
    return times + [end - start for start, end in pairwise(stamps)]


def _overhead() -> float:
    assert native.library is not None
    run = native.library.replay

    def replay(context: None, alive: Any = None) -> None:
        if run(0, 0) != 0:
            raise AssertionError

    times = []
    for _ in range(200):
        start = perf_counter()
        replay(None)
        times.append(perf_counter() - start)
    return median(times)


def _described(program: Program) -> list[TimedCall]:
    """What each step of the program is; its memory is that of all values that live while it runs."""
    changes = [0] * (len(program.steps) + 1)
    for root, (first, last) in program.lives.items():
        changes[max(first, 0)] += root.nbytes
        changes[min(last + 1, len(program.steps))] -= root.nbytes
    calls, live = [], 0
    for step, change in zip(program.steps, changes, strict=False):
        live += change
        moved = sum(map(_nbytes, set(step.arrays)))
        layer = step.layer or "loss"
        calls.append(TimedCall(_name(step), layer, step.phase, 0.0, 0.0, flops_of(step), moved, live))
    return calls


def _name(step: Call) -> str:
    parts = [_ELEMENTS.sub("", part) for part in step.name.split(" + ")]
    shown = parts if len(parts) <= _MOST_NAMED else [*parts[: _MOST_NAMED - 1], f"{len(parts) - 2} more"]
    return " + ".join(shown)


def _nbytes(operand: Reference) -> int:
    """Bytes of memory that it covers: what is broadcast counts once."""
    sizes = (size for size, stride in zip(operand.shape, operand.strides, strict=True) if stride)
    return prod(sizes) * operand.dtype.itemsize


def flops_of(step: Call) -> int:
    """Floating-point operations, as `core.cost` counts them: Winograd's kernels as what they stand for.

    A kernel that is not known counts one an element of its largest operand.
    """
    operands = step.operands
    shapes: list[tuple[int, ...]] = [() if operand is None else operand.shape for operand in operands]
    largest = max(map(prod, shapes), default=0)
    symbol = step.work.symbol if isinstance(step.work, Launch) else step.name
    sizes = step.work.integers if isinstance(step.work, Launch) else ()
    if symbol == "elementwise":
        computing = [name for name in step.name.split(" + ") if not name.startswith(_MOVING)]
        return len(computing) * largest
    if symbol == "matmul_f32":
        return 2 * prod(sizes[:3])
    if symbol in ("matmul_stack", "matmul", "dot"):
        return 2 * prod(shapes[0]) * (sizes[3] if sizes else shapes[1][-1])
    if symbol.startswith(("convolve", "winograd")):
        weight = 0 if "weight" in symbol else 2  # [weight, x, g], [y, x, weight] or [x, g, weight]
        results = 0 if weight == 2 and "back" not in symbol else 2 if weight == 0 else 1
        return 2 * prod(shapes[results]) * prod(shapes[weight][1:])
    if symbol in ("sequence_gates_f32", "sequence_input_gradient_f32", "sequence_weight_gradient_f32"):
        return 2 * prod(sizes[:4])
    if symbol.endswith(("lstm_f32", "gru_f32", "rnn_f32")):
        return 2 * prod(sizes[:2]) * prod(shapes[6])
    if symbol.endswith(("lstm_gradient_f32", "gru_gradient_f32", "rnn_gradient_f32")):
        return 2 * prod(sizes[:2]) * prod(shapes[-1])
    return 0 if symbol.startswith(_MOVING) else largest
