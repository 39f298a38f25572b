"""The computational graph as data: every operation of a pass through a model, with shapes and cost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from enum import Enum
from typing import Any

import numpy as np

from .array import Array, array_module
from .backward import grad, watchers
from .cost import flops
from .graph import Node, Operation, observers, recording
from .nn.context import EVALUATION, ForwardContext
from .nn.layer_path import layer_path
from .nn.module import Module
from .tensor import Tensor


class NodeKind(str, Enum):
    """What a node of the graph stands for."""

    INPUT = "input"
    PARAMETER = "parameter"
    CONSTANT = "constant"
    FORWARD = "forward"
    BACKWARD = "backward"


@dataclass(frozen=True)
class GraphNode:
    """One array of the graph, and the operation that made it, if one did.

    name: the operation's, the parameter's, or what it is. layer: its path in the model, "loss" behind it, ""
    outside any. inputs: ids of the nodes that it was made from. parameters: trainable values that it is or
    reads. bytes: of its array. derivative_of: of a backward node the forward node that it leads back through.
    """

    id: int
    kind: NodeKind
    name: str
    layer: str
    shape: tuple[int, ...]
    dtype: str
    inputs: tuple[int, ...]
    parameters: int
    flops: int
    bytes: int
    derivative_of: int | None = None


@dataclass(frozen=True)
class ComputationalGraph:
    """All nodes, each after those that it was made from."""

    nodes: tuple[GraphNode, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain lists and dictionaries, for `json.dumps`."""
        return {"nodes": [{**asdict(node), "kind": node.kind.value} for node in self.nodes]}


def trace(
    model: Module,
    x: Tensor,
    context: ForwardContext = EVALUATION,
    loss: Callable[[Tensor], Tensor] | None = None,
    backward: bool = False,
) -> ComputationalGraph:
    """What is computed when `model` runs on the batch `x`, then `loss` on its output.

    backward: also what the gradients of all parameters take; without a loss they are of its output's sum.
    Gradients that are there stay as they are. Running statistics move as in any pass with this context.
    """
    recorder = _Recorder()
    recorder.add(NodeKind.INPUT, "input", x.data)
    parameters = model.parameters()
    for name, parameter in parameters.items():
        if not recorder.knows(parameter.data):  # a weight may be shared
            recorder.add(NodeKind.PARAMETER, name, parameter.data)
    observers.append(recorder.saw_output)
    watchers.append(recorder.saw_cotangent)
    try:
        with recording(True):
            output = model(x, context)
            if loss is not None:
                recorder.outside = "loss"
                output = loss(output)
            if backward and output.requires_grad:
                recorder.kind = NodeKind.BACKWARD
                one = Tensor(array_module(output.data).ones_like(output.data))
                recorder.add(NodeKind.CONSTANT, "seed", one.data)
                grad(output, list(parameters.values()), seed=one, create_graph=True)
                recorder.place()
    finally:
        observers.remove(recorder.saw_output)
        watchers.remove(recorder.saw_cotangent)
    return ComputationalGraph(tuple(recorder.nodes))


class _Recorder:
    """Turns the calls of its thread into nodes; arrays are told apart by identity and kept until the end."""

    def __init__(self) -> None:
        self.nodes: list[GraphNode] = []
        self.kind = NodeKind.FORWARD
        self.outside = ""
        self._thread = threading.get_ident()
        self._arrays: list[Array] = []
        self._ids: dict[int, int] = {}
        self._made: dict[int, int] = {}
        self._unplaced: list[int] = []
        self._origin: int | None = None

    def add(
        self,
        kind: NodeKind,
        name: str,
        array: Array,
        layer: str = "",
        inputs: tuple[int, ...] = (),
        cost: int = 0,
    ) -> int:
        """Append a node for `array`; from now on it is what that array stands for."""
        sources = {source for source in inputs if self.nodes[source].kind is NodeKind.PARAMETER}
        read = sum(self.nodes[source].parameters for source in sources)
        own = array.size if kind is NodeKind.PARAMETER else read
        dtype = str(array.dtype)
        identity = len(self.nodes)
        self.nodes.append(
            GraphNode(identity, kind, name, layer, array.shape, dtype, inputs, own, cost, array.nbytes)
        )
        self._arrays.append(array)
        self._ids[id(array)] = identity
        return identity

    def knows(self, array: Array) -> bool:
        return id(array) in self._ids

    def saw_output(
        self, operation: Operation, values: list[Any], options: dict[str, Any], output: Tensor
    ) -> None:
        if threading.get_ident() != self._thread:
            return
        arrays = [value for value in values if hasattr(value, "nbytes") and hasattr(value, "dtype")]
        inputs = tuple(self._id(array) for array in arrays)
        layer = layer_path() or self.outside
        cost = flops(operation.name, [array.shape for array in arrays], output.shape)
        identity = self.add(self.kind, operation.name.lstrip("_"), output.data, layer, inputs, cost)
        if self.kind is NodeKind.BACKWARD:
            self._unplaced.append(identity)
        elif output.node is not None:
            self._made[output.node.order] = identity

    def saw_cotangent(self, node: Node, position: int, cotangent: Any) -> None:
        """What was computed since the last cotangent belongs to the operation of the node of this one."""
        if threading.get_ident() == self._thread:
            self._origin = self._made.get(node.order)
            self.place()

    def place(self) -> None:
        """Say of what has no layer yet that it leads back through the operation of the last cotangent."""
        layer = "" if self._origin is None else self.nodes[self._origin].layer
        for identity in self._unplaced:
            self.nodes[identity] = replace(self.nodes[identity], layer=layer, derivative_of=self._origin)
        self._unplaced.clear()

    def _id(self, array: Array) -> int:
        known = self._ids.get(id(array))
        return self.add(NodeKind.CONSTANT, "constant", np.asarray(array)) if known is None else known
