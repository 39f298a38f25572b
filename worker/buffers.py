"""A model's buffers, such as BatchNorm's running statistics, when several workers share a mini-batch.

Each micro-batch is normalized by its own mean and variance, on any worker. What it saw goes to the desk
beside its gradient, and one shard absorbs the rows in the order of the micro-batches. So the statistics
depend on the grid of micro-batches, as the outputs do, and never on the number of workers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..core import nn
from ..core.array import Array, to_device, to_numpy
from ..core.flat import FlatLayout
from ..core.nn.normalization import absorb


@dataclass(frozen=True)
class Buffers:
    """Where each buffer lies in a flat buffer of `layout.size`, and how fast what is seen moves it."""

    layout: FlatLayout
    momentum: tuple[float, ...]

    @staticmethod
    def of(model: nn.Module) -> Buffers:
        """The buffers of a model, by name."""
        found = nn.buffers(model)
        momentum = dict.fromkeys(map(id, found.values()), 0.0)
        for layer in _layers(model):
            momentum[id(layer.running_mean)] = momentum[id(layer.running_variance)] = layer.momentum
        layout = FlatLayout.of({name: tensor.shape for name, tensor in found.items()})
        return Buffers(layout, tuple(momentum[id(tensor)] for tensor in found.values()))

    def values(self, model: nn.Module) -> np.ndarray:
        """What the buffers of `model` hold: (size,) float32."""
        flat = np.zeros(self.layout.size, np.float32)
        for view, tensor in zip(self.layout.views(flat).values(), nn.buffers(model).values(), strict=True):
            view[...] = to_numpy(tensor.data)
        return flat

    def use(self, model: nn.Module, flat: np.ndarray, device: str) -> None:
        """Give the buffers of `model` these values, as copies."""
        views = self.layout.views(flat).values()
        for view, tensor in zip(views, nn.buffers(model).values(), strict=True):
            tensor.data = to_device(view.copy(), device)

    def seen(self, model: nn.Module) -> list[Array]:
        """What the last training pass of `model` saw: of each layer that follows it mean and variance."""
        seen: list[Array] = []
        for layer in _layers(model):
            assert layer.observed is not None, "a batch_norm layer that no pass went through"
            seen += layer.observed
        return seen

    def write(self, model: nn.Module, seen: Sequence[Array], out: np.ndarray) -> None:
        """What `seen` gave into `out` (size,), where `absorb` expects it."""
        by_buffer: dict[int, np.ndarray] = {}
        for layer, mean, variance in zip(_layers(model), seen[::2], seen[1::2], strict=True):
            by_buffer[id(layer.running_mean)] = to_numpy(mean)
            by_buffer[id(layer.running_variance)] = to_numpy(variance)
        views = self.layout.views(out).values()
        for view, tensor in zip(views, nn.buffers(model).values(), strict=True):
            if id(tensor) in by_buffer:
                view[...] = by_buffer[id(tensor)]

    def absorb(self, flat: np.ndarray, seen: np.ndarray) -> None:
        """Move the buffers `flat` (size,), in place, towards what a micro-batch saw, as BatchNorm does."""
        pairs = zip(self.layout.views(flat).values(), self.layout.views(seen).values(), strict=True)
        for momentum, (view, value) in zip(self.momentum, pairs, strict=True):
            if momentum:
                absorb(view, value, momentum)


def _layers(model: nn.Module) -> list[nn.BatchNorm]:
    return [module for module in model.modules() if isinstance(module, nn.BatchNorm)]
