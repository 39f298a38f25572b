"""Layers one after another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import ClassVar

from ..errors import ChainruleError, ShapeError
from ..tensor import Tensor
from .context import ForwardContext
from .dropout import number_dropouts
from .embedding import Embedding
from .module import Module


class Sequential(Module):
    """Apply `layers` in order. Names count from 0: `layers.3.linear` in errors, `layers.3.weight`.

    names: what some of them are called instead, by position: `head.weight` with names {3: "head"}.
    """

    kind: ClassVar[str] = "sequential"

    def __init__(self, *layers: Module, names: Mapping[int, str] | None = None) -> None:
        for index, layer in enumerate(layers):
            if not isinstance(layer, Module):
                raise ChainruleError(f"sequential: expected a module for layers.{index}, got {layer!r}")
        self.layers = layers
        self._names = dict(names or {})
        number_dropouts(self)

    def forward(self, x: Tensor, context: ForwardContext) -> Tensor:
        for layer in self.layers:
            if isinstance(layer, Embedding) and layer.padding is not None:
                context = replace(context, present=x.data != layer.padding)
            x = layer.forward(x, context)
        return x

    def children(self) -> Iterator[tuple[str, Module]]:
        return ((self._place(index), layer) for index, layer in enumerate(self.layers))

    def _place(self, index: int) -> str:
        return self._names.get(index, f"layers.{index}")

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        for index, layer in enumerate(self.layers):
            try:
                input_shape = layer.output_shape(input_shape)
            except ShapeError as error:
                raise error.inside(self._place(index)) from None
        return input_shape
