"""The sparsely connected layer: weights, gradients and optimizer state only where connections are."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from .. import ops
from ..array import Array, array_module, to_numpy
from ..errors import ChainruleError, ShapeError
from ..init import he_uniform, zeros
from ..random import SPARSITY, uniform
from ..tensor import Tensor
from .context import ForwardContext
from .module import Module
from .sizes import require_positive


class SparseLinear(Module):
    """x @ w + bias, where w (inputs, units) is zero but at fixed connections. x: (n, inputs) -> (n, units).

    density: each unit is connected with that share of the inputs, at least one, chosen by `seed`.
    mask: or the connections themselves, true or other than 0 in (inputs, units).
    weight: (connections,), its elements those of w at (`rows`, `columns`), unit after unit. It starts
    He-uniform for the connections that each unit has; bias: (units,) or none.
    """

    kind: ClassVar[str] = "sparse_linear"

    def __init__(
        self,
        inputs: int,
        units: int,
        density: float = 0.1,
        bias: bool = True,
        seed: int = 0,
        mask: Array | None = None,
    ) -> None:
        require_positive(self.kind, inputs=inputs, units=units)
        if not 0 < density <= 1:
            raise ChainruleError(f"sparse_linear: expected a density above 0 and up to 1, got {density}")
        connected = _chosen(inputs, units, density, seed) if mask is None else to_numpy(mask) != 0
        if connected.shape != (inputs, units) or not connected.any():
            expected = f"a connection or more in shape ({inputs}, {units})"
            actual = f"shape {connected.shape} with {np.count_nonzero(connected)}"
            raise ShapeError("sparse_linear, argument mask", expected, actual)
        self.inputs = inputs
        self.units = units
        self.columns, self.rows = np.nonzero(connected.T)
        self._fan_in = np.maximum(connected.sum(axis=0), 1)
        shape = self.rows.shape
        self.weight = Tensor(self.start("weight", shape, 0, 0), requires_grad=True)
        self.bias = Tensor(zeros((units,)), requires_grad=True) if bias else None

    def start(self, name: str, shape: tuple[int, ...], seed: int, index: int) -> np.ndarray:
        """The weight as that of a Linear layer, where connections are, and larger by what is missing."""
        if name != "weight":
            return zeros(shape)
        whole = he_uniform((self.inputs, self.units), seed, index)
        scale = np.sqrt(self.inputs / self._fan_in).astype(np.float32)
        return whole[self.rows, self.columns] * scale[self.columns]

    def forward(self, x: Tensor, context: ForwardContext) -> Tensor:
        if x.shape[1:] != (self.inputs,):
            self.output_shape(x.shape[1:])
        xp = array_module(x.data)
        y = ops.sparse_matmul(x, self.weight, xp.asarray(self.rows), xp.asarray(self.columns), self.units)
        return y if self.bias is None else y + self.bias

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        if input_shape != (self.inputs,):
            advice = "Put a flatten layer before it" if len(input_shape) > 1 else ""
            raise self.refused(f"of shape ({self.inputs},)", input_shape, advice)
        return (self.units,)


def _chosen(inputs: int, units: int, density: float, seed: int) -> np.ndarray:
    """(inputs, units) booleans, equally many in each column: those with the smallest of keyed numbers."""
    draws = uniform(seed, SPARSITY, 0, 0, inputs * units).reshape(inputs, units)
    order = draws.argsort(axis=0, kind="stable").argsort(axis=0, kind="stable")
    return order < max(1, round(density * inputs))
