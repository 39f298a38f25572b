"""The limits of this machine, and which of them a call is near to."""

from __future__ import annotations

import time

import pytest

from chainrule.core.machine_limits import Bound, MachineLimits, measure_limits
from chainrule.core.timing import TimedCall

LIMITS = MachineLimits(flops_per_second=100e9, bytes_per_second=20e9, threads=1)


def call(flops: int, moved: int, seconds: float = 1e-3) -> TimedCall:
    return TimedCall("a", "", "forward", 0.0, seconds, flops, moved, 0)


@pytest.mark.parametrize(
    ("flops", "moved", "bound"),
    [
        (50_000_000, 2_000_000, Bound.COMPUTE),
        (20_000_000, 10_000_000, Bound.MEMORY),
        (9_900_000, 1_900_000, Bound.OVERHEAD),
        (10_100_000, 0, Bound.COMPUTE),
        (0, 0, Bound.OVERHEAD),
    ],
)
def test_a_call_is_bound_by_the_nearer_limit_or_by_overhead_below_a_tenth_of_both(
    flops: int, moved: int, bound: Bound
) -> None:
    assert LIMITS.bound(call(flops, moved)) is bound


def test_a_call_that_took_no_time_and_did_nothing_is_overhead() -> None:
    assert LIMITS.bound(call(0, 0, 0.0)) is Bound.OVERHEAD


def test_the_limits_are_measured_once_and_are_plausible() -> None:
    limits = measure_limits(1)
    assert 1e8 < limits.flops_per_second < 1e13
    assert 1e7 < limits.bytes_per_second < 1e13
    start = time.perf_counter()
    assert measure_limits(1) is limits
    assert time.perf_counter() - start < 0.01
