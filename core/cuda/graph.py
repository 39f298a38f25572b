"""A training step as one CUDA graph: a shape's first call is eager, its second captured, then replay."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np

from ..array import Array, capturing, device_module

_MOST_SHAPES = 8
"""Graphs kept; each has the memory of a whole step."""
_log = logging.getLogger(__name__)


class NotCapturable(RuntimeError):
    """Something that a graph cannot repeat."""


class CapturedStep:
    """compute(*arrays) -> arrays of the GPU, replayed with the inputs of each call and nothing else new.

    compute reads its arguments and arrays that stay where they are (parameters), and leaves behind only what
    it writes into such arrays (the flat gradient); it begins by clearing what it adds to, such as `.grad`.
    What depends on the number of the step, as Adam's update does, stays outside.

    The first call of a shape, in whose course kernels are compiled and plans made, is eager. What refuses
    capture (waiting for the device, copies from the host, cuBLAS called by CuPy) makes all calls eager; it is
    logged once and stays in `refusal`.
    """

    def __init__(self, compute: Callable[..., Sequence[Array]]) -> None:
        self._compute = compute
        self._cupy = device_module("cuda")
        self._steps: dict[tuple, _Step] = {}
        self.refusal: str | None = None

    def __call__(self, *arrays: Array) -> tuple[Array, ...]:
        """What compute gives for these, in new arrays; inputs may be NumPy's."""
        if self.refusal is not None:
            return tuple(self._compute(*map(self._cupy.asarray, arrays)))
        key = tuple((array.shape, array.dtype.str) for array in arrays)
        step = self._steps.get(key)
        if step is None:
            if len(self._steps) == _MOST_SHAPES:
                del self._steps[next(iter(self._steps))]
            step = self._steps[key] = _Step(self._cupy, arrays)
            step.take(arrays)
            return step.run(self._compute)
        step.take(arrays)
        if step.graph is None:
            try:
                step.capture(self._compute)
            except Exception as error:
                self.refusal = f"{type(error).__name__}: {error}"
                self._steps.clear()
                _log.warning("step runs eagerly, not as a CUDA graph: %s", self.refusal)
                return tuple(self._compute(*step.inputs))
        return step.replay()


class _Step:
    """One shape: the buffers that inputs are copied to, the graph, and the pool that its memory is from.

    The pool is its own: what a graph writes to on the way must never be memory that someone else was given.
    """

    def __init__(self, cupy: Any, arrays: Sequence[Array]) -> None:
        self._cupy = cupy
        self._pool = cupy.cuda.MemoryPool()
        # It waits for the default stream and the other way round: work of the step that strays onto that one
        # makes capture fail, and is not left out unseen.
        self._stream = cupy.cuda.Stream()
        self.inputs = tuple(cupy.empty(array.shape, array.dtype) for array in arrays)
        self.graph: Any = None
        self._outputs: tuple[Array, ...] = ()

    def take(self, arrays: Sequence[Array]) -> None:
        for buffer, array in zip(self.inputs, arrays, strict=True):
            if isinstance(array, np.ndarray):
                buffer.set(array)
            else:
                buffer[...] = array

    def run(self, compute: Callable[..., Sequence[Array]]) -> tuple[Array, ...]:
        """Eagerly, but on the stream and with the pool of the capture, whose memory is then there already."""
        outside = self._cupy.cuda.get_current_stream()
        self._stream.wait_event(outside.record())
        with self._stream, self._cupy.cuda.using_allocator(self._pool.malloc):
            outputs = tuple(compute(*self.inputs))
        outside.wait_event(self._stream.record())
        return outputs

    def capture(self, compute: Callable[..., Sequence[Array]]) -> None:
        """Record what compute asks of the GPU, which does nothing yet."""
        cuda = self._cupy.cuda
        with (
            self._stream,
            cuda.using_allocator(self._pool.malloc),
            _no_copies_from_host(self._cupy),
            capturing(),
        ):
            self._stream.begin_capture()
            try:
                outputs = tuple(compute(*self.inputs))
            except BaseException:
                with suppress(Exception):
                    self._stream.end_capture()
                raise
            self.graph = self._stream.end_capture()
        self._outputs = outputs

    def replay(self) -> tuple[Array, ...]:
        """On the caller's stream, and so in the order of what else it does."""
        self.graph.launch()
        return tuple(output.copy() for output in self._outputs)


@contextmanager
def _no_copies_from_host(cupy: Any) -> Iterator[None]:
    """A captured copy would read its buffer on the host at each replay, long after someone else was given it.

    CuPy sends arrays through pinned memory that it asks its allocator for; there is no way to ask which one
    is set, so that afterwards it is CuPy's own.
    """

    def refuse(size: int) -> Any:
        raise NotCapturable(f"{size} bytes are copied from the host to the GPU inside the step")

    cupy.cuda.set_pinned_memory_allocator(refuse)
    try:
        yield
    finally:
        cupy.cuda.set_pinned_memory_allocator(cupy.get_default_pinned_memory_pool().malloc)
