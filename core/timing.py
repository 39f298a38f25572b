"""What was measured of one training step: each call of it, when it ran, what it computed and moved."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TimedCall:
    """One call of a step.

    kernel: what ran. layer: its path in the model, "loss" behind it, "" for none. phase: "forward",
    "backward" or "update". start: seconds from the beginning of the step. flops: 0 where it only moves.
    bytes: read and written. live_bytes: in use for values of the step while it runs, its outputs included.
    """

    kernel: str
    layer: str
    phase: str
    start: float
    seconds: float
    flops: int
    bytes: int
    live_bytes: int


@dataclass(frozen=True)
class StepTiming:
    """A step's calls, in order, each with the median of `repeats` runs.

    seconds: the median of the whole step. arena_bytes: the most that its values took at once.
    planned: whether a recorded plan was replayed; `reason` says why it ran eagerly, op by op, where not.
    """

    calls: tuple[TimedCall, ...]
    seconds: float
    repeats: int
    arena_bytes: int
    planned: bool
    reason: str = ""
