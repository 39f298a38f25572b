"""The kernels of kernels.cu as functions of arrays; each docstring is the NumPy formula that it equals."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ..array import Array, array_module, on_host

SOURCE = Path(__file__).with_name("kernels.cu")
_THREADS, _MOST_BLOCKS, _LANES = 256, 1 << 16, 32
_FLOAT32 = np.dtype(np.float32)


def suits(*arrays: Array) -> bool:
    """Whether kernels may compute with these: contiguous float32 arrays of CuPy."""
    return all(
        not on_host(array)
        and hasattr(array_module(array), "RawModule")
        and array.dtype == _FLOAT32
        and array.flags.c_contiguous
        for array in arrays
    )


@cache
def kernel(xp: Any, name: str) -> Any:
    """A kernel: (blocks, threads, arguments). NVRTC compiles all of them at the first call."""
    return _kernels(xp).get_function(name)


@cache
def _kernels(xp: Any) -> Any:
    return xp.RawModule(code=SOURCE.read_text())


def _launch(name: str, threads: int, *arguments: Any) -> None:
    """Start a kernel with so many threads or, of very many, with fewer that take several elements each.

    Integers and floats go as the kernels take them: 64 and 32 bits wide.
    """
    sized = [
        np.int64(a) if isinstance(a, int) else np.float32(a) if isinstance(a, float) else a for a in arguments
    ]
    blocks = max(1, min(_MOST_BLOCKS, -(-threads // _THREADS)))
    kernel(array_module(arguments[0]), name)((blocks,), (_THREADS,), tuple(sized))


def cross_entropy(logits: Array, labels: Array) -> Array:
    """(log(exp(logits - max).sum(-1)) - (logits - max)[arange(n), labels]).sum(), max being logits.max(-1).

    nan where a label is no class: nothing looks at labels while a graph is captured and replayed.
    """
    rows, classes = logits.shape
    losses = array_module(logits).empty(rows, _FLOAT32)
    labels = _integers(array_module(logits), labels)
    _launch("cross_entropy", rows * _LANES, losses, logits, labels, rows, classes)
    return losses.sum()


def cross_entropy_gradient(g: Array, logits: Array, labels: Array) -> Array:
    """(softmax(logits) - (labels[:, None] == arange(classes))) * g. g: ()."""
    rows, classes = logits.shape
    out = array_module(logits).empty(logits.shape, _FLOAT32)
    labels = _integers(array_module(logits), labels)
    _launch("cross_entropy_gradient", rows * _LANES, out, logits, labels, g, rows, classes)
    return out


def _integers(xp: Any, labels: Array) -> Array:
    return xp.ascontiguousarray(xp.asarray(labels).astype(np.int64, copy=False))


def adam(
    out: Array,
    out_state: Sequence[Array],
    gradient: Array,
    parameters: Array,
    state: Sequence[Array],
    numbers: Sequence[float],
) -> None:
    """g = decay * p + gradient; m = beta1 * m + g; v = beta2 * v + g * g;
    p = kept * p - rate * m / (sqrt(v) + epsilon).

    numbers: decay, kept, rate, epsilon, beta1, beta2. Outputs may be inputs.
    """
    arrays = (out, *out_state, gradient, parameters, *state)
    _launch("adam", out.size, *arrays, out.size, *map(float, numbers))
