"""Running a recorded step: kernels called from one list in C, with fixed arguments, nothing allocated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from math import prod
from typing import Any

import numpy as np
from numpy import ndarray

from ..errors import Unplannable
from ..native.call_list import CallList, Launch
from ..nn.context import ForwardContext
from .buffers import ALIGNMENT, lifetimes, places
from .calls import Call, Origin, Reference, Root
from .fuse import fused

Replay = Callable[[ForwardContext], None]


class Program:
    """The steps of a recorded run, and the memory that their values share.

    kept: values that are read after a replay. written: memory of others that it changes, and that is as it
    was if a replay fails. arena_bytes: what the values take.
    """

    def __init__(self, calls: Sequence[Call], kept: Sequence[Reference], written: Sequence[Root]) -> None:
        held = {reference.root for reference in kept if reference.root.origin is Origin.VALUE}
        self.steps = fused(calls, held)
        self.written = list(written)
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

    def bind(self, given: Sequence[ndarray]) -> Replay:
        """The steps with these arrays as the caller's. They are read and written in place."""
        runs: list[Replay] = []
        for _, group in groupby(self.steps, lambda step: 0 if isinstance(step.work, Launch) else id(step)):
            runs.append(self.run(list(group), given))
        state = [(memory, memory.copy()) for memory in (self._memory(root, given) for root in self.written)]
        if len(runs) == 1 and not state:
            return runs[0]

        def replay(context: ForwardContext) -> None:
            for memory, before in state:
                np.copyto(before, memory)
            try:
                for run in runs:
                    run(context)
            except Exception:
                for memory, before in state:
                    np.copyto(memory, before)
                raise

        return replay

    def run(self, steps: Sequence[Call], given: Sequence[ndarray]) -> Replay:
        """Some kernels, or one step of another kind, on their own."""
        calls: list[Any] = []
        for step in steps:
            arrays = [None if operand is None else self.array(operand, given) for operand in step.operands]
            calls.append((step.work, arrays))
        function, arrays = calls[0]
        if not isinstance(function, Launch):
            return lambda context: function(arrays, context)
        run, count = CallList(calls), len(calls)

        def replay(context: ForwardContext) -> None:
            done = run()
            if done != count:
                raise Unplannable(f"{steps[done].name} refused its values")

        return replay

    def _memory(self, root: Root, given: Sequence[ndarray]) -> Any:
        if root.origin is Origin.VALUE:
            start = self.offsets[root]
            return self._arena[start : start + root.nbytes]
        array = given[root.index] if root.origin is Origin.GIVEN else root.array
        assert array is not None
        return array.ravel(order="K").view(np.uint8) if array.size else array
