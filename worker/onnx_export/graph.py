"""An ONNX graph while it is being made: layers are applied to values, and become nodes and initializers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np

from ...core import Tensor, nn
from ...core.array import to_numpy
from ...core.errors import ChainruleError, ShapeError

try:
    import onnx
    from onnx import helper, numpy_helper
except ImportError as error:
    message = "writing ONNX files needs the package onnx: pip install 'chainrule[onnx]'"
    raise ChainruleError(message) from error

OPSET = 18
"""The version of the operators that is written: that of ONNX 1.13 (December 2022), which runtimes know."""
IR_VERSION = 8
"""The version of the file format that belongs to it."""
LARGEST_FILE = 2**31 - 1
"""Protocol buffers hold no more bytes."""


@dataclass(frozen=True)
class Value:
    """What comes out of a layer: its name in the graph, and the shape of one sample."""

    name: str
    shape: tuple[int, ...]


Translator = Callable[["Graph", Any, Value], str]
"""Adds the nodes of one kind of layer to a graph: (graph, layer, its input) -> the name of its output."""


class Graph:
    """Nodes and initializers so far. Initializers are named as in the model: `layers.0.weight`."""

    def __init__(self, model: nn.Module, translators: Mapping[type[nn.Module], Translator]) -> None:
        self._translators = translators
        self._places = dict(_places(model, ""))
        self._place = ""
        self.present: Value | None = None
        """(time,) booleans, false where sequences are padding, while layers that heed it are applied."""
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: dict[str, np.ndarray] = {}
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._taken: set[str] = set()

    def apply(self, layer: nn.Module, x: Value) -> Value:
        """The output of a layer for `x`, by the translator of its kind. Raises ChainruleError without one."""
        with self._inside(layer):
            try:
                shape = layer.output_shape(x.shape)
            except ShapeError as error:
                raise error.inside(self._place) if self._place else error from None
            if type(layer) not in self._translators:
                raise ChainruleError(
                    f"{self._place or 'the model'}: a {layer.kind} layer ({type(layer).__name__}) cannot be "
                    "exported to ONNX; replace it by layers that can, or use the model with chainrule"
                )
            return Value(self._translators[type(layer)](self, layer, x), shape)

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node and give the name of its first output. An input that is left out is ""."""
        return self.ops(kind, inputs, 1, **attributes)[0]

    def ops(self, kind: str, inputs: Sequence[str], outputs: int, **attributes: Any) -> list[str]:
        """Add a node and give the names of its first so many outputs."""
        name = self._unique(f"{self._place}/{kind}" if self._place else kind)
        names = [name, *(f"{name}:{index}" for index in range(1, outputs))]
        self._nodes.append(helper.make_node(kind, list(inputs), names, name=name, **attributes))
        return names

    def reshape(self, x: str, *shape: int) -> str:
        """The samples of x (n, ...) as (n, *shape)."""
        return self.op("Reshape", x, self.integers(0, *shape))  # 0: the size that there is

    def cast(self, x: str, kind: str) -> str:
        """x as numbers of another kind, by ONNX's name of it: BOOL, INT32."""
        return self.op("Cast", x, to=getattr(onnx.TensorProto, kind))

    def present_in(self, x: Value) -> str | None:
        """The name of `present`, as long as x (time, ...) still has the axis of time that it is about."""
        return None if self.present is None or self.present.shape != x.shape[:1] else self.present.name

    def parameter(self, layer: nn.Module, name: str) -> str:
        """A layer's own tensor, as it is."""
        return self.weight(layer, name, getattr(layer, name))

    def weight(self, layer: nn.Module, name: str, values: Tensor | np.ndarray) -> str:
        """What is made from a layer's tensors, float32, named after the layer's place; in the file once."""
        array = to_numpy(values.data if isinstance(values, Tensor) else values).astype(np.float32, copy=False)
        place = self._places.get(id(layer), self._place)
        full_name = f"{place}.{name}" if place else name
        there = self._initializers.get(full_name)
        if there is not None and there.shape != array.shape:  # a shared layer, used for another shape
            full_name = self._unique(full_name)
        self._initializers.setdefault(full_name, array)
        return full_name

    def constant(self, values: float | np.ndarray) -> str:
        """Numbers that belong to no layer, float32."""
        return self._constant(np.asarray(values, np.float32))

    def integers(self, *values: int) -> str:
        """A vector of integers."""
        return self._constant(np.array(values, np.int64))

    def _constant(self, values: np.ndarray) -> str:
        key = (values.dtype.str, values.shape, values.tobytes())
        if key not in self._constants:
            self._constants[key] = f"constant_{len(self._constants) + 1}"
            self._initializers[self._constants[key]] = values
        return self._constants[key]

    def finished(self, features: Value, x: Value, integers: bool, words: Mapping[str, str]) -> bytes:
        """The file with input `features` and output x, checked. Raises ChainruleError if it is too large."""
        size = sum(array.nbytes for array in self._initializers.values())
        if size > LARGEST_FILE - 2**20:  # what is left is for the nodes
            raise ChainruleError(
                f"the model's weights take {size / 1e9:.1f} GB: an ONNX file holds 2.1 GB at most"
            )
        self._nodes.append(helper.make_node("Identity", [x.name], ["outputs"], name="outputs"))
        kind = onnx.TensorProto.INT64 if integers else onnx.TensorProto.FLOAT
        graph = helper.make_graph(
            self._nodes,
            "chainrule",
            [helper.make_tensor_value_info(features.name, kind, ["batch", *features.shape])],
            [helper.make_tensor_value_info("outputs", onnx.TensorProto.FLOAT, ["batch", *x.shape])],
            [numpy_helper.from_array(array, name) for name, array in self._initializers.items()],
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="chainrule",
            producer_version=version("chainrule"),
        )
        helper.set_model_props(model, dict(words))
        onnx.checker.check_model(model, full_check=True)
        return model.SerializeToString()

    def _unique(self, name: str) -> str:
        number, candidate = 1, name
        while candidate in self._taken:
            number += 1
            candidate = f"{name}_{number}"
        self._taken.add(candidate)
        return candidate

    @contextmanager
    def _inside(self, layer: nn.Module) -> Iterator[None]:
        outer, self._place = self._place, self._places.get(id(layer), self._place)
        try:
            yield
        finally:
            self._place = outer


def _places(module: nn.Module, place: str) -> Iterator[tuple[int, str]]:
    """The dotted name of each module, by identity; of a shared one the first, so it comes last here."""
    for name, child in reversed(list(module.children())):
        yield from _places(child, f"{place}.{name}" if place else name)
    yield id(module), place
