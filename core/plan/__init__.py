"""The step plan: a training step recorded once, and then replayed without Python, graph or allocation.

`Plan` is one step of any shape; `traced` and `recorder` write it down as `calls`, `fuse` makes kernels of
them, `buffers` gives values their places, `replay` runs it. A replay gives the very bits of the eager step:
the third run of each shape is done both ways and compared, and a step that cannot be planned goes on eagerly,
saying why, once. On a GPU the step is a CUDA graph instead (core/cuda/graph.py).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import partial
from typing import Any

import numpy as np
from numpy import ndarray

from .. import native
from ..array import Array, on_host, other_numbers, same_bits, to_numpy
from ..backward import hooks, leaf_gradients, watchers
from ..cuda.graph import CapturedStep
from ..errors import Unplannable
from ..graph import is_recording, observers
from ..nn.context import EVALUATION, ForwardContext, keys_only
from ..tensor import Tensor
from .calls import Origin, Reference, Root
from .recorder import Recorder
from .replay import Program, Replay
from .traced import Traced

_log = logging.getLogger(__name__)
_MOST_BOUND = 64
"""Sets of caller's arrays that a program is bound to at one time."""

Compute = Callable[..., tuple[Tensor | None, Sequence[Array]]]
"""(*inputs, context) -> what is differentiated, one element or None, and what else is wanted of the step."""


class _State(Enum):
    """How far a step of one shape has come."""

    NEW = "new"
    SEEN = "seen"
    RECORDED = "recorded"
    TRUSTED = "trusted"
    EAGER = "eager"
    ON_GPU = "on a GPU"


@dataclass
class _Shape:
    """The plan for inputs of one shape. bound: a program on arrays of the caller's, and these, kept alive."""

    state: _State = _State.NEW
    program: Program | None = None
    inputs: list[ndarray] = field(default_factory=list)
    outputs: list[ndarray] = field(default_factory=list)
    kinds: list[tuple[Any, ...]] = field(default_factory=list)
    bound: dict[tuple[int, ...], tuple[Replay, Any]] = field(default_factory=dict)
    reason: str = ""


