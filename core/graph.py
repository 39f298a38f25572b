"""The autograd engine: primitives that record themselves, and the walk back that applies their vjps.

A primitive is a formula on arrays. Called with tensors that require gradients it also records a node;
called with arrays alone it is just the formula. Its vjps are written in primitives too. So one rule serves
twice: given arrays it gives a gradient, given tensors one that can be differentiated again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from operator import attrgetter
from typing import Any, ParamSpec

import numpy as np

from .array import Array, array_module
from .errors import DeviceError, GraphError, ShapeError
from .tensor import Tensor, _creation

Parameters = ParamSpec("Parameters")
Vjp = Callable[..., Any]
"""(g, y, *arguments, **options) -> cotangent of one argument: g is the cotangent of the output y.

It may still have the output's shape where the argument was broadcast; the engine sums it down."""
Explanation = tuple[str, str, str]
"""(argument, expected, actual) of a call whose shapes do not fit."""


class Operation:
    """What the engine knows about a primitive: its name, its vjps, how to explain a call that failed."""

    __slots__ = ("explain", "name", "vjps")

    def __init__(self, name: str) -> None:
        self.name = name
        self.vjps: tuple[Vjp | None, ...] = ()
        self.explain: Callable[..., Explanation] = _explain_broadcast


class _Recording(threading.local):
    enabled = True


_recording = _Recording()
_operations: dict[Any, Operation] = {}
_next_order = _creation.__next__
_new_tensor = Tensor.__new__
_by_order = attrgetter("order")


@contextmanager
def no_grad() -> Iterator[None]:
    """Inside, operations of this thread record nothing: for evaluation."""
    before, _recording.enabled = _recording.enabled, False
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

    @wraps(formula)
    def call(*arguments: Any, **options: Any) -> Any:
        values = []
        recorded = any_tensor = False
        for argument in arguments:
            if argument.__class__ is Tensor:
                any_tensor = True
                if argument.requires_grad:
                    recorded = True
                argument = argument.data
            values.append(argument)
        try:
            data = compute(*values, **options)
        except (ValueError, IndexError, TypeError) as error:
            _raise_explained(operation, values, options, error)
            raise
        if not any_tensor:
            return data
        if data.__class__ is not np.ndarray and isinstance(data, np.generic):
            data = np.asarray(data)
        output = _new_tensor(Tensor)
        output.data = data
        output.grad = None
        output.order = _next_order()
        if recorded and _recording.enabled:
            output.requires_grad = True
            output.operation = operation
            output.arguments = arguments
            output.values = values
            output.options = options
        else:
            output.requires_grad = False
            output.operation = None
        return output

    _operations[call] = operation
    return call


def vjp(call: Callable[..., Any], *rules: Vjp | None) -> None:
    """Set a primitive's derivative rules, one a positional argument; None where there is no derivative."""
    _operations[call].vjps = rules


def explain(call: Callable[..., Any], explanation: Callable[..., Explanation]) -> None:
    """Set how a primitive whose formula refused its arguments says (argument, expected, actual)."""
    _operations[call].explain = explanation


def backward(output: Tensor) -> None:
    """Add d output / d leaf to `.grad` of every leaf that requires it. output: one element."""
    nodes = _reachable(output)
    leaves = [node for node in nodes if node.operation is None]
    given: set[int] = set()
    for leaf, gradient in zip(leaves, _gradients(output, None, nodes, leaves, False), strict=True):
        if leaf.grad is not None:
            gradient = leaf.grad.data + gradient
        elif gradient.base is not None or id(gradient) in given:
            gradient = gradient.copy()  # a view, or another leaf's too: writing to it would change both
        given.add(id(gradient))
        leaf.grad = Tensor(gradient)


def grad(
    output: Tensor, inputs: Sequence[Tensor], seed: Tensor | None = None, create_graph: bool = False
) -> list[Tensor]:
    """d output / d input for each of `inputs`, zeros for those that output does not depend on.

    output: one element, or any shape together with `seed`, the cotangent to start from.
    create_graph: record the derivatives themselves, so that they can be differentiated again.
    """
    for index, tensor in enumerate(inputs):
        if not tensor.requires_grad:
            raise GraphError(f"grad: input {index} of shape {tensor.shape} has no requires_grad=True")
    nodes = _leading_to(inputs, _reachable(output))
    gradients = _gradients(output, seed, nodes, inputs, create_graph)
    return [
        Tensor(array_module(tensor.data).zeros_like(tensor.data))
        if gradient is None
        else gradient if isinstance(gradient, Tensor) else Tensor(gradient)
        for tensor, gradient in zip(inputs, gradients, strict=True)
    ]  # fmt: skip


