"""The walk back: from an output through the nodes that made it, newest first, applying each node's vjps.

Which nodes there are is found on the way: a node is reached from those that used its output, all of them
newer, so that taking the newest first visits each once, with its whole cotangent. Nothing is listed before,
and so nothing is kept alive: `backward` drops what a node held as soon as it is past it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any
from weakref import finalize

from .array import Array, array_module
from .errors import GraphError
from .retention import Absent
from .tensor import Tensor

if TYPE_CHECKING:
    from .graph import Node

Hook = Callable[[Tensor], "Tensor | None"]
"""Sees the gradient of a tensor when it is complete; what it returns, if anything, takes its place."""
Watcher = Callable[["Node", int, Any], None]
"""(node, position, cotangent): told of each cotangent that a rule gave."""

hooks: dict[int, list[Hook]] = {}
"""By a node's or leaf's order; gone when the node is."""
watchers: list[Watcher] = []
"""Those that want to see every cotangent: anomaly mode. Mostly empty."""


def backward(output: Tensor, retain_graph: bool = False) -> None:
    """Add d output / d leaf to `.grad` of every leaf that requires it. output: one element.

    What was kept for it is freed on the way, so that a second walk over any part is refused, unless
    `retain_graph`. Arrays that something else holds stay.
    """
    leaves: list[Tensor] = []
    gradients = leaf_gradients(output, retain_graph, leaves)
    given: set[int] = set()
    for leaf in leaves:
        gradient = gradients[leaf.order]
        if leaf.grad is not None:
            gradient = leaf.grad.data + gradient
        elif gradient.base is not None or id(gradient) in given:
            gradient = gradient.copy()  # a view, or another leaf's too: writing to it would change both
        given.add(id(gradient))
        leaf.grad = Tensor(gradient)


def leaf_gradients(
    output: Tensor, retain_graph: bool = False, leaves: list[Tensor] | None = None
) -> dict[int, Array]:
    """d output / d leaf by the leaf's order, of every leaf that requires it; they are added to `leaves`.

    The arrays may be views, and one may be the gradient of several leaves.
    """
    leaves = [] if leaves is None else leaves
    gradients = walk(output, _start(output, None, False), None, (), False, not retain_graph, leaves)
    return {leaf.order: _like(gradients[leaf.order], leaf) for leaf in leaves}


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
    start = _start(output, seed, create_graph)
    wanted = [(tensor.node or tensor).order for tensor in inputs]
    found = walk(output, start, _leading_to(output, wanted), wanted, create_graph, False, [])
    return [
        Tensor(array_module(tensor.data).zeros_like(tensor.data))
        if order not in found
        else _as_tensor(_like(found[order], tensor))
        for tensor, order in zip(inputs, wanted, strict=True)
    ]


def _start(output: Tensor, seed: Tensor | None, create_graph: bool) -> Any:
    if not output.requires_grad:
        raise GraphError(
            "backward: expected an output that depends on a tensor with requires_grad=True, got one "
            "that does not, or that was computed under no_grad()"
        )
    if seed is not None:
        if seed.shape != output.shape:
            raise GraphError(
                f"grad, argument seed: expected the output's shape {output.shape}, got {seed.shape}"
            )
        return seed if create_graph else seed.data
    if output.size == 1:
        start = array_module(output.data).ones_like(output.data)
        return Tensor(start) if create_graph else start
    raise GraphError(f"backward: expected one element, got shape {output.shape}; reduce it first")


def _leading_to(output: Tensor, wanted: list[int]) -> set[int]:
    """The orders of the nodes behind `output` that are `wanted` or were made from one that is."""
    origin = output.node or output
    found = {origin.order: origin}
    reachable = [origin]
    for node in reachable:
        if node.__class__ is not Tensor:
            for _, parent in _held(node):
                if parent.order not in found:
                    found[parent.order] = parent
                    reachable.append(parent)
    leading = set(wanted)
    for order in sorted(found, reverse=True):
        node = found[order]
        if node.__class__ is not Tensor and any(parent.order in leading for _, parent in _held(node)):
            leading.add(order)
    return leading


def _held(node: Any) -> list[tuple[int, Any]]:
    if node.parents is None:
        raise _freed(node)
    return node.parents


def _freed(node: Any) -> GraphError:
    return GraphError(
        f"{node.operation.name}: this part of the graph was freed by an earlier backward(); "
        "use backward(retain_graph=True) there, or compute it again"
    )


def walk(
    output: Tensor,
    start: Any,
    visited: set[int] | None,
    wanted: Sequence[int],
    create_graph: bool,
    free: bool,
    leaves: list[Tensor],
) -> dict[int, Any]:
    """Cotangents by order of all leaves reached, which are added to `leaves`, and of the `wanted`.

    visited: the orders of the nodes to go to, None for all. Cotangents are arrays, or tensors with a graph of
    their own if create_graph.
    """
    origin: Any = output.node or output
    cotangents: dict[int, Any] = {origin.order: start}
    kept: dict[int, Any] = {}
    frontier: list[tuple[int, Any]] = [(origin.order, origin)]
    if origin is output:
        leaves.append(frontier.pop()[1])
    while frontier:
        order, node = heappop(frontier)
        g = cotangents.pop(order)
        if hooks and order in hooks:
            g = _hooked(hooks[order], g)
        if order in wanted:
            kept[order] = g
        values = node.values
        if values is None:
            raise _freed(node)
        operation = node.operation
        y, arguments = _as_recorded(node) if create_graph else (node.y, values)
        rules = operation.vjps
        for position, parent in node.parents:
            if visited is not None and parent.order not in visited:
                continue
            try:
                rule = rules[position]
            except IndexError:
                rule = None
            if rule is None:
                raise GraphError(f"{operation.name}: no derivative with respect to argument {position}")
            cotangent = rule(g, y, *arguments, **node.options)
            if cotangent.shape != values[position].shape:
                cotangent = sum_to(cotangent, values[position].shape, operation.name, position)
            if watchers:
                _tell(node, position, cotangent)
            order = parent.order
            previous = cotangents.get(order)
            if previous is None:
                cotangents[order] = cotangent
                if parent.__class__ is Tensor:
                    leaves.append(parent)
                else:
                    heappush(frontier, (order, parent))
            elif cotangent.dtype.itemsize > 2:
                cotangents[order] = previous + cotangent
            else:
                cotangents[order] = wide(previous) + wide(cotangent)
        if free:
            node.parents = node.values = node.y = None
    if hooks:
        for leaf in leaves:
            if leaf.order in hooks:
                cotangents[leaf.order] = _hooked(hooks[leaf.order], cotangents[leaf.order])
    cotangents.update(kept)
    return cotangents


def _as_recorded(node: Any) -> tuple[Any, list[Any]]:
    """The output and the arguments of a node as tensors that are part of its graph."""
    arguments = list(node.values)
    for position, parent in node.parents:
        if arguments[position].__class__ is not Absent:
            arguments[position] = _tensor_of(arguments[position], parent)
    return None if node.y is None else _tensor_of(node.y, node), arguments


def _tensor_of(data: Array, node: Any) -> Tensor:
    if node.__class__ is Tensor:
        return node
    tensor = Tensor(data)
    tensor.requires_grad = True
    tensor.node = node
    return tensor


def sum_to(x: Any, shape: tuple[int, ...], name: str, position: int) -> Any:
    """Undo a broadcast from `shape`: sum `x` over the axes that the broadcast added or stretched."""
    added = len(x.shape) - len(shape)
    if added < 0 or any(size not in (1, x.shape[axis + added]) for axis, size in enumerate(shape)):
        raise GraphError(
            f"{name}: expected the derivative with respect to argument {position} to have "
            f"that argument's shape {shape}, or one that it broadcasts to, got {x.shape}"
        )
    axes = tuple(range(added)) + tuple(
        axis + added for axis, size in enumerate(shape) if size == 1 and x.shape[axis + added] != 1
    )
    return ops.reshape(ops.sum(wide(x), axis=axes), shape)


def _like(gradient: Any, tensor: Tensor) -> Any:
    """The gradient in the tensor's own dtype, which a mixed computation may have widened."""
    return gradient if gradient.dtype == tensor.dtype else ops.cast(gradient, tensor.dtype)


