"""The tape: primitives that record how their outputs were made.

A primitive is a formula on arrays. Called with tensors that require gradients it also records a node;
called with arrays alone it is just the formula. Its vjps are written in primitives too. So one rule serves
twice: given arrays it gives a gradient, given tensors one that can be differentiated again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec

import numpy as np
from numpy import generic, ndarray

from .array import Array, array_module
from .errors import DeviceError, DTypeError, ShapeError
from .retention import Absent, retained
from .tensor import Tensor, next_order

Parameters = ParamSpec("Parameters")
Vjp = Callable[..., Any]
"""(g, y, *arguments, **options) -> cotangent of one argument: g is the cotangent of the output y.

It may still have the output's shape where the argument was broadcast; the engine sums it down. What it reads
is kept until then; of an argument that it asks only for the shape or dtype no more than that is there."""
Explanation = tuple[str, str, str]
"""(argument, expected, actual) of a call whose shapes do not fit."""


class Operation:
    """What the engine knows about a primitive: its name, its vjps, how to explain a call that failed.

    retained: by the bit set of the arguments that a derivative is wanted for, what a node keeps. moves: it
    computes nothing, and takes half precision as it is. narrow: what is recorded in its place for others.
    """

    __slots__ = ("explain", "moves", "name", "narrow", "retained", "vjps")

    def __init__(self, name: str) -> None:
        self.name = name
        self.vjps: tuple[Vjp | None, ...] = ()
        self.explain: Callable[..., Explanation] = _explain_broadcast
        self.retained: dict[int, tuple[bool, tuple[int, ...]]] = {}
        self.moves = False
        self.narrow: Operation | None = None


class Node:
    """One recorded call, held by its output and by the nodes made from that: a tensor may go before its node.

    parents: for each argument that a derivative is wanted for, its position and its node, or the leaf itself.
    values: the arguments, arrays in place of tensors; Absent where no rule reads the array. y: the output, or
    None if no rule reads it. order: below that of everything that it was made from. `backward` sets parents,
    values and y to None as soon as it is past a node.
    """

    __slots__ = ("__weakref__", "operation", "options", "order", "parents", "values", "y")

    operation: Operation
    parents: list[tuple[int, Node | Tensor]]
    values: list[Any]
    options: dict[str, Any]
    y: Array
    order: int


class _Recording(threading.local):
    enabled = True


Observer = Callable[[Operation, list[Any], dict[str, Any], Tensor], None]
"""(operation, values, options, output): told of each call with a tensor, before its values are dropped."""

observers: list[Observer] = []
"""Those that want to see what all threads compute: anomaly mode, tracing. Mostly empty."""

_REFUSALS = (ValueError, IndexError, TypeError, AttributeError)
"""What a formula raises that cannot compute with its arguments."""

_recording = _Recording()
_operations: dict[Any, Operation] = {}
_new_tensor = Tensor.__new__
_new_node = Node.__new__
_new_absent = Absent.__new__


@contextmanager
def no_grad() -> Iterator[None]:
    """Inside, operations of this thread record nothing: for evaluation."""
    with recording(False):
        yield


def is_recording() -> bool:
    """Whether operations of this thread record."""
    return _recording.enabled


@contextmanager
def recording(enabled: bool) -> Iterator[None]:
    """Inside, operations of this thread record, or do not, whatever they did outside."""
    before, _recording.enabled = _recording.enabled, enabled
    try:
        yield
    finally:
        _recording.enabled = before


def primitive(formula: Callable[Parameters, Array]) -> Callable[Parameters, Tensor]:
    """Turn a formula on arrays into an operation that tensors can be differentiated through.

    Arguments that a derivative may be wanted for are positional; others (axis, index) may be keywords.
    """
    compute: Callable[..., Array] = formula
    operation = Operation(formula.__name__)
    kept_for = operation.retained

    @wraps(formula)
    def call(*arguments: Any, **options: Any) -> Any:
        for argument in arguments:
            if argument.__class__ is Tensor:
                break
        else:
            try:
                return compute(*arguments, **options)
            except _REFUSALS as error:
                _raise_explained(operation, arguments, options, error)
                raise
        values = []
        parents = []
        wanted = 0
        half = False
        recorded = operation
        for argument in arguments:
            if argument.__class__ is Tensor:
                if argument.requires_grad:
                    position = len(values)
                    wanted += 1 << position
                    parents.append((position, argument.node or argument))
                argument = argument.data
                if argument.itemsize == 2:
                    half = True
            values.append(argument)
        try:
            if half:
                recorded, data = precision.compute(operation, compute, values, options)
            else:
                data = compute(*values, **options)
        except _REFUSALS as error:
            _raise_explained(operation, values, options, error)
            raise
        if data.__class__ is not ndarray and getattr(data, "scalar", isinstance(data, generic)):
            data = array_module(data).asarray(data)  # NumPy's numbers are rounded in another way
        output = _new_tensor(Tensor)
        output.data = data
        output.grad = None
        if wanted and _recording.enabled:
            output.requires_grad = True
            output.node = node = _new_node(Node)
            node.operation = recorded
            node.parents = parents
            node.values = values
            node.options = options
            node.order = next_order()
            try:
                keeps_output, dropped = kept_for[wanted]
            except KeyError:
                keeps_output, dropped = kept_for[wanted] = retained(operation.vjps, wanted)
            node.y = data if keeps_output else None
            if observers:
                _tell(operation, values, options, output)
            for position in dropped:
                value = values[position]
                values[position] = absent = _new_absent(Absent)
                absent.shape = value.shape
                absent.dtype = value.dtype
        else:
            output.requires_grad = False
            output.node = None
            if observers:
                _tell(operation, values, options, output)
        return output

    _operations[call] = operation
    return call


def vjp(call: Callable[..., Any], *rules: Vjp | None) -> None:
    """Set a primitive's derivative rules, one a positional argument; None where there is no derivative."""
    _operations[call].vjps = rules
    _operations[call].retained.clear()
    _operations[call].narrow = None


