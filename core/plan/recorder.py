"""Recording a step: what it computes while it runs once, written down as a flat list of calls.

Views need no call: an array is known by the memory that it lies in.
"""

from __future__ import annotations

import threading
from bisect import bisect
from collections.abc import Callable, Sequence
from dataclasses import replace
from operator import itemgetter
from typing import Any
from weakref import ref

import numpy as np
from numpy import ndarray

from .. import native
from ..array import address, owner_of, unreadable
from ..errors import Unplannable
from ..graph import Node
from ..native.call_list import Launch
from ..nn.context import ForwardContext, Unread
from ..nn.layer_path import layer_path
from ..tensor import next_order
from .calls import Call, Origin, Place, Reference, Repeat, Root, Work, reference_to
from .traced import Namespace, Traced, plain

_TAKE_OUT = {
    np.concatenate, np.stack, np.take, np.dot, np.einsum, np.cumsum, np.cumprod, np.argmax, np.argmin,
}  # fmt: skip
"""Functions that write their result where they are told to, as ufuncs do."""


class Recorder:
    """Writes down the calls of one run of a step. given: what each replay gets anew from its caller."""

    def __init__(self, context: ForwardContext, given: Sequence[ndarray]) -> None:
        self.calls: list[Call] = []
        self._orders: list[int] = []  # of the forward pass's calls: how far the graph had grown
        self._thread, self._placed = threading.get_ident(), 0
        self.phase = "forward"
        self.layer: str | None = None
        self.closed = False
        self.namespace = Namespace(self)
        self._context = context
        self.living: list[ref[Traced]] = []
        self._roots: dict[int, tuple[Any, Root]] = {}
        self.before: list[tuple[Root, ndarray]] = []  # what was in others' memory that the step writes to
        roots = [Root(Origin.GIVEN, array.nbytes, array, index) for index, array in enumerate(given)]
        places = [(address(array), address(array) + array.nbytes) for array in given]
        self._given = sorted(zip(places, roots, strict=True), key=itemgetter(0))

    def reference(self, array: Any, written: bool = False) -> Reference:
        """Where in which root an array lies; an array from elsewhere becomes a root of its own."""
        own = plain(array)
        if not own.size:
            return reference_to(Root(Origin.VALUE, 0), own)
        if own.dtype.hasobject:
            raise Unplannable("an array holds Python objects")
        owner, root = owner_of(own), self._root(own)
        if root is None:
            if isinstance(array, Traced) or own.dtype.names:
                raise Unplannable("an array was made from a traced one in a way that could not be recorded")
            root = Root(Origin.HELD, owner.nbytes, owner)
            self._roots[id(owner)] = (ref(owner), root)
        if written and root.array is not None and not root.written:
            root.written = True
            self.before.append((root, root.array.copy()))
        start = root.array if root.origin is Origin.GIVEN else owner
        assert start is not None
        return reference_to(root, own, address(own) - address(start))

    def _root(self, array: ndarray) -> Root | None:
        start = address(array)
        place = bisect(self._given, start, key=lambda given: given[0][0]) - 1
        if place >= 0 and start < self._given[place][0][1]:
            return self._given[place][1]
        owner = owner_of(array)
        found = self._roots.get(id(owner))
        return found[1] if found is not None and found[0]() is owner else None

    def close(self) -> None:
        """Undo what the step wrote to arrays from elsewhere.

        From now on traced arrays that are left somewhere are like any others, and keep nothing alive.
        """
        for root, before in self.before:
            assert root.array is not None
            root.array[...] = before
        self.closed = True
        for living in self.living:
            if (array := living()) is not None:
                ndarray.dtype.__set__(array, array.numbers)  # pyright: ignore[reportAttributeAccessIssue]
        self.calls = []
        for held in (self._roots, self._given, self.before, self.living):
            held.clear()

    def traced(self, array: ndarray, scalar: bool = False) -> Any:
        """The array as one whose use is written down."""
        if self.closed:
            return array
        traced = array.view(unreadable(array.dtype)).view(Traced)
        traced.recorder, traced.numbers, traced.scalar = self, array.dtype, scalar
        self.living.append(ref(traced))
        return traced

    def made(self, array: ndarray) -> Any:
        """The traced form of an array that the step has just made."""
        if self._root(array) is None:
            owner = owner_of(array)
            self._roots[id(owner)] = (ref(owner), Root(Origin.VALUE, owner.nbytes))
        return self.traced(array)

    def add(self, name: str, work: Work, outputs: Sequence[Any], inputs: Sequence[Any]) -> None:
        """Write down that `work` computes the outputs from the inputs."""
        writes = len(outputs)
        operands = tuple(
            None if array is None else self.reference(array, written=index < writes)
            for index, array in enumerate((*outputs, *inputs))
        )
        layer = layer_path() if self.layer is None else self.layer
        if self.phase == "forward":
            self._orders.append(-next_order())
        self.calls.append(Call(name, work, operands, writes, layer, self.phase))

    def saw_cotangent(self, node: Node, position: int, cotangent: Any) -> None:
        """A watcher of the way back: the calls there since the last get the layer of the node's operation.

        Nobody watches the forward pass: an operation that is watched may take another way.
        """
        if threading.get_ident() != self._thread:
            return
        before = bisect(self._orders, -node.order) - 1  # the last call of the operation, or a view of it
        layer = self.calls[before].layer if before >= 0 else ""
        for index, call in enumerate(self.calls[self._placed :], self._placed):
            if call.phase == "backward":
                self.calls[index] = replace(call, layer=call.layer or layer)
        self._placed = len(self.calls)

    def call(
        self, name: str, function: Any, arguments: tuple[Any, ...], options: dict[str, Any], targets: Any = ()
    ) -> Any:
        """Compute function(*arguments, **options), none of them traced, and write it down.

        targets: those of the arguments and options that it writes to; without any, its results come back
        traced.
        """
        if self.closed:
            return function(*arguments, **options)
        for target in targets:
            self.reference(target, written=True)  # keeps what it holds
        result = function(*arguments, **options)
        if targets:
            self._repeated(name, function, arguments, options, targets, 0)
            return None
        results = list(result) if isinstance(result, tuple | list) else [result]
        if not all(isinstance(part, ndarray | np.generic) for part in results):
            raise Unplannable(f"{name} gives Python a value that depends on data")
        arrays = [np.asarray(part) for part in results]
        if any(self._root(array) is None for array in arrays):
            for array in arrays:
                self.made(array)
            if len(arrays) == 1 and _takes_out(function):
                self._repeated(name, function, arguments, {**options, "out": arrays[0]}, arrays, 0)
            else:
                self._repeated(name, function, arguments, options, arrays, len(arrays))
        scalar = [isinstance(part, np.generic) for part in results]
        traced = list(map(self.traced, arrays, scalar))
        if not isinstance(result, tuple | list):
            return traced[0]
        return getattr(type(result), "_make", type(result))(traced)

    def _repeated(
        self, name: str, function: Any, arguments: Any, options: Any, outputs: Sequence[ndarray], results: int
    ) -> None:
        """Write the call down with places for its arrays: the outputs', then the others'."""
        inputs: list[ndarray] = []

        def placed(value: Any) -> Any:
            if isinstance(value, ndarray):
                for position, output in enumerate(outputs):
                    if value is output:
                        return Place(position)
                inputs.append(value)
                return Place(len(outputs) + len(inputs) - 1)
            return type(value)(map(placed, value)) if isinstance(value, tuple | list) else value

        arguments = tuple(map(placed, arguments))
        options = {key: placed(value) for key, value in options.items()}
        self.add(name, Repeat(function, arguments, options, results), outputs, inputs)

    def drawn(self, draw: Callable[[ForwardContext], ndarray], context: ForwardContext) -> Any:
        """What is drawn from `context`; if that is the step's own, each replay draws from its own."""
        if context.step.__class__ is not Unread:
            return draw(context)
        array = draw(self._context)
        traced = self.made(array)
        self.add("draw", lambda arrays, context: np.copyto(arrays[0], draw(context)), [array], [])
        return traced

    def launched(self, symbol: str, outputs: Sequence[Any], inputs: Sequence[Any], *numbers: Any) -> int:
        """`native.launch`, written down."""
        outputs, inputs = [plain(array) for array in outputs], [plain(array) for array in inputs]
        if self.closed:
            return native.launch(symbol, outputs, inputs, *numbers)
        for array in outputs:
            if array is not None:
                self.reference(array, written=True)  # keeps what it holds
        status = native.launch(symbol, outputs, inputs, *numbers)
        if status == 0:
            self.add(symbol, Launch(symbol, *map(tuple, numbers)), outputs, inputs)
        return status


def _takes_out(function: Any) -> bool:
    return isinstance(getattr(function, "__self__", function), np.ufunc) or function in _TAKE_OUT
