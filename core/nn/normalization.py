"""Layers that normalize: over the batch, over each sample, over groups of a sample's channels."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan
from typing import ClassVar

import numpy as np

from .. import ops
from ..array import Array, array_module
from ..errors import ShapeError
from ..init import ones, zeros
from ..ops import scaled
from ..ops.scaled import along_channels
from ..recomputation import recomputing
from ..settings import POSITIVE, SHARE
from ..tensor import Tensor
from .context import ForwardContext
from .module import Module
from .sizes import require_positive


def _ones(shape: tuple[int, ...]) -> Tensor:
    return Tensor(ones(shape), requires_grad=True)


class _Normalization(Module):
    """What the layers below share: `weight` scales what has been normalized, so it starts at 1."""

    def start(self, name: str, shape: tuple[int, ...], seed: int, index: int) -> np.ndarray:
        return ones(shape) if name == "weight" else super().start(name, shape, seed, index)

    def _with_channels(self, channels: int, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        if input_shape[:1] != (channels,):
            raise self.refused(f"of shape ({channels}, ...)", input_shape)
        return input_shape


class LayerNorm(_Normalization):
    """Mean 0 and variance 1 over each sample's last axes, then * weight + bias, both of `shape`.

    (n, ..., *shape) -> same shape. Ba et al., 2016.
    """

    kind: ClassVar[str] = "layer_norm"

    def __init__(self, shape: int | Sequence[int], epsilon: float = 1e-5) -> None:
        self.shape = tuple(shape) if isinstance(shape, Sequence) else (shape,)
        sizes = {f"shape[{index}]": size for index, size in enumerate(self.shape)}
        require_positive(self.kind, axes=len(self.shape), **sizes)
        self.epsilon = POSITIVE.check(self.kind, "epsilon", epsilon)
        self.weight = _ones(self.shape)
        self.bias = Tensor(zeros(self.shape), requires_grad=True)

    def forward(self, x: Tensor, context: ForwardContext) -> Tensor:
        self.output_shape(x.shape[1:])
        return scaled.layer_normalize(x, self.weight, self.bias, self.epsilon)

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        if input_shape[-len(self.shape) :] != self.shape:
            raise self.refused(f"whose last axes are {self.shape}", input_shape)
        return input_shape


class RMSNorm(_Normalization):
    """Mean square 1 over each sample's last axis, then * weight (units,).

    (n, ..., units) -> same shape. Zhang and Sennrich, NeurIPS 2019.
    """

    kind: ClassVar[str] = "rms_norm"

    def __init__(self, units: int, epsilon: float = 1e-5) -> None:
        require_positive(self.kind, units=units)
        self.units = units
        self.epsilon = POSITIVE.check(self.kind, "epsilon", epsilon)
        self.weight = _ones((units,))

    def forward(self, x: Tensor, context: ForwardContext) -> Tensor:
        self.output_shape(x.shape[1:])
        return scaled.rms_normalize(x, self.weight, self.epsilon)

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        if input_shape[-1:] != (self.units,):
            raise self.refused(f"whose last axis is {self.units}", input_shape)
        return input_shape


class GroupNorm(_Normalization):
    """Mean 0 and variance 1 over each of `groups` parts of a sample's channels, then * weight + bias.

    (n, channels, ...) -> same shape; weight and bias: (channels,). Wu and He, ECCV 2018.
    """

    kind: ClassVar[str] = "group_norm"

    def __init__(self, groups: int, channels: int, epsilon: float = 1e-5) -> None:
        require_positive(self.kind, groups=groups, channels=channels)
        if channels % groups:
            raise ShapeError(self.kind, f"groups that divide {channels} channels", f"{groups}")
        self.groups = groups
        self.channels = channels
        self.epsilon = POSITIVE.check(self.kind, "epsilon", epsilon)
        self.weight = _ones((channels,))
        self.bias = Tensor(zeros((channels,)), requires_grad=True)

    def forward(self, x: Tensor, context: ForwardContext) -> Tensor:
        self.output_shape(x.shape[1:])
        return scaled.group_normalize(x, self.weight, self.bias, self.groups, self.epsilon)

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return self._with_channels(self.channels, input_shape)


class BatchNorm(_Normalization):
    """Mean 0 and variance 1 for each channel over the batch, then * weight + bias, both (channels,).

    (n, channels, ...) -> same shape. Ioffe and Szegedy, ICML 2015. While training, mean and variance are
    those of the batch at hand; while evaluating, the running ones, which a training pass moves by `momentum`.

    The batch at hand is the micro-batch: a mini-batch cut in another way is normalized in another way, as
    with every framework that does not synchronize statistics. What a pass saw is left in `observed`.
    `running_mean` and `running_variance` are buffers (`nn.buffers`): part of the model, but no optimizer
    moves them. They depend on the order in which passes are absorbed. So workers that share a mini-batch
    send `observed` beside their gradient, and whoever owns the model calls `absorb` in the order of the
    micro-batches: the result is then the same on any number of workers.
    """

    kind: ClassVar[str] = "batch_norm"

    def __init__(self, channels: int, momentum: float = 0.1, epsilon: float = 1e-5) -> None:
        require_positive(self.kind, channels=channels)
        self.channels = channels
        self.momentum = SHARE.check(self.kind, "momentum", momentum)
        self.epsilon = POSITIVE.check(self.kind, "epsilon", epsilon)
        self.weight = _ones((channels,))
        self.bias = Tensor(zeros((channels,)), requires_grad=True)
        self.running_mean = Tensor(zeros((channels,)))
        self.running_variance = Tensor(np.ones(channels, np.float32))
        self.observed: tuple[Array, Array] | None = None

    def forward(self, x: Tensor, context: ForwardContext) -> Tensor:
        self.output_shape(x.shape[1:])
        if not context.training:
            weight, bias = along_channels(self.weight, x), along_channels(self.bias, x)
            deviation = ops.sqrt(self.running_variance + self.epsilon)
            centered = x - along_channels(self.running_mean, x)
            y = centered * (weight / along_channels(deviation, x)) + bias
            return y if weight.dtype != x.dtype else y.astype(x.dtype)
        if not x.size:
            raise ShapeError(self.kind, "at least one element to take statistics of", f"shape {x.shape}")
        y, mean, variance = scaled.batch_normalize(x, self.weight, self.bias, self.epsilon)
        if not recomputing():
            # What estimates the variance of all samples there could be is unknown of one element.
            elements = x.size // x.shape[1]
            self.observed = mean, variance * (elements / (elements - 1) if elements > 1 else nan)
            self.absorb(*self.observed)
        return y

    def absorb(self, mean: Array, variance: Array) -> None:
        """Move the running statistics, in place, towards what a pass over a micro-batch observed."""
        for buffer, seen in ((self.running_mean, mean), (self.running_variance, variance)):
            if array_module(seen) is np:  # it may come from another process
                seen = array_module(buffer.data).asarray(seen)
            absorb(buffer.data, seen, self.momentum)

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return self._with_channels(self.channels, input_shape)


def absorb(buffer: Array, seen: Array, momentum: float) -> None:
    """Move running statistics, in place, towards what a pass saw. What is not finite, such as the variance of
    a single element, moves nothing."""
    move = momentum * (seen - buffer)
    buffer += array_module(buffer).where(array_module(buffer).isfinite(move), move, 0)
