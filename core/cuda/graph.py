"""A training step as one CUDA graph: a kind's first call is eager, its second captured, then replay.

A step plan (core/plan) computes with one where its arrays are on a GPU.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np

from ..array import Array, capturing, device_module, on_host, to_numpy
from ..nn.context import ForwardContext, keys_only

_MOST_SHAPES = 8
"""Graphs kept; each has the memory of a whole step."""
_log = logging.getLogger(__name__)


class NotCapturable(RuntimeError):
    """Something that a graph cannot repeat."""


Compute = Callable[[Sequence[Array], Sequence[Array], ForwardContext], Sequence[Array]]
"""(inputs, out, context) -> outputs; writes to `out` too."""


class CapturedStep:
    """compute(inputs, out, context), replayed with the inputs of each call and nothing else new.

    compute reads its inputs and arrays that lie where they did (parameters), and leaves behind only what it
    writes into such arrays and `out`. It reads nothing of the context but `training`. What depends on the
    number of the step, as Adam's update does, stays outside.

    The first call of a kind, in whose course kernels are compiled and plans made, is eager. What refuses
    capture (waiting for the device, copies from the host, random numbers, cuBLAS called by CuPy) makes all
    calls eager; it is logged once and stays in `refusal`.
    """

    def __init__(self, compute: Compute) -> None:
        self._compute = compute
        self._cupy = device_module("cuda")
        self._steps: dict[tuple[Any, ...], _Step] = {}
        self.refusal: str | None = None

    def __call__(
        self,
        key: Any,
        inputs: Sequence[Array],
        out: Sequence[Array],
        context: ForwardContext,
        held: Sequence[Array],
    ) -> list[Array]:
        """The outputs, which hold until the next call. key: of what a graph is for, with the inputs' shapes.

        Inputs and `out` may be NumPy's. held: the arrays that compute reads and writes where they lie.
        """
        if self.refusal is not None:
            return self._eager([self._cupy.asarray(array) for array in inputs], out, context)
        places = (*held, *(array for array in out if not on_host(array)))
        key = (key, *((array.data.ptr, array.strides, array.dtype, array.shape) for array in places))
        step = self._steps.get(key)
        first = step is None
        if step is None:
            if len(self._steps) == _MOST_SHAPES:
                del self._steps[next(iter(self._steps))]
            step = self._steps[key] = _Step(self._cupy, inputs, out)
        step.take(inputs)
        if first:
            return step.give(step.run(self._compute, context), out)
        if step.graph is None:
            try:
                step.capture(self._compute, keys_only(context))
            except Exception as error:
                self.refusal = f"{type(error).__name__}: {error}"
                self._steps.clear()
                _log.warning("A training step cannot be a CUDA graph, and runs eagerly: %s.", self.refusal)
                return self._eager(step.inputs, out, context)
        return step.give(step.replay(), out)

    def _eager(self, inputs: Sequence[Array], out: Sequence[Array], context: ForwardContext) -> list[Array]:
        return list(self._compute(inputs, out, context))


class _Step:
    """One kind of call: the buffers of its inputs, the graph, and the pool that its memory is from.

    The pool is its own: what a graph writes to on the way must never be memory that someone else was given.
    """

    def __init__(self, cupy: Any, inputs: Sequence[Array], out: Sequence[Array]) -> None:
        self._cupy = cupy
        self._pool = cupy.cuda.MemoryPool()
        # It waits for the default stream and the other way round: work of the step that strays onto that one
        # makes capture fail, and is not left out unseen.
        self._stream = cupy.cuda.Stream()
        self.inputs = tuple(cupy.empty(array.shape, array.dtype) for array in inputs)
        self._out = tuple(cupy.empty(array.shape, array.dtype) if on_host(array) else array for array in out)
        self.graph: Any = None
        self._outputs: Sequence[Array] = ()

    def take(self, arrays: Sequence[Array]) -> None:
        for buffer, array in zip(self.inputs, arrays, strict=True):
            if isinstance(array, np.ndarray):
                buffer.set(array)
            else:
                buffer[...] = array

    def run(self, compute: Compute, context: ForwardContext) -> Sequence[Array]:
        """Eagerly, but on the stream and with the pool of the capture, whose memory is then there already."""
        outside = self._cupy.cuda.get_current_stream()
        self._stream.wait_event(outside.record())
        with self._stream, self._cupy.cuda.using_allocator(self._pool.malloc):
            outputs = compute(self.inputs, self._out, context)
        outside.wait_event(self._stream.record())
        return outputs

    def capture(self, compute: Compute, context: ForwardContext) -> None:
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
                self._outputs = compute(self.inputs, self._out, context)
            except BaseException:
                with suppress(Exception):
                    self._stream.end_capture()
                raise
            self.graph = self._stream.end_capture()

    def replay(self) -> Sequence[Array]:
        """On the caller's stream, and so in the order of what else it does."""
        self.graph.launch()
        return self._outputs

    def give(self, outputs: Sequence[Array], out: Sequence[Array]) -> list[Array]:
        """The outputs, and to the host what is wanted there."""
        for target, array in zip(out, self._out, strict=True):
            if on_host(target):
                np.copyto(target, to_numpy(array))
        return list(outputs)


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