class Plan:
    """A step: compute(*inputs, context=...) and the gradients of `parameters`, replayed where it can be.

    compute: a function of its arrays, the parameters and the context alone. What else changes from step to
    step has to be among the inputs, such as the number that the loss is multiplied by. buffers: other tensors
    whose arrays it reads, and may write to, which may be others from call to call. A plan serves one thread
    at a time.
    """

    def __init__(
        self, compute: Compute, parameters: Sequence[Tensor] = (), buffers: Sequence[Tensor] = ()
    ) -> None:
        self._compute = compute
        self._parameters = list(parameters)
        self._tensors = [*parameters, *buffers]
        self._shapes: dict[Any, _Shape] = {}
        self._told = False
        self._busy = threading.Lock()
        self._graphs: CapturedStep | None = None

    def __call__(
        self, inputs: Sequence[Array], out: Sequence[ndarray], context: ForwardContext = EVALUATION
    ) -> list[ndarray]:
        """The outputs of `compute`, the gradients of the parameters into `out`. The outputs are the plan's
        own arrays: they hold until its next call.
        """
        if not self._busy.acquire(blocking=False):
            raise RuntimeError(
                "plan: expected one call at a time, got a second one before the first was done"
            )
        try:
            return self._call(inputs, out, context)
        finally:
            self._busy.release()

    def _call(self, inputs: Sequence[Array], out: Sequence[ndarray], context: ForwardContext) -> list[Any]:
        if observers or watchers or context.present is not None:
            return self._eager(inputs, out, context)  # somebody looks at each operation; a mask to read
        key = self._key(inputs, context)
        shape = self._shapes.get(key)
        if shape is None:
            shape = self._shapes[key] = _Shape(self._first_state(inputs, out))
        try:
            if shape.state is _State.TRUSTED:
                return self._replay(shape, inputs, out, context)
            if shape.state is _State.RECORDED:
                self._verify(shape, inputs, out, context)
                shape.state = _State.TRUSTED
            elif shape.state is _State.SEEN:
                self._record(shape, inputs, out, context)
                shape.state = _State.RECORDED
            elif shape.state is _State.NEW:
                shape.state = _State.SEEN
        except Exception as error:
            results = self._eager(inputs, out, context)  # which raises it, if it is the data that is wrong
            self._give_up(shape, error)
            return results
        if shape.state is _State.ON_GPU:
            self._graphs = self._graphs or CapturedStep(self._eager)
            return self._graphs(key, inputs, out, context, self._arrays())
        return self._eager(inputs, out, context)

    def _key(self, inputs: Sequence[Array], context: ForwardContext) -> tuple[Any, ...]:
        """What a program holds for: the inputs' shapes, and what is differentiated and looked at."""
        wanted = bytes([is_recording(), *(tensor.requires_grad for tensor in self._tensors)])
        seen = hooks and tuple(hook for tensor in self._tensors for hook in hooks.get(tensor.order, ()))
        return (context.training, wanted, seen or None, *map(_kind, inputs))

    def _first_state(self, inputs: Sequence[Array], out: Sequence[Array]) -> _State:
        arrays = self._arrays() or inputs
        if arrays and not any(map(on_host, arrays)):
            return _State.ON_GPU
        everything = (*inputs, *out, *self._arrays())
        suits = all(array.__class__ in (ndarray, np.memmap) for array in everything)
        return _State.NEW if suits and native.library is not None else _State.EAGER

    @property
    def programs(self) -> list[Program]:
        """Those in use, one for each shape of inputs."""
        return [s.program for s in self._shapes.values() if s.program and s.state is _State.TRUSTED]

    @property
    def reasons(self) -> list[str]:
        """Why steps run eagerly, for each shape that does."""
        reasons = [shape.reason for shape in self._shapes.values()]
        return [reason for reason in (*reasons, self._graphs and self._graphs.refusal) if reason]

    def bound_steps(
        self, inputs: Sequence[Array], out: Sequence[ndarray]
    ) -> tuple[Program, list[Replay]] | None:
        """The program that a call with these would replay, and each step on its own; None if it would not."""
        for key, shape in self._shapes.items():
            if key[3:] == tuple(map(_kind, inputs)) and shape.program:
                given = [*shape.inputs, *self._arrays(), *out]
                return shape.program, [shape.program.run([step], given) for step in shape.program.steps]
        return None

    def _eager(self, inputs: Sequence[Array], out: Sequence[ndarray], context: ForwardContext) -> list[Any]:
        share, outputs = self._compute(*inputs, context=context)
        for target, gradient in zip(out, self._gradients(share), strict=True):
            gradient = 0 if gradient is None else gradient
            if on_host(target):
                np.copyto(target, to_numpy(gradient), casting="same_kind")
            else:
                target[...] = gradient
        return list(outputs)

    def _arrays(self) -> list[ndarray]:
        return [tensor.data for tensor in self._tensors]

    def _use(self, arrays: Sequence[Array]) -> None:
        for tensor, array in zip(self._tensors, arrays, strict=True):
            tensor.data = array

    def _gradients(self, share: Tensor | None) -> list[Array | None]:
        found = leaf_gradients(share) if share is not None and share.requires_grad else {}
        return [found.get(parameter.order) for parameter in self._parameters]

    def _record(
        self, shape: _Shape, inputs: Sequence[ndarray], out: Sequence[ndarray], context: ForwardContext
    ) -> None:
        """Run once to write down what is computed. All arrays are as they were."""
        shape.inputs = [np.array(array, order="C") for array in inputs]
        before = self._arrays()
        given = (*shape.inputs, *before, *out)
        _require_plain(given)
        if not all(array.flags.c_contiguous for array in inputs):
            raise Unplannable("an input is not contiguous, and NumPy may add its numbers up in another order")
        recorder = Recorder(context, given)
        traced = list(map(recorder.traced, given))
        first, last = len(inputs), len(inputs) + len(before)
        watchers.append(recorder.saw_cotangent)
        try:
            self._use(traced[first:last])
            share, outputs = self._compute(*traced[:first], context=keys_only(context))
            recorder.phase = "backward"
            gradients = self._gradients(share)
            recorder.layer = ""
            if any(now is not array for now, array in zip(self._arrays(), traced[first:last], strict=True)):
                raise Unplannable("it puts another array in the place of a parameter's or a buffer's")
            written = [root for root, _ in recorder.before]
            if any(root.origin is Origin.GIVEN and root.index < first for root in written):
                raise Unplannable("it writes to its inputs")
            wanted = [_own(recorder, array) for array in outputs]
            _write_gradients(recorder, traced[last:], gradients, wanted)
            shape.program = Program(recorder.calls, wanted, written)
        finally:
            watchers.remove(recorder.saw_cotangent)
            recorder.close()
            self._use(before)
        shape.outputs = [shape.program.array(reference, given) for reference in wanted]
        shape.kinds = [(array.shape, array.dtype) for array in given[first:]]

    def _verify(
        self, shape: _Shape, inputs: Sequence[ndarray], out: Sequence[ndarray], context: ForwardContext
    ) -> None:
        """Compare every bit of a replay with the eager step, on other numbers, and leave all as it was.

        On the same numbers as when it was recorded it would not show if something was recorded as a constant.
        """
        try:
            same = self._is_same(shape, inputs, out, context, other_numbers)
        except Unplannable:
            raise
        except Exception:  # numbers that the step refuses: those that it was given have to do
            same = self._is_same(shape, inputs, out, context, np.copy)
        if not same:
            raise Unplannable("its replay differs from the eager step")

    def _is_same(
        self,
        shape: _Shape,
        inputs: Sequence[ndarray],
        out: Sequence[ndarray],
        context: ForwardContext,
        changed: Callable[[ndarray], ndarray],
    ) -> bool:
        """Whether a replay, on changed inputs and parameters, gives what the eager step does."""
        before, count = self._arrays(), len(self._parameters)
        written = shape.program.written if shape.program else []
        state: list[Any] = [root.array for root in written if root.origin is Origin.HELD] + before[count:]
        values = [array.copy() for array in state]
        trial = list(map(changed, inputs))

        def results(run: Callable[..., list[ndarray]]) -> list[ndarray]:
            gradients = [np.empty_like(array) for array in out]
            try:
                outputs = run(trial, gradients, context)
                return [np.array(array) for array in (*outputs, *gradients, *state)]
            finally:
                for array, value in zip(state, values, strict=True):
                    array[...] = value

        try:
            self._use([*map(changed, before[:count]), *before[count:]])
            with np.errstate(all="ignore"):
                return all(map(same_bits, results(self._eager), results(partial(self._replay, shape))))
        finally:
            shape.bound.clear()
            self._use(before)

    def _replay(
        self, shape: _Shape, inputs: Sequence[ndarray], out: Sequence[ndarray], context: ForwardContext
    ) -> list[ndarray]:
        for own, array in zip(shape.inputs, inputs, strict=True):
            np.copyto(own, array)
        arrays = self._arrays()
        key = (*map(id, arrays), *map(id, out))
        bound = shape.bound.get(key)
        if bound is None:
            if len(shape.bound) >= _MOST_BOUND:
                shape.bound.clear()
            if shape.kinds != [(array.shape, array.dtype) for array in (*arrays, *out)]:
                raise Unplannable("a parameter or its gradient has got another shape or type")
            given = (*shape.inputs, *arrays, *out)
            _require_plain(given)
            assert shape.program is not None
            bound = shape.bound[key] = (shape.program.bind(given), given)
        bound[0](context)
        return shape.outputs

    def _give_up(self, shape: _Shape, error: Exception) -> None:
        reason = str(error) if isinstance(error, Unplannable) else f"planning it raised {error!r}"
        shape.state, shape.program, shape.reason = _State.EAGER, None, reason
        shape.bound.clear()
        if not self._told:
            self._told = True
            _log.warning("A training step cannot be planned, and runs eagerly: %s.", reason)


