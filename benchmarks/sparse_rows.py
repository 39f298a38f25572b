"""What an embedding's gradient takes as the rows in use, and if an update that skips the others would pay.

python benchmarks/sparse_rows.py
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from threadpoolctl import threadpool_limits

from chainrule.core import native
from chainrule.core.flat import FlatLayout
from chainrule.core.optim import SGD, AdaGrad, FlatUpdate
from chainrule.worker.exchange.sparse_rows import decode_rows, encode_rows

ROWS, UNITS, USED = 50_000, 64, 1_000
ROUNDS = 40


def milliseconds(call: Callable[[], object]) -> float:
    """The best of some rounds: what it takes where nobody disturbs it."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best * 1e3


def main() -> None:
    native.use_threads(1)
    rng = np.random.default_rng(0)
    table = np.zeros((ROWS, UNITS), np.float32)
    table[rng.choice(ROWS, USED, replace=False)] = rng.standard_normal((USED, UNITS))
    received, gradient = np.empty_like(table), table.reshape(-1)
    before = [np.ones_like(gradient) for _ in range(2)]
    after = [np.ones_like(gradient) for _ in range(2)]
    layout = FlatLayout.of({"table": table.shape})

    def update(rule: SGD | AdaGrad) -> float:
        flat, slots = FlatUpdate(layout, rule), len(rule.slots)
        rows = before[1 : 1 + slots], after[0], after[1 : 1 + slots]
        return milliseconds(lambda: flat.update(1, gradient, before[0], *rows))

    def copy(rows: int) -> None:
        for old, new in zip(before[:rows], after[:rows], strict=True):
            np.copyto(new, old)

    with threadpool_limits(1):
        message = encode_rows(table)
        print(f"{USED:,} of {ROWS:,} rows of {UNITS}: {len(message):,} bytes of {table.nbytes:,}")
        print(f"encode {milliseconds(lambda: encode_rows(table)):.2f} ms", end=", ")
        print(f"decode {milliseconds(lambda: decode_rows(message, received)):.2f} ms")
        found = milliseconds(lambda: np.bitwise_or.reduce(table.view(np.uint32), axis=1))
        print(f"find the rows {found:.2f} ms")
        for name, rule, rows in (("sgd", SGD(0.1), 1), ("adagrad", AdaGrad(0.1), 2)):
            copying = milliseconds(lambda rows=rows: copy(rows))
            print(f"{name}: update {update(rule):.2f} ms, copy all it writes {copying:.2f} ms")


if __name__ == "__main__":
    main()
