"""Running a recorded step: kernels called from one list in C, with fixed arguments, nothing allocated."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy import ndarray

from .. import native
from ..nn.context import ForwardContext
from .buffers import ALIGNMENT, lifetimes, places
from .fuse import Instruction, Kernel, fused
from .trace import Call, Origin, Reference, Root, Unplannable

Replay = Callable[[ForwardContext], None]


class _NativeCall(ctypes.Structure):
    """One entry of the list that `replay` in pool.c goes through."""

    _fields_ = (
        ("function", ctypes.c_void_p),
        ("arrays", ctypes.c_void_p),
        ("integers", ctypes.c_void_p),
        ("numbers", ctypes.c_void_p),
    )


class Program:
    """The steps of a recorded run, and the memory that their values share.

    kept: values that are read after a replay. arena_bytes: what the values take.
    """

    def __init__(self, calls: Sequence[Call], kept: Sequence[Reference]) -> None:
        held = {reference.root for reference in kept if reference.root.origin is Origin.VALUE}
        self.steps = fused(calls, held)
        operands = {operand.root for call in calls for operand in call.operands}
        self._held = [root for root in operands if root.origin is Origin.HELD and root.written]
        self.lives, shares = lifetimes(self.steps, held)
        self.offsets, self.arena_bytes = places(self.lives, shares)
        memory = np.empty(self.arena_bytes + ALIGNMENT, np.uint8)
        start = -memory.__array_interface__["data"][0] % ALIGNMENT
        self._arena = memory[start : start + self.arena_bytes]

    def array(self, reference: Reference, given: Sequence[ndarray] = ()) -> ndarray:
        """The array itself, `given` being what this replay got from its caller."""
        if not prod(reference.shape):
            return np.empty(reference.shape, reference.dtype)
        return reference.on(self._memory(reference.root, given))

    def touched(self) -> list[ndarray]:
        """The arrays from elsewhere, not the caller's, that a replay writes to."""
        return [root.array for root in self._held if root.array is not None]

    def bind(self, given: Sequence[ndarray]) -> Replay:
        """The steps with these arrays as the caller's. They are kept alive, and read and written in place."""
        runs: list[Callable[[ForwardContext], None]] = []
        kernels: list[Kernel] = []
        for step in (*self.steps, None):
            if isinstance(step, Kernel):
                kernels.append(step)
                continue
            if kernels:
                runs.append(self._native(kernels, given))
                kernels = []
            if step is not None:
                runs.append(self._single(step, given))
        if len(runs) == 1:
            return runs[0]

        def replay(context: ForwardContext) -> None:
            for run in runs:
                run(context)

        return replay

    def bind_each(self, given: Sequence[ndarray]) -> list[tuple[Kernel | Instruction, Replay]]:
        """Each step on its own, for timing them."""
        return [
            (step, self._native([step], given) if isinstance(step, Kernel) else self._single(step, given))
            for step in self.steps
        ]

    def _single(self, step: Instruction, given: Sequence[ndarray]) -> Replay:
        arrays = [self.array(operand, given) for operand in step.operands]
        function = step.function
        return lambda context: function(arrays, context)

    def _native(self, kernels: Sequence[Kernel], given: Sequence[ndarray]) -> Replay:
        calls = (_NativeCall * len(kernels))()
        alive: list[Any] = []
        for call, kernel in zip(calls, kernels, strict=True):
            arrays = [None if operand is None else self.array(operand, given) for operand in kernel.operands]
            pointers = (ctypes.c_void_p * len(arrays))(*map(native.pointer, arrays))
            integers = (ctypes.c_int64 * len(kernel.integers))(*kernel.integers)
            numbers = (ctypes.c_double * len(kernel.numbers))(*kernel.numbers)
            alive += [arrays, pointers, integers, numbers]
            call.function = ctypes.cast(native.address(kernel.symbol), ctypes.c_void_p).value
            call.arrays, call.integers, call.numbers = map(ctypes.addressof, (pointers, integers, numbers))
        assert native.library is not None
        run, first, count = native.library.replay, ctypes.addressof(calls), len(kernels)

        def replay(context: ForwardContext, alive: Any = (calls, alive)) -> None:
            done = run(first, count)
            if done != count:
                raise Unplannable(f"{kernels[done].name} refused its values")

        return replay

    def _memory(self, root: Root, given: Sequence[ndarray]) -> Any:
        if root.origin is Origin.VALUE:
            start = self.offsets[root]
            return self._arena[start : start + root.nbytes]
        array = given[root.index] if root.origin is Origin.GIVEN else root.array
        assert array is not None
        return array.ravel(order="K").view(np.uint8) if array.size else array
