"""What this machine can do at most: arithmetic and memory traffic, measured; and what holds a call back."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum
from functools import cache
from time import perf_counter

import numpy as np
from threadpoolctl import threadpool_limits

from .timing import TimedCall

OVERHEAD_BELOW = 0.1
"""The part of both limits below which a call is held back by neither of them."""

_SIDE = 1024  # of the square matrices: 2.1 GFLOP a product
_COPIED = 96 * 2**20  # bytes: beyond most caches
_SECONDS = 0.12  # for each of the two


class Bound(str, Enum):
    """What holds a call back."""

    COMPUTE = "compute"
    MEMORY = "memory"
    OVERHEAD = "overhead"


@dataclass(frozen=True)
class MachineLimits:
    """The most that was seen: a large float32 matrix product, and a copy that counts reads and writes."""

    flops_per_second: float
    bytes_per_second: float
    threads: int

    def best(self, other: MachineLimits) -> MachineLimits:
        """The most of two measurements: other work can only make one look worse."""
        return MachineLimits(
            max(self.flops_per_second, other.flops_per_second),
            max(self.bytes_per_second, other.bytes_per_second),
            self.threads,
        )

    def bound(self, call: TimedCall) -> Bound:
        """The limit that a call is nearer to, or OVERHEAD where it is far from both."""
        room = call.seconds * OVERHEAD_BELOW
        compute = call.flops / self.flops_per_second
        memory = call.bytes / self.bytes_per_second
        if max(compute, memory) < room or not max(compute, memory):
            return Bound.OVERHEAD
        return Bound.COMPUTE if compute >= memory else Bound.MEMORY


@cache
def measure_limits(threads: int, again: int = 0) -> MachineLimits:
    """Measure this machine with so many threads, in about a quarter of a second; once in a process.

    again: another number measures once more.
    """
    return MachineLimits(_flops(threads), _bandwidth(threads), threads)


def _flops(threads: int) -> float:
    a, b = (np.full((_SIDE, _SIDE), value, np.float32) for value in (0.5, 0.25))
    product = np.empty_like(a)

    def multiply(start: int, stop: int) -> None:
        np.matmul(a[start:stop], b, out=product[start:stop])

    with threadpool_limits(1, user_api="blas"):
        return 2 * _SIDE**3 / _shared(multiply, _SIDE, threads)


def _bandwidth(threads: int) -> float:
    source, target = np.ones(_COPIED // 8), np.zeros(_COPIED // 8)

    def copy(start: int, stop: int) -> None:
        np.copyto(target[start:stop], source[start:stop])

    return 2 * _COPIED / _shared(copy, len(source), threads)


def _shared(work: Callable[[int, int], None], size: int, threads: int) -> float:
    """The shortest time of work on `size` rows, cut between threads; NumPy lets them run at once."""
    ends = [size * part // threads for part in range(threads + 1)]
    times: list[float] = []
    with ThreadPoolExecutor(threads) as pool:
        while len(times) < 3 or sum(times) < _SECONDS:
            start = perf_counter()
            list(pool.map(work, ends[:-1], ends[1:]))
            times.append(perf_counter() - start)
    return min(times)