def _reachable(output: Tensor) -> list[Tensor]:
    """All that `output` was made from and requires a gradient, itself included, newest first."""
    if not output.requires_grad:
        raise GraphError(
            "backward: expected an output that depends on a tensor with requires_grad=True, got one "
            "that does not, or that was computed under no_grad()"
        )
    nodes = [output]
    seen = {output}
    for node in nodes:
        if node.operation is not None:
            for argument in node.arguments:
                if argument.__class__ is Tensor and argument.requires_grad and argument not in seen:
                    seen.add(argument)
                    nodes.append(argument)
    nodes.sort(key=_by_order, reverse=True)
    return nodes


def _leading_to(inputs: Sequence[Tensor], nodes: list[Tensor]) -> list[Tensor]:
    """Those of `nodes` (newest first) that are among `inputs` or were made from one."""
    leading = set(inputs)
    for node in reversed(nodes):
        if node.operation is not None and not leading.isdisjoint(
            argument for argument in node.arguments if argument.__class__ is Tensor
        ):
            leading.add(node)
    return [node for node in nodes if node in leading]


def _gradients(
    output: Tensor, seed: Tensor | None, nodes: list[Tensor], wanted: Sequence[Tensor], create_graph: bool
) -> list[Any]:
    """The cotangents of `wanted`, None where no path leads there, walking `nodes` (newest first) once.

    Arrays, or tensors with a graph of their own if create_graph.
    """
    if seed is not None:
        start = seed if create_graph else seed.data
    elif output.size == 1:
        start = array_module(output.data).ones_like(output.data)
        start = Tensor(start) if create_graph else start
    else:
        raise GraphError(f"backward: expected one element, got shape {output.shape}; reduce it first")
    visited = set(nodes)
    kept = set(wanted)
    cotangents: dict[Tensor, Any] = {output: start}
    for node in nodes:
        if node.operation is None or node not in cotangents:
            continue
        g = cotangents[node] if node in kept else cotangents.pop(node)
        y, values = (node, node.arguments) if create_graph else (node.data, node.values)
        rules = node.operation.vjps
        for position, argument in enumerate(node.arguments):
            if argument.__class__ is not Tensor or argument not in visited:
                continue
            try:
                rule = rules[position]
            except IndexError:
                rule = None
            if rule is None:
                raise GraphError(f"{node.operation.name}: no derivative with respect to argument {position}")
            cotangent = rule(g, y, *values, **node.options)
            if cotangent.shape != argument.data.shape:
                cotangent = _sum_to(cotangent, argument.data.shape)
            previous = cotangents.get(argument)
            cotangents[argument] = cotangent if previous is None else previous + cotangent
    return [_like(cotangents.get(tensor), tensor) for tensor in wanted]


def _sum_to(x: Any, shape: tuple[int, ...]) -> Any:
    """Undo a broadcast from `shape`: sum `x` over the axes that the broadcast added or stretched."""
    added = len(x.shape) - len(shape)
    axes = tuple(range(added)) + tuple(
        axis + added for axis, size in enumerate(shape) if size == 1 and x.shape[axis + added] != 1
    )
    return ops.reshape(ops.sum(x, axis=axes), shape)


def _like(gradient: Any, tensor: Tensor) -> Any:
    """The gradient in the tensor's own dtype, which a mixed computation may have widened."""
    if gradient is None or gradient.dtype == tensor.dtype:
        return gradient
    return ops.cast(gradient, tensor.dtype)


def _raise_explained(
    operation: Operation, values: list[Any], options: dict[str, Any], error: Exception
) -> None:
    """Say what was wrong with a formula's arguments: op, argument, expected, actual. Returns if unknown."""
    modules = {array_module(value).__name__ for value in values if getattr(value, "shape", ())}
    if len(modules) > 1:
        raise DeviceError(
            f"{operation.name}: expected arrays on one device, got {' and '.join(sorted(modules))}"
        ) from error
    if not isinstance(error, TypeError):
        argument, expected, actual = operation.explain(*values, **options)
        raise ShapeError(f"{operation.name}, argument {argument}", expected, actual) from error


def _explain_broadcast(first: Array, *others: Array, **options: Any) -> Explanation:
    shape = np.shape(first)
    return "b", f"a shape that broadcasts with {shape}", ", ".join(str(np.shape(other)) for other in others)


from . import ops  # noqa: E402  The engine sums with the ops that it runs.
