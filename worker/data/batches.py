"""Which training samples make up each mini-batch and micro-batch, the same for any number of workers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from ...core import random


@dataclass(frozen=True)
class Grid:
    """The fixed cut of an epoch into mini-batches and of each mini-batch into micro-batches.

    Steps count from 0 through all epochs. The order of an epoch is a permutation keyed by (seed, epoch), or
    the file's order without `shuffle`. The last mini-batch of an epoch holds what is left.
    """

    samples: int
    batch_size: int | Literal["full"]
    micro_batches: int
    seed: int
    shuffle: bool
    _orders: dict[int, np.ndarray] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("samples", "batch_size", "micro_batches"):
            value = getattr(self, name)
            if value != "full" and value < 1:
                raise ValueError(f"Grid: {name} must be 1 or more, got {value}")

    @property
    def full_batch_samples(self) -> int:
        """Samples of every mini-batch but an epoch's last."""
        return self.samples if self.batch_size == "full" else min(self.batch_size, self.samples)

    @property
    def steps_per_epoch(self) -> int:
        return -(-self.samples // self.full_batch_samples)

    def epoch(self, step: int) -> int:
        """The epoch, counted from 0, that a step belongs to."""
        return step // self.steps_per_epoch

    def batch_samples(self, step: int) -> int:
        """Number of samples in the mini-batch of a step."""
        first = step % self.steps_per_epoch * self.full_batch_samples
        return min(self.full_batch_samples, self.samples - first)

    def micro_batch_count(self, step: int) -> int:
        """Number of micro-batches of a step; none of them is empty."""
        return min(self.micro_batches, self.batch_samples(step))

    def micro_batch_bounds(self, step: int, micro_batch: int) -> tuple[int, int]:
        """(start, stop) of a micro-batch within its mini-batch; sizes differ by one sample at most."""
        samples, count = self.batch_samples(step), self.micro_batch_count(step)
        if not 0 <= micro_batch < count:
            raise IndexError(f"step {step} has micro-batches 0 to {count - 1}, got {micro_batch}")
        return samples * micro_batch // count, samples * (micro_batch + 1) // count

    def indices(self, step: int, micro_batch: int) -> np.ndarray:
        """Indices (int64) into the training samples of a micro-batch, in order; not to be written to."""
        start, stop = self.micro_batch_bounds(step, micro_batch)
        first = step % self.steps_per_epoch * self.full_batch_samples
        return self._order(self.epoch(step))[first + start : first + stop]

    def _order(self, epoch: int) -> np.ndarray:
        epoch = epoch if self.shuffle else 0
        order = self._orders.get(epoch)
        if order is None:
            if self.shuffle:
                order = random.permutation(self.samples, self.seed, random.SHUFFLE, epoch)
            else:
                order = np.arange(self.samples, dtype=np.int64)
            order = order.astype(np.int64, copy=False)
            order.flags.writeable = False
            self._orders.clear()
            self._orders[epoch] = order
        return order
