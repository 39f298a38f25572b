"""What normalizing layers compute: mean 0 and variance 1, then a scale and a shift by parameters.

Each is composed of operations, and where kernels suit its arguments one operation: then a kernel gives the
output and the statistics, and another all three gradients.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import prod
from typing import Any

from .. import native
from ..array import Array, array_module
from ..graph import grad, primitive, vjp
from ..precision import wide
from ..tensor import Tensor
from .arithmetic import add, multiply
from .constant import value
from .normalization import rms_normalize as rms_normalize_alone
from .normalization import standardize
from .shape import reshape


class _Scaled(ABC):
    """One call: the sizes that its kernels take, the statistics that it finds, and its gradients."""

    symbol: str

    def __init__(self, sizes: tuple[int, ...], count: int, epsilon: float) -> None:
        """count: how many means and variances there are."""
        self.sizes, self.count, self.epsilon = sizes, count, epsilon
        self.statistics: Array = None
        self._given: Any = None
        self._gradients: dict[int, Array] = {}

    @abstractmethod
    def composed(self, x: Any, weight: Any, bias: Any) -> Any:
        """The same in operations: where no kernel suits, and for second derivatives."""

    def in_memory(self, x: Array) -> Array:
        """x with its axes in the order in which the kernels go through it; a view."""
        return x

    def as_given(self, x: Array) -> Array:
        """The reverse."""
        return x

    def suits(self, x: Any, weight: Any, bias: Any) -> bool:
        arrays = [value(x), value(weight)] + ([] if bias is None else [value(bias)])
        return arrays[0].size > 0 and native.suits(self.in_memory(arrays[0]), *arrays[1:])

    def forward(self, x: Array, weight: Array, bias: Array | None) -> Array:
        x = self.in_memory(x)
        y, self.statistics = native.empty(x, x.shape), native.empty(x, (4, self.count))
        native.launch(
            self.symbol + "_f32", (y, self.statistics), (x, weight, bias), self.sizes, (self.epsilon,)
        )
        return self.as_given(y)

    def gradient(self, position: int, g: Any, x: Any, weight: Any, bias: Any) -> Any:
        """Of one argument; the first that is asked for computes all of them."""
        if g.__class__ is Tensor:
            arguments = (x, weight, bias)
            return grad(self.composed(*arguments), [arguments[position]], seed=g, create_graph=True)[0]
        if self._given is not g or position not in self._gradients:
            self._given, self._gradients = g, self._backward(g, x, weight, bias)
        found = self._gradients.pop(position)
        if not self._gradients:
            self._given = None
        return found

    def _backward(self, g: Array, x: Array, weight: Array, bias: Array | None) -> dict[int, Array]:
        x, g = self.in_memory(x), self.in_memory(g)
        if not native.suits(g):
            g = array_module(g).ascontiguousarray(g, x.dtype)
        of_x, of_weight = native.empty(x, x.shape), native.empty(x, weight.shape)
        of_bias = None if bias is None else native.empty(x, bias.shape)
        inputs = (g, x, weight, self.statistics)
        native.launch(self.symbol + "_backward_f32", (of_x, of_weight, of_bias), inputs, self.sizes)
        found = {0: self.as_given(of_x), 1: of_weight}
        return found if of_bias is None else found | {2: of_bias}


@primitive
def _scaled(x: Array, weight: Array, bias: Array | None, call: _Scaled) -> Array:
    return call.forward(x, weight, bias)


vjp(
    _scaled,
    lambda g, y, x, weight, bias, call: call.gradient(0, g, x, weight, bias),
    lambda g, y, x, weight, bias, call: call.gradient(1, g, x, weight, bias),
    lambda g, y, x, weight, bias, call: call.gradient(2, g, x, weight, bias),
    None,
)


class _Rows(_Scaled):
    """Statistics of each row, a parameter for each column."""

    symbol = "normalize_rows"

    def __init__(self, x: Any, weight: Any, epsilon: float, centered: bool) -> None:
        rows = x.size // max(weight.size, 1)
        super().__init__((rows, weight.size, int(centered)), rows, epsilon)

    def composed(self, x: Any, weight: Any, bias: Any) -> Any:
        if bias is None:
            return multiply(rms_normalize_alone(x, epsilon=self.epsilon), weight)
        axes = tuple(range(-len(weight.shape), 0))
        return add(multiply(standardize(x, axis=axes, epsilon=self.epsilon), weight), bias)


class _Groups(_Scaled):
    """Statistics of each group of a sample's channels, a parameter for each channel."""

    symbol = "normalize_planes"

    def __init__(self, x: Any, groups: int, epsilon: float) -> None:
        sizes = (x.shape[0], x.shape[1], prod(x.shape[2:]), groups)
        super().__init__(sizes, x.shape[0] * groups, epsilon)

    def composed(self, x: Any, weight: Any, bias: Any) -> Any:
        groups = self.sizes[3]
        rows = (x.shape[0], groups, prod(x.shape[1:]) // groups)
        standard = reshape(standardize(reshape(x, rows), epsilon=self.epsilon), x.shape)
        return add(multiply(standard, along_channels(weight, x)), along_channels(bias, x))


class _Batch(_Scaled):
    """Statistics of each channel over the batch, in one piece for each sample or side by side."""

    def __init__(self, x: Any, epsilon: float) -> None:
        self._axes = tuple(range(2, x.ndim))
        elements = prod(x.shape[2:])
        self._last = elements == 1 or not value(x).flags.c_contiguous
        self.symbol = "normalize_columns" if self._last else "normalize_planes"
        sizes = (x.shape[0] * elements, x.shape[1]) if self._last else (x.shape[0], x.shape[1], elements, 0)
        super().__init__(sizes, x.shape[1], epsilon)

    def in_memory(self, x: Array) -> Array:
        return x.transpose(0, *self._axes, 1) if self._last else x

    def as_given(self, x: Array) -> Array:
        return x.transpose(0, x.ndim - 1, *range(1, x.ndim - 1)) if self._last else x

    def composed(self, x: Any, weight: Any, bias: Any) -> Any:
        standard = standardize(x, axis=(0, *self._axes), epsilon=self.epsilon)
        return add(multiply(standard, along_channels(weight, x)), along_channels(bias, x))


def layer_normalize(x: Any, weight: Any, bias: Any, epsilon: float) -> Any:
    """Mean 0 and variance 1 over the last axes, those of weight and bias."""
    return _computed(_Rows(x, weight, epsilon, centered=True), x, weight, bias)


def rms_normalize(x: Any, weight: Any, epsilon: float) -> Any:
    """Mean square 1 over the last axis. weight: (units,)."""
    return _computed(_Rows(x, weight, epsilon, centered=False), x, weight, None)


def group_normalize(x: Any, weight: Any, bias: Any, groups: int, epsilon: float) -> Any:
    """Mean 0 and variance 1 over each group of a sample's channels. x: (n, channels, ...)."""
    return _computed(_Groups(x, groups, epsilon), x, weight, bias)


def batch_normalize(x: Any, weight: Any, bias: Any, epsilon: float) -> tuple[Any, Array, Array]:
    """Mean 0 and variance 1 for each channel; also the mean and the variance that there were (channels,)."""
    call = _Batch(x, epsilon)
    y = _computed(call, x, weight, bias)
    if call.statistics is not None:
        return y, call.statistics[0], call.statistics[2]
    axes, seen = (0, *range(2, x.ndim)), wide(value(x))
    return y, seen.mean(axis=axes), seen.var(axis=axes)


def _computed(call: _Scaled, x: Any, weight: Any, bias: Any) -> Any:
    if call.suits(x, weight, bias):
        return _scaled(x, weight, bias, call)
    return call.composed(x, weight, bias)


def along_channels(vector: Any, x: Any) -> Any:
    """(channels,) so that it broadcasts with x (n, channels, ...)."""
    return reshape(vector, (-1, *[1] * (x.ndim - 2)))
