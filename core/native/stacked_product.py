"""NumPy's matmul as a call of the kernel `matmul_stack`: its inner loop for each matrix of a stack."""

from __future__ import annotations

from math import prod

import numpy as np

from . import inner_loop, library
from .elementwise import Layout, broadcast_strides


def stacked_product(c: Layout, a: Layout, b: Layout) -> tuple[int, ...] | None:
    """The integers of the call for c = a @ b, matrices, vectors or stacks; None where it cannot be one."""
    found = inner_loop(np.matmul, f"{a.dtype.char}{b.dtype.char}->{c.dtype.char}")
    vector_a, vector_b = len(a.shape) == 1, len(b.shape) == 1
    if library is None or not found or (vector_a and vector_b) or not prod(a.shape) * prod(b.shape):
        return None
    itemsize = a.dtype.itemsize
    core_a = ((1, *a.shape), (0, *a.strides)) if vector_a else (a.shape[-2:], a.strides[-2:])
    core_b = ((*b.shape, 1), (*b.strides, itemsize)) if vector_b else (b.shape[-2:], b.strides[-2:])
    (m, k), n = core_a[0], core_b[0][1]
    core_c = (c.strides[-1], itemsize) if vector_b else (0, c.strides[-1]) if vector_a else c.strides[-2:]
    outer = c.shape[: len(c.shape) - 2 + vector_a + vector_b]
    stacks = [broadcast_strides(x.shape[:-2], x.strides[:-2], len(outer)) for x in (a, b)]
    return (
        *found, m, k, n, *core_a[1], *core_b[1], *core_c, len(outer), *outer, *stacks[0], *stacks[1],
        *c.strides[: len(outer)],
    )  # fmt: skip