def _require_plain(arrays: Sequence[ndarray]) -> None:
    if not all(array.flags.c_contiguous and array.flags.aligned for array in arrays):
        raise Unplannable("a parameter or its gradient is not contiguous")


def _own(recorder: Recorder, array: Array) -> Reference:
    """An output in memory of the step's own: the caller's may be another one at the next call."""
    reference = recorder.reference(array)
    return reference if reference.root.origin is Origin.VALUE else recorder.reference(array.copy())


def _write_gradients(
    recorder: Recorder,
    targets: Sequence[Traced],
    gradients: Sequence[Array | None],
    wanted: Sequence[Reference],
) -> None:
    """Have each gradient made where it is wanted, or copied there where it is also something else."""
    taken = {reference.root for reference in wanted}
    pinned: list[tuple[Root, Root]] = []
    for target, gradient in zip(targets, gradients, strict=True):
        place, made = recorder.reference(target), None if gradient is None else recorder.reference(gradient)
        alike = made and replace(place, root=made.root) == made and made.root.nbytes == place.root.nbytes
        if made and alike and made.root.origin is Origin.VALUE and made.root not in taken:
            taken.add(made.root)
            pinned.append((made.root, place.root))
        else:
            target[...] = 0 if gradient is None else gradient
    for root, place in pinned:
        root.origin, root.index, root.array = Origin.GIVEN, place.index, place.array


def _kind(array: Array) -> tuple[Any, ...]:
    """What has to be the same of an input for it to be computed with in the same way."""
    return array.shape, array.dtype, array.flags.c_contiguous
