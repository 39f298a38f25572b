"""The step plan: a training step recorded once, and then replayed without Python, graph or allocation.

`Plan` is one step of any shape; `trace` records it, `loops` and `fuse` make kernels of it, `buffers` gives
its values their places, `replay` runs it. A replay gives the very bits of the eager step: the third run of
each shape is done both ways and compared, and a step that cannot be planned goes on eagerly, saying why,
once. On a GPU the step is a CUDA graph instead (core/cuda/graph.py).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np
from numpy import ndarray

from .. import native
from ..array import Array, is_floating, on_host, to_numpy
from ..backward import hooks, leaf_gradients, watchers
from ..graph import is_recording, observers
from ..nn.context import EVALUATION, ForwardContext
from ..tensor import Tensor
from .layers import layers_told
from .replay import Program, Replay
from .trace import Call, Origin, Recorder, Reference, Root, Traced, Unplannable, keys_only, repeated

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
    """The plan for inputs of one shape."""

    state: _State = _State.NEW
    program: Program | None = None
    inputs: list[ndarray] = field(default_factory=list)
    outputs: list[ndarray] = field(default_factory=list)
    kinds: list[tuple[Any, ...]] = field(default_factory=list)
    saved: list[tuple[Root, ndarray]] = field(default_factory=list)
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
        self._graphs: Any = None

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
            shape = self._shapes[key] = _Shape()
        if shape.state is _State.TRUSTED:
            return self._trusted(shape, inputs, out, context)
        failure = None
        if shape.state is _State.RECORDED:
            failure = self._verify(shape, inputs, out, context)
        elif shape.state is _State.SEEN:
            failure = self._record(shape, inputs, context, out)
        if failure is not None:
            results = self._eager(inputs, out, context)  # which raises it, if it is the data that is wrong
            self._give_up(shape, failure)
            return results
        if shape.state is _State.NEW:
            shape.state = self._first_state(inputs, out)
        if shape.state is _State.ON_GPU:
            return self._captured(key, inputs, out, context)
        return self._eager(inputs, out, context)

    def _key(self, inputs: Sequence[Array], context: ForwardContext) -> tuple[Any, ...]:
        """What a program holds for: the inputs' shapes, and what is differentiated and looked at."""
        wanted = bytes([is_recording(), *(tensor.requires_grad for tensor in self._tensors)])
        seen = (
            tuple(function for tensor in self._tensors for function in hooks.get(tensor.order, ()))
            if hooks
            else ()
        )
        return (context.training, wanted, seen, *map(_kind, inputs))

    def _first_state(self, inputs: Sequence[Array], out: Sequence[Array]) -> _State:
        arrays = self._arrays() or inputs
        if arrays and not any(map(on_host, arrays)):
            return _State.ON_GPU
        everything = (*inputs, *out, *self._arrays())
        plain = all(array.__class__ in (ndarray, np.memmap) for array in everything)
        return _State.SEEN if plain and native.library is not None else _State.EAGER

    def _captured(
        self, key: Any, inputs: Sequence[Array], out: Sequence[Array], context: ForwardContext
    ) -> list[Any]:
        """The same as a CUDA graph, whose own calls are eager, captured, and replayed from then on."""
        if self._graphs is None:
            from ..cuda.graph import CapturedStep

            self._graphs = CapturedStep(self._eager)
        return self._graphs(key, inputs, out, context, self._arrays())

    def _trusted(
        self, shape: _Shape, inputs: Sequence[Array], out: Sequence[ndarray], context: ForwardContext
    ) -> list[Any]:
        try:
            return self._replay(shape, inputs, out, context)
        except Exception as error:
            reason = error if isinstance(error, Unplannable) else Unplannable(f"its replay raised {error!r}")
        results = self._eager(inputs, out, context)  # which raises it, if it is the data that is wrong
        self._give_up(shape, reason)
        return results

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
    ) -> tuple[Program, list[tuple[Any, Replay]]] | None:
        """The program that a call with these would replay, each step on its own; None if it would not."""
        for key, shape in self._shapes.items():
            if key[3:] == tuple(map(_kind, inputs)) and shape.program:
                given = [*shape.inputs, *self._arrays(), *out]
                return shape.program, shape.program.bind_each(given)
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

    def _gradients(self, share: Tensor | None) -> list[Array | None]:
        found = leaf_gradients(share) if share is not None and share.requires_grad else {}
        return [found.get(parameter.order) for parameter in self._parameters]

    def _record(
        self, shape: _Shape, inputs: Sequence[ndarray], context: ForwardContext, out: Sequence[ndarray]
    ) -> Unplannable | None:
        """Run once to write down what is computed; why that is not possible. All arrays are as they were."""
        recorder = Recorder(context)
        before = self._arrays()
        try:
            self._write_down(shape, recorder, inputs, out, context)
            shape.state = _State.RECORDED
        except Exception as error:
            return error if isinstance(error, Unplannable) else Unplannable(f"recording it raised {error!r}")
        finally:
            recorder.undo()
            recorder.close()
            for tensor, array in zip(self._tensors, before, strict=True):
                tensor.data = array
        return None

    def _write_down(
        self,
        shape: _Shape,
        recorder: Recorder,
        inputs: Sequence[ndarray],
        out: Sequence[ndarray],
        context: ForwardContext,
    ) -> None:
        shape.inputs = [np.array(array, order="C") for array in inputs]
        arrays = self._arrays()
        everything = (*shape.inputs, *arrays, *out)
        _require_plain(everything)
        if not all(array.flags.c_contiguous for array in inputs):
            raise Unplannable("an input is not contiguous, and NumPy may add its numbers up in another order")
        given = [recorder.given(array, index) for index, array in enumerate(everything)]
        traced, targets = given[len(inputs) : len(inputs) + len(arrays)], given[len(inputs) + len(arrays) :]
        for tensor, array in zip(self._tensors, traced, strict=True):
            tensor.data = array
        with layers_told(recorder):
            share, outputs = self._compute(*given[: len(inputs)], context=keys_only(context))
            recorder.phase = "backward"
            gradients = self._gradients(share)
        recorder.layer = ""
        if any(tensor.data is not array for tensor, array in zip(self._tensors, traced, strict=True)):
            raise Unplannable("it puts another array in the place of a parameter's or a buffer's")
        written = recorder.written()
        if any(root.origin is Origin.GIVEN and root.index < len(inputs) for root in written):
            raise Unplannable("it writes to its inputs")
        outputs = [_own(recorder, array) for array in outputs]
        wanted = [recorder.reference(array) for array in outputs]
        _write_gradients(recorder, targets, gradients, wanted)
        saving, saved = _saving(written)
        shape.program = Program([*saving, *recorder.calls], [*wanted, *saved])
        shape.outputs = [shape.program.array(reference, given) for reference in wanted]
        shape.kinds = [(array.shape, array.dtype) for array in (*arrays, *out)]
        shape.saved = list(zip(written, map(shape.program.array, saved), strict=True))

    def _verify(
        self, shape: _Shape, inputs: Sequence[ndarray], out: Sequence[ndarray], context: ForwardContext
    ) -> Unplannable | None:
        """Compare every bit of a replay with the eager step, on other numbers, and leave all as it was.

        On the same numbers as when it was recorded it would not show if something was recorded as a constant.
        """
        try:
            error = self._difference(shape, inputs, out, context, _changed)
        except Exception:  # numbers that the step refuses: those that it was given have to do
            try:
                error = self._difference(shape, inputs, out, context, np.copy)
            except Exception as refusal:
                return Unplannable(f"comparing it with the eager step raised {refusal!r}")
        if error is None:
            shape.state = _State.TRUSTED
        return error

    def _difference(
        self,
        shape: _Shape,
        inputs: Sequence[ndarray],
        out: Sequence[ndarray],
        context: ForwardContext,
        changed: Callable[[ndarray], ndarray],
    ) -> Unplannable | None:
        """Whether a replay, on changed inputs and parameters, gives anything else than the eager step."""
        assert shape.program is not None
        before = self._arrays()
        state = [*shape.program.touched(), *before[len(self._parameters) :]]
        values = [array.copy() for array in state]
        trial = [changed(array) for array in inputs]
        results: list[list[ndarray]] = []
        try:
            for tensor in self._parameters:
                tensor.data = changed(tensor.data)
            for replayed in (False, True):
                gradients = [np.empty_like(array) for array in out]
                with np.errstate(all="ignore"):
                    outputs = (
                        self._replay(shape, trial, gradients, context)
                        if replayed
                        else self._eager(trial, gradients, context)
                    )
                results.append([np.array(array) for array in (*outputs, *gradients, *state)])
                for array, value in zip(state, values, strict=True):
                    array[...] = value
        except Unplannable as refusal:
            return refusal
        finally:
            shape.bound.clear()
            for tensor, array in zip(self._tensors, before, strict=True):
                tensor.data = array
            for array, value in zip(state, values, strict=True):
                array[...] = value
        same = all(map(same_bits, *results))
        return None if same else Unplannable("its replay differs from the eager step")

    def _replay(
        self, shape: _Shape, inputs: Sequence[ndarray], out: Sequence[ndarray], context: ForwardContext
    ) -> list[ndarray]:
        for own, array in zip(shape.inputs, inputs, strict=True):
            np.copyto(own, array)
        arrays = self._arrays()
        key = (*map(id, arrays), *map(id, out))
        found = shape.bound.get(key)
        if found is None:
            assert shape.program is not None
            if len(shape.bound) >= _MOST_BOUND:
                shape.bound.clear()
            given = (*shape.inputs, *arrays, *out)
            _require_plain(given)
            if shape.kinds != [(array.shape, array.dtype) for array in (*arrays, *out)]:
                raise Unplannable("a parameter or its gradient has got another shape or type")
            found = shape.bound[key] = (shape.program.bind(given), given)
        replay, given = found
        try:
            replay(context)
        except Exception:
            for root, value in shape.saved:
                target = given[root.index] if root.origin is Origin.GIVEN else root.array
                assert target is not None
                target[...] = value
            raise
        return shape.outputs

    def _give_up(self, shape: _Shape, error: Unplannable) -> None:
        shape.state, shape.program, shape.reason = _State.EAGER, None, str(error)
        shape.bound.clear()
        if not self._told:
            self._told = True
            _log.warning("A training step cannot be planned, and runs eagerly: %s.", error)


