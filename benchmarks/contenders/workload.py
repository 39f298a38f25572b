"""The six networks that are measured, their data, and what every library makes of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Linear:
    """A fully connected layer on all that a sample has, or on each element of a sequence. ReLU after it,
    unless it is the last."""

    units: int


@dataclass(frozen=True)
class Convolution:
    """With stride 1; ReLU after it."""

    filters: int
    kernel: int
    padding: int


@dataclass(frozen=True)
class MaxPool:
    """The largest of each 2x2."""


@dataclass(frozen=True)
class Embedding:
    rows: int
    units: int


@dataclass(frozen=True)
class LSTM:
    units: int


Layer = Linear | Convolution | MaxPool | Embedding | LSTM


@dataclass(frozen=True)
class Workload:
    """A network that ends in softmax cross-entropy, and a batch of samples of `shape`: integers if `symbols`.

    A sequence has a label for each of its elements, everything else one a sample.
    """

    name: str
    batch: int
    shape: tuple[int, ...]
    layers: tuple[Layer, ...]

    @property
    def title(self) -> str:
        return f"{self.name} @ {self.batch}"

    @property
    def symbols(self) -> int:
        """How many there are to choose from, 0 where samples are not of symbols."""
        first = self.layers[0]
        return first.rows if isinstance(first, Embedding) else 0

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """Random samples (batch, *shape), float32 or int64, and their labels, int64."""
        random = np.random.default_rng(0)
        last = self.layers[-1]
        classes = last.units if isinstance(last, Linear) else 0
        if self.symbols:
            samples = random.integers(0, self.symbols, (self.batch, *self.shape))
        else:
            samples = random.standard_normal((self.batch, *self.shape), dtype=np.float32)
        return samples, random.integers(0, classes, (self.batch, *self.shape) if self.symbols else self.batch)


WORKLOADS = (
    Workload("64-32-10", 32, (64,), (Linear(32), Linear(10))),
    Workload("784-128-10", 64, (784,), (Linear(128), Linear(10))),
    Workload("784-1024-1024-10", 128, (784,), (Linear(1024), Linear(1024), Linear(10))),
    Workload(
        "LeNet", 64, (1, 28, 28),
        (Convolution(16, 5, 2), MaxPool(), Convolution(32, 5, 0), MaxPool(), Linear(128), Linear(10)),
    ),
    Workload(
        "8-layer CNN", 32, (3, 32, 32),
        (
            Convolution(32, 3, 1), Convolution(32, 3, 1), MaxPool(),
            Convolution(64, 3, 1), Convolution(64, 3, 1), MaxPool(),
            Convolution(128, 3, 1), Convolution(128, 3, 1), MaxPool(),
            Linear(256), Linear(10),
        ),
    ),
    Workload("char LSTM", 32, (64,), (Embedding(96, 128), LSTM(256), Linear(96))),
)  # fmt: skip


@dataclass(frozen=True)
class Contender:
    """One workload in one library, ready to run on the same weights and data as in the others.

    step: one training step (forward, loss, backward, Adam), which gives the loss. predict: the forward pass
    alone, which gives the logits. Both may return before they are done; `array` waits for what they gave.
    """

    step: Callable[[], Any]
    predict: Callable[[], Any]
    array: Callable[[Any], np.ndarray]
