"""Layers that turn numbers of things, and their places in a sequence, into vectors."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from .. import ops
from ..array import array_module
from ..errors import ShapeError
from ..init import uniform_between
from ..tensor import Tensor
from .context import ForwardContext
from .module import Module
from .sizes import require_positive


class _Table(Module):
    """What the layers with a `weight` (rows, units) share: it starts uniform with variance 1 / units.

    So a row's squared length is about 1.
    """

    units: int

    def start(self, name: str, shape: tuple[int, ...], seed: int, index: int) -> np.ndarray:
        bound = (3 / self.units) ** 0.5
        return uniform_between(shape, seed, index, -bound, bound)

    def _table(self, rows: int) -> Tensor:
        return Tensor(self.start("weight", (rows, self.units), 0, 0), requires_grad=True)


class Embedding(_Table):
    """The rows of `weight` (rows, units) that integers name: (n, ...) -> (n, ..., units).

    padding: this id gives zeros, and its row never changes. In the same Sequential, attention then takes
    nothing from where it is, and recurrent layers end a sequence at its last other id.
    """

    kind: ClassVar[str] = "embedding"

    def __init__(self, rows: int, units: int, padding: int | None = None) -> None:
        require_positive(self.kind, rows=rows, units=units)
        if padding is not None and not 0 <= padding < rows:
            raise ShapeError(self.kind, f"padding from 0 to {rows - 1}", str(padding))
        self.rows = rows
        self.units = units
        self.padding = padding
        self.weight = self._table(rows)

    def forward(self, x: Tensor, context: ForwardContext) -> Tensor:
        y = ops.embedding(self.weight, x.data)
        return y if self.padding is None else ops.where((x.data != self.padding)[..., None], y, 0)

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return (*input_shape, self.units)


class _Positions(Module):
    """Adds row t of a table (length, units) to element t of each sequence: (n, time, units) -> same shape."""

    def __init__(self, length: int, units: int) -> None:
        require_positive(self.kind, length=length, units=units)
        self.length = length
        self.units = units

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        if len(input_shape) != 2 or input_shape[1] != self.units or input_shape[0] > self.length:
            raise self.refused(f"of shape (time up to {self.length}, {self.units})", input_shape)
        return input_shape


class LearnedPositions(_Positions, _Table):
    """Adds row t of `weight` (length, units) to element t: (n, time, units) -> same shape."""

    kind: ClassVar[str] = "learned_positions"

    def __init__(self, length: int, units: int) -> None:
        super().__init__(length, units)
        self.weight = self._table(length)

    def forward(self, x: Tensor, context: ForwardContext) -> Tensor:
        self.output_shape(x.shape[1:])
        return x + self.weight[: x.shape[1]]


class SinusoidalPositions(_Positions):
    """Adds sin and cos of t / 10000 ** (2 i / units), in turn, to element t: (n, time, units) -> same shape.

    Vaswani et al., NeurIPS 2017, section 3.5.
    """

    kind: ClassVar[str] = "sinusoidal_positions"

    def __init__(self, length: int, units: int) -> None:
        super().__init__(length, units)
        even = np.arange(units) // 2 * 2
        angles = np.arange(length)[:, None] / 10000.0 ** (even / units)
        self.table = np.where(np.arange(units) % 2, np.cos(angles), np.sin(angles))

    def forward(self, x: Tensor, context: ForwardContext) -> Tensor:
        self.output_shape(x.shape[1:])
        return x + array_module(x.data).asarray(self.table[: x.shape[1]].astype(x.dtype))
