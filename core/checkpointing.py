"""Gradient checkpointing: forget what a part of a network computed, and compute it again in the walk back.

Memory for time: of the part only its inputs stay. It is exact to the last bit, because everything random is
keyed by (seed, step, sample): a second forward pass draws the same numbers as the first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .array import Array, array_module
from .backward import walk
from .errors import GraphError
from .graph import Node, moves, no_grad, primitive, recording, vjp
from .nn.module import Module
from .recomputation import second_pass
from .tensor import Tensor, next_order


def checkpoint(
    function: Callable[..., Tensor], *inputs: Any, parameters: Sequence[Tensor] = (), **options: Any
) -> Tensor:
    """function(*inputs, **options), whose inner results are not kept but computed again for the gradient.

    function: gives one tensor. A Module's own parameters are known: `checkpoint(block, x, context=context)`.
    For any other function `parameters` are the tensors that it uses, apart from its inputs, and that
    derivatives are wanted for; to forget one is an error in the walk back.
    """
    if isinstance(function, Module):
        parameters = (*function.parameters().values(), *parameters)
    given = {id(tensor) for tensor in inputs}
    used = list({id(p): p for p in parameters if p.requires_grad and id(p) not in given}.values())
    part = _Part(function, inputs, used, options)
    call = primitive(part.values)
    moves(call)  # it computes by operations that know what to do
    vjp(call, *(part.rule(position) for position in range(len(inputs) + len(used))))
    return call(*inputs, *used)


class _Part:
    """One checkpointed call: what it computes and, from its inputs alone, its gradients."""

    def __init__(
        self,
        function: Callable[..., Tensor],
        inputs: Sequence[Any],
        parameters: list[Tensor],
        options: dict[str, Any],
    ) -> None:
        self._function = function
        self._tensors = [isinstance(value, Tensor) for value in inputs]
        self._wanted = [isinstance(value, Tensor) and value.requires_grad for value in inputs]
        self._parameters = parameters
        self._options = options
        self._given: Any = None
        self._gradients: dict[int, Any] = {}

    def values(self, *values: Array) -> Array:
        inputs = [Tensor(v) if tensor else v for v, tensor in zip(values, self._tensors, strict=False)]
        with no_grad():
            return self._function(*inputs, **self._options).data

    def rule(self, position: int) -> Callable[..., Any]:
        """The derivative rule for one argument; the first that is asked computes the gradients of all."""

        def gradient(g: Any, y: Any, *arguments: Any) -> Any:
            if self._given is not g or position not in self._gradients:
                self._given, self._gradients = g, self._recomputed(g, arguments)
            found = self._gradients.pop(position)
            if not self._gradients:
                self._given = None
            return found

        return gradient

    def _recomputed(self, g: Any, arguments: Sequence[Any]) -> dict[int, Any]:
        """The gradients by position of the argument, from a second forward pass; tensors if g is one."""
        create_graph = isinstance(g, Tensor)
        marker = next_order()
        inputs = []
        for value, tensor, wanted in zip(arguments, self._tensors, self._wanted, strict=False):
            if wanted:  # a boundary: the walk goes no further up than this copy
                value = _boundary(value) if create_graph else Tensor(value, requires_grad=True)
            elif tensor and not isinstance(value, Tensor):
                value = Tensor(value)
            inputs.append(value)
        with second_pass(), recording(True):
            output = self._function(*inputs, **self._options)
        sources = [value if wanted else None for value, wanted in zip(inputs, self._wanted, strict=True)]
        sources += self._parameters
        places = {position: _place(source) for position, source in enumerate(sources) if source is not None}
        found: dict[int, Any] = {}
        if output.requires_grad:
            visited = _made_since(output, marker, set(places.values()))
            wanted_places = list(places.values())
            found = walk(output, g, visited, wanted_places, create_graph, not create_graph, [])
        return {
            position: found[place] if place in found else _zeros(arguments[position], create_graph)
            for position, place in places.items()
        }


@primitive
def _boundary(x: Array) -> Array:
    return x


vjp(_boundary, lambda g, y, x: g)
moves(_boundary)


def _place(tensor: Tensor) -> int:
    return (tensor.node or tensor).order


def _zeros(like: Any, as_tensor: bool) -> Any:
    array = like.data if isinstance(like, Tensor) else like
    zeros = array_module(array).zeros_like(array)
    return Tensor(zeros) if as_tensor else zeros


def _made_since(output: Tensor, marker: int, wanted: set[int]) -> set[int]:
    """The orders of all behind `output` that is newer than `marker`, and of the wanted that it was made from.

    Raises GraphError for anything older that a derivative is wanted for but that was not declared.
    """
    origin = output.node or output
    visited = {origin.order}
    nodes: list[Node | Tensor] = [origin]
    for node in nodes:
        if node.order > marker and node.order not in wanted:
            kind = f"a leaf of shape {node.shape}" if isinstance(node, Tensor) else node.operation.name
            raise GraphError(
                f"checkpoint: its function uses a tensor that requires a gradient ({kind}) and is neither "
                "among the inputs nor the parameters; add it there, or detach it"
            )
        if isinstance(node, Node) and node.order not in wanted:
            for _, parent in node.parents:
                if parent.order not in visited:
                    visited.add(parent.order)
                    nodes.append(parent)
    return visited
