"""A timed step in the Chrome trace format, for Perfetto (ui.perfetto.dev) and chrome://tracing.

One thread holds phases, layers in them and kernels in these, as complete events; a counter is the memory.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any

from ..core.machine_limits import MachineLimits
from ..core.timing import StepTiming, TimedCall
from .time_table import layer_name

_PROCESS, _THREAD = 1, 1
_Ends = dict[int, tuple[int, int]]
"""Of each call, by its index: nanoseconds from the beginning of the step, whole ones, so that all add up."""


def to_chrome_trace(timing: StepTiming, limits: MachineLimits, name: str = "step") -> str:
    """The step as a JSON document; times in it are microseconds. name: what the process is called."""
    ends = {
        index: (round(call.start * 1e9), round((call.start + call.seconds) * 1e9))
        for index, call in enumerate(timing.calls)
    }
    calls = list(enumerate(timing.calls))
    events = [_named("process_name", name), _named("thread_name", "step")]
    for phase, of_phase in _runs(calls, lambda call: call.phase):
        events.append(_complete(phase, "phase", of_phase, ends))
        for layer, of_layer in _runs(of_phase, layer_name):
            events.append(_complete(layer, "layer", of_layer, ends))
            for call in of_layer:
                events.append(_complete(call[1].kernel, "kernel", [call], ends, _details(call[1], limits)))
    for index, call in calls:
        memory = {"bytes": call.live_bytes}
        events.append(
            {
                "name": "memory",
                "ph": "C",
                "pid": _PROCESS,
                "tid": _THREAD,
                "ts": ends[index][0] / 1e3,
                "args": memory,
            }
        )
    about = {
        "planned": timing.planned,
        "repeats": timing.repeats,
        "seconds": timing.seconds,
        "limit_flops_per_second": limits.flops_per_second,
        "limit_bytes_per_second": limits.bytes_per_second,
        "threads": limits.threads,
    }
    document = {"traceEvents": events, "displayTimeUnit": "ns", "otherData": about}
    return json.dumps(document, allow_nan=False) + "\n"


def _runs(
    calls: list[tuple[int, TimedCall]], key: Callable[[TimedCall], str]
) -> Iterator[tuple[str, list[tuple[int, TimedCall]]]]:
    """Calls one after another that have the same key."""
    for name, run in groupby(calls, key=lambda each: key(each[1])):
        yield name, list(run)


def _named(what: str, name: str) -> dict[str, Any]:
    return {"name": what, "ph": "M", "pid": _PROCESS, "tid": _THREAD, "args": {"name": name}}


def _complete(
    name: str,
    category: str,
    calls: list[tuple[int, TimedCall]],
    ends: _Ends,
    details: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """An event from the beginning of the first call to the end of the last."""
    start, end = ends[calls[0][0]][0], ends[calls[-1][0]][1]
    arguments = details or {
        "calls": len(calls),
        "flops": sum(call.flops for _, call in calls),
        "bytes": sum(call.bytes for _, call in calls),
    }
    return {
        "name": name, "cat": category, "ph": "X", "pid": _PROCESS, "tid": _THREAD,
        "ts": start / 1e3, "dur": (end - start) / 1e3, "args": arguments,
    }  # fmt: skip


def _details(call: TimedCall, limits: MachineLimits) -> dict[str, Any]:
    return {
        "layer": call.layer, "phase": call.phase, "flops": call.flops, "bytes": call.bytes,
        "live_bytes": call.live_bytes, "bound": limits.bound(call).value,
    }  # fmt: skip
