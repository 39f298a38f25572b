"""Where the time of a step went, as rows: by kernel, by layer, or call by call; and what holds it back."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from enum import Enum

from ..core.machine_limits import Bound, MachineLimits
from ..core.timing import StepTiming, TimedCall


class TimedBy(str, Enum):
    """What a row stands for."""

    KERNEL = "kernel"
    LAYER = "layer"
    CALL = "call"


@dataclass(frozen=True)
class TimeRow:
    """Calls taken together. share: of the time of all calls. bound: what most of their time is held back by.

    layer, phase: "" where the calls are of several.
    """

    name: str
    layer: str
    phase: str
    calls: int
    seconds: float
    share: float
    flops_per_second: float
    bytes_per_second: float
    bound: Bound


def time_rows(timing: StepTiming, limits: MachineLimits, by: TimedBy) -> list[TimeRow]:
    """Kernels, the longest first; layers in the order in which they first ran; or each call, in time."""
    groups: dict[Hashable, list[TimedCall]] = {}
    for index, call in enumerate(timing.calls):
        key = {TimedBy.KERNEL: call.kernel, TimedBy.LAYER: layer_name(call), TimedBy.CALL: index}[by]
        groups.setdefault(key, []).append(call)
    total = sum(call.seconds for call in timing.calls)
    rows = [
        _row(layer_name(calls[0]) if by is TimedBy.LAYER else calls[0].kernel, calls, total, limits)
        for calls in groups.values()
    ]
    return sorted(rows, key=lambda row: -row.seconds) if by is TimedBy.KERNEL else rows


def time_total(timing: StepTiming, limits: MachineLimits) -> TimeRow:
    """All calls as one row."""
    return _row("all", timing.calls, sum(call.seconds for call in timing.calls), limits)


def layer_name(call: TimedCall) -> str:
    """The layer of a call; of the optimizer's "update", "outside" of any other that is in no layer."""
    return call.layer or ("update" if call.phase == "update" else "outside")


def bound_shares(calls: Sequence[TimedCall], limits: MachineLimits) -> dict[Bound, float]:
    """The part of the calls' time that each bound holds back, the largest first."""
    times = dict.fromkeys(Bound, 0.0)
    for call in calls:
        times[limits.bound(call)] += call.seconds
    total = sum(times.values()) or 1.0
    return dict(sorted(((bound, time / total) for bound, time in times.items()), key=lambda pair: -pair[1]))


def _row(name: str, calls: Sequence[TimedCall], total: float, limits: MachineLimits) -> TimeRow:
    seconds = sum(call.seconds for call in calls)
    layers, phases = ({getattr(call, key) for call in calls} for key in ("layer", "phase"))
    return TimeRow(
        name,
        layers.pop() if len(layers) == 1 else "",
        phases.pop() if len(phases) == 1 else "",
        len(calls),
        seconds,
        seconds / total if total else 0.0,
        sum(call.flops for call in calls) / seconds if seconds else 0.0,
        sum(call.bytes for call in calls) / seconds if seconds else 0.0,
        next(iter(bound_shares(calls, limits))),
    )