def _as_tensor(gradient: Any) -> Tensor:
    return gradient if gradient.__class__ is Tensor else Tensor(gradient)


def _hooked(functions: list[Hook], g: Any) -> Any:
    for function in tuple(functions):
        given = g if g.__class__ is Tensor else Tensor(g)
        replaced = function(given)
        if replaced is None:
            continue
        if replaced.shape != given.shape:
            raise GraphError(f"hook: expected a gradient of shape {given.shape}, got {replaced.shape}")
        g = replaced if g.__class__ is Tensor else replaced.data
    return g


def add_hook(tensor: Tensor, function: Hook) -> Callable[[], None]:
    """Call `function` with the gradient of `tensor`, whenever one is complete; returns what removes it."""
    if not tensor.requires_grad:
        raise GraphError(f"register_hook: this tensor of shape {tensor.shape} has no requires_grad=True")
    node: Any = tensor.node or tensor
    order = node.order
    if order not in hooks:
        hooks[order] = []
        finalize(node, hooks.pop, order, None)
    hooks[order].append(function)

    def remove() -> None:
        if order in hooks and function in hooks[order]:
            hooks[order].remove(function)

    return remove


def _tell(node: Node, position: int, cotangent: Any) -> None:
    for watcher in tuple(watchers):
        watcher(node, position, cotangent)


from . import ops  # noqa: E402  The engine sums with the ops that it runs.
from .precision import wide  # noqa: E402
