"""Steps with made-up times, the same on every machine."""

from __future__ import annotations

from chainrule.core.machine_limits import MachineLimits
from chainrule.core.timing import StepTiming, TimedCall

LIMITS = MachineLimits(flops_per_second=100e9, bytes_per_second=20e9, threads=2)

CALLS = [  # kernel, layer, phase, microseconds, flops, bytes, memory
    ("take", "samples", "forward", 20.0, 0, 4_000, 10_000),
    ("linear", "layers.0.linear", "forward", 100.0, 8_000_000, 400_000, 60_000),
    ("relu", "layers.1.relu", "forward", 30.0, 10_000, 80_000, 90_000),
    ("linear", "layers.2.linear", "forward", 50.0, 2_000_000, 100_000, 95_000),
    ("softmax_cross_entropy", "loss", "forward", 40.0, 640, 3_000, 96_000),
    ("linear backward", "layers.2.linear", "backward", 50.0, 2_000_000, 100_000, 99_000),
    ("relu backward", "layers.1.relu", "backward", 30.0, 10_000, 120_000, 80_000),
    ("linear backward", "layers.0.linear", "backward", 0.2, 0, 0, 70_000),
    ("linear backward", "layers.0.linear", "backward", 110.0, 8_000_000, 400_000, 70_000),
    ("adam", "", "update", 70.0, 1_000_000, 900_000, 50_000),
]


def timed(calls: list[tuple[str, str, str, float, int, int, int]] = CALLS) -> StepTiming:
    """A step of these calls, one after another."""
    made: list[TimedCall] = []
    start = 0.0
    for kernel, layer, phase, microseconds, flops, moved, memory in calls:
        seconds = microseconds * 1e-6
        made.append(TimedCall(kernel, layer, phase, start, seconds, flops, moved, memory))
        start += seconds
    most = max((call.live_bytes for call in made), default=0)
    return StepTiming(tuple(made), start, 20, most, planned=False, reason="a test")
