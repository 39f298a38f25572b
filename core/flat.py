"""One contiguous buffer for all of a model's parameters: where each lies, views of it, shards of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import prod
from typing import TYPE_CHECKING

from .array import Array
from .errors import ShapeError

if TYPE_CHECKING:
    from .nn import Module

ALIGNMENT = 16
"""Elements; 16 float32 values are one 64-byte cache line, so no line holds two parameters or two shards."""


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


@dataclass(frozen=True)
class FlatLayout:
    """Names, shapes and offsets (elements) of the parameters in a flat buffer of `size` elements."""

    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    offsets: tuple[int, ...]
    size: int

    @staticmethod
    def of(parameters: Mapping[str, Sequence[int]]) -> FlatLayout:
        """Lay out parameters of these shapes in their order, each on an ALIGNMENT boundary."""
        shapes = tuple(tuple(shape) for shape in parameters.values())
        *offsets, size = accumulate((_aligned(prod(shape)) for shape in shapes), initial=0)
        return FlatLayout(tuple(parameters), shapes, tuple(offsets), size)

    def views(self, flat: Array) -> dict[str, Array]:
        """Each parameter's part of `flat` (size,) in its own shape; writing to a view writes to `flat`."""
        if flat.shape != (self.size,):
            raise ShapeError("flat buffer", f"shape ({self.size},)", str(flat.shape))
        return {
            name: flat[offset : offset + prod(shape)].reshape(shape)
            for name, shape, offset in zip(self.names, self.shapes, self.offsets, strict=True)
        }

    def shards(self, count: int) -> list[slice]:
        """Cut the buffer into `count` contiguous slices, equal to within ALIGNMENT; some may be empty."""
        lines = self.size // ALIGNMENT
        bounds = [lines * index // count * ALIGNMENT for index in range(count + 1)]
        return [slice(start, stop) for start, stop in pairwise(bounds)]


def layout_of(model: Module) -> FlatLayout:
    """Where the parameters of `model` lie in a flat buffer."""
    return FlatLayout.of({name: parameter.shape for name, parameter in model.parameters().items()})


def bind(model: Module, flat: Array) -> FlatLayout:
    """Make `flat` the memory of the model's parameters, which take the values that it holds."""
    parameters = model.parameters()
    layout = layout_of(model)
    for name, view in layout.views(flat).items():
        parameters[name].data = view
    return layout