def same_bits(one: Any, other: Any) -> bool:
    """Whether two arrays are of one shape and type and equal in every bit."""
    one, other = np.asarray(one), np.asarray(other)
    return one.shape == other.shape and one.dtype == other.dtype and one.tobytes() == other.tobytes()


def _require_plain(arrays: Sequence[ndarray]) -> None:
    if not all(array.flags.c_contiguous and array.flags.aligned for array in arrays):
        raise Unplannable("a parameter or its gradient is not contiguous")


def _saving(written: Sequence[Root]) -> tuple[list[Call], list[Reference]]:
    """Calls that keep what the step writes over, but for gradients, in case it does not come to its end."""
    calls, places = [], []
    for root in written:
        assert root.array is not None
        array = root.array
        original = Reference(root, 0, array.shape, array.strides, array.dtype)
        places.append(Reference(Root(Origin.VALUE, array.nbytes), 0, array.shape, array.strides, array.dtype))
        calls.append(repeated("save", np.copyto, places[-1], original))
    return calls, places


def _own(recorder: Recorder, array: Array) -> Array:
    """An output in memory of the step's own: the caller's may be another one at the next call."""
    return array if recorder.reference(array).root.origin is Origin.VALUE else recorder.copied(array)


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
        if gradient is None:
            target[...] = 0
            continue
        made, place = recorder.reference(gradient), recorder.reference(target)
        same = (made.offset, made.shape, made.strides) == (0, place.shape, place.strides)
        whole = made.dtype == place.dtype and made.root.nbytes == place.root.nbytes
        if same and whole and made.root.origin is Origin.VALUE and made.root not in taken:
            taken.add(made.root)
            pinned.append((made.root, place.root))
            np.copyto(_plain(target), _plain(gradient))
        else:
            target[...] = gradient
    for root, place in pinned:
        root.origin, root.index, root.array = Origin.GIVEN, place.index, place.array


def _kind(array: Array) -> tuple[Any, ...]:
    """What has to be the same of an input for it to be computed with in the same way."""
    return array.shape, array.dtype, array.flags.c_contiguous


def _changed(array: ndarray) -> ndarray:
    """Other numbers of the same kind: each moved on by one place, some left out for others, and if they are
    floats a little larger."""
    moved = np.roll(array.reshape(-1), 1)
    moved[: array.size // 3] = moved[-1:]
    if is_floating(array.dtype):
        moved += array.dtype.type(2.0**-10)
    return moved.reshape(array.shape)


def _plain(array: Any) -> ndarray:
    return array.view(ndarray) if isinstance(array, Traced) else array
