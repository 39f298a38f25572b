"""What this machine can do at most, measured: float32 matrix products, and copies that go to memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

import numpy as np
from threadpoolctl import threadpool_limits

SIDE = 1024
"""Of the matrices: 2.1 GFLOP a product."""
COPIED = 96 * 2**20
"""Bytes: beyond most caches."""
SECONDS = 0.3
"""For each of the two."""


@dataclass(frozen=True)
class Limits:
    """The most that was seen on so many threads; bytes read and bytes written both count."""

    gflops: float
    gigabytes: float
    threads: int

    def seconds(self, flops: int, moved: int) -> float:
        """The least time for so many operations and bytes, both at once."""
        return max(flops / self.gflops, moved / self.gigabytes) / 1e9

    def record(self) -> dict[str, float]:
        return {name: round(value, 1) for name, value in asdict(self).items()}


def measure(threads: int) -> Limits:
    """In this process, which must be allowed as many cores."""
    a, b = (np.full((SIDE, SIDE), value, np.float32) for value in (0.5, 0.25))
    product = np.empty_like(a)
    source, target = np.ones(COPIED // 8), np.zeros(COPIED // 8)

    def multiply(start: int, stop: int) -> None:
        np.matmul(a[start:stop], b, out=product[start:stop])

    def copy(start: int, stop: int) -> None:
        np.copyto(target[start:stop], source[start:stop])

    with threadpool_limits(1, user_api="blas"):
        product_time, copy_time = shortest(multiply, SIDE, threads), shortest(copy, len(source), threads)
    return Limits(2 * SIDE**3 / product_time / 1e9, 2 * COPIED / copy_time / 1e9, threads)


def shortest(work: Callable[[int, int], None], size: int, threads: int) -> float:
    """The time of work on `size` rows, cut between threads, which NumPy lets run at once."""
    ends = [size * part // threads for part in range(threads + 1)]
    times: list[float] = []
    with ThreadPoolExecutor(threads) as pool:
        while sum(times) < SECONDS:
            start = time.perf_counter()
            list(pool.map(work, ends[:-1], ends[1:]))
            times.append(time.perf_counter() - start)
    return min(times)