def moves(*calls: Callable[..., Any]) -> None:
    """Mark primitives that only move elements, or pick them: those of half precision need no float32."""
    for call in calls:
        _operations[call].moves = True


def explain(call: Callable[..., Any], explanation: Callable[..., Explanation]) -> None:
    """Set how a primitive whose formula refused its arguments says (argument, expected, actual)."""
    _operations[call].explain = explanation


def operation_of(call: Callable[..., Any]) -> Operation:
    """What the engine knows about a primitive."""
    return _operations[call]


def _tell(operation: Operation, values: list[Any], options: dict[str, Any], output: Tensor) -> None:
    for observer in tuple(observers):
        observer(operation, values, options, output)


def _raise_explained(
    operation: Operation, values: Sequence[Any], options: dict[str, Any], error: Exception
) -> None:
    """Say what was wrong with a formula's arguments: op, argument, expected, actual. Returns if unknown."""
    modules = {array_module(value).__name__ for value in values if getattr(value, "shape", ())}
    if len(modules) > 1:
        raise DeviceError(
            f"{operation.name}: expected arrays on one device, got {' and '.join(sorted(modules))}"
        ) from error
    if not isinstance(error, TypeError | AttributeError):
        argument, expected, actual = operation.explain(*values, **options)
        raise ShapeError(f"{operation.name}, argument {argument}", expected, actual) from error
    if error.__traceback__ is None or error.__traceback__.tb_next is None:
        return  # the call itself, such as an argument too many: Python says it best
    raise unfit(operation.name, values, options) from error


def unfit(name: str, values: Sequence[Any], options: dict[str, Any]) -> DTypeError:
    """The error of a call whose arguments have types that its formula cannot compute with."""
    given = [described(value) for value in values] + [f"{name}={value!r}" for name, value in options.items()]
    return DTypeError(f"{name}: expected arguments of types to compute with, got {', '.join(given)}")


def described(value: Any) -> str:
    """An argument in few words: dtype and shape of an array, and the range of integers."""
    if isinstance(value, tuple):
        return f"({', '.join(map(described, value))})"
    if not hasattr(value, "shape"):
        return repr(value)
    span = f" from {value.min()} to {value.max()}" if value.dtype.kind in "iu" and value.size else ""
    return f"{value.dtype} {value.shape}{span}"


def _explain_broadcast(first: Array, *others: Array, **options: Any) -> Explanation:
    shape = np.shape(first)
    return "b", f"a shape that broadcasts with {shape}", ", ".join(str(np.shape(other)) for other in others)


from . import precision  # noqa: E402
from .backward import backward, grad  # noqa: E402  The walk back is in a file of its own, its users find it here.

__all__ = [
    "Explanation", "Node", "Observer", "Operation", "Vjp", "backward", "described", "explain", "grad",
    "is_recording", "moves", "no_grad", "observers", "operation_of", "primitive", "recording", "unfit", "vjp",
]  # fmt: skip
