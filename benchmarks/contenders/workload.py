"""The networks that are measured, their data, their arithmetic, and what every library makes of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Layer:
    """One layer. `shape` is always that of a sample that goes into it."""

    def output_shape(self, shape: Shape) -> Shape:
        return shape

    def multiplications(self, shape: Shape) -> int:
        """Of the matrix products that it is, forward, for one sample."""
        return 0

    def parameters(self, shape: Shape) -> int:
        return 0


@dataclass(frozen=True)
class Linear(Layer):
    """A fully connected layer on all that a sample has, or on each element of a sequence. ReLU after it,
    unless it is the last."""

    units: int

    def output_shape(self, shape: Shape) -> Shape:
        return (*shape[:-1], self.units) if len(shape) == 2 else (self.units,)

    def multiplications(self, shape: Shape) -> int:
        return prod(shape) * self.units

    def parameters(self, shape: Shape) -> int:
        return ((shape[-1] if len(shape) == 2 else prod(shape)) + 1) * self.units


@dataclass(frozen=True)
class Convolution(Layer):
    """ReLU after it. normalized: BatchNorm for a bias. groups: as many as channels are depthwise."""

    filters: int
    kernel: int
    padding: int
    stride: int = 1
    groups: int = 1
    normalized: bool = False

    def output_shape(self, shape: Shape) -> Shape:
        return (
            self.filters,
            *((size + 2 * self.padding - self.kernel) // self.stride + 1 for size in shape[1:]),
        )

    def multiplications(self, shape: Shape) -> int:
        return prod(self.output_shape(shape)) * shape[0] // self.groups * self.kernel**2

    def parameters(self, shape: Shape) -> int:
        return self.filters * (shape[0] // self.groups * self.kernel**2 + 1 + self.normalized)


@dataclass(frozen=True)
class ResidualBlock(Layer):
    """Two normalized 3x3 convolutions; what went in is added before the last ReLU, through a normalized 1x1
    convolution if the two differ in shape. He et al., CVPR 2016."""

    filters: int
    stride: int = 1

    def body(self) -> tuple[Convolution, Convolution]:
        first = Convolution(self.filters, 3, 1, self.stride, normalized=True)
        return first, Convolution(self.filters, 3, 1, normalized=True)

    def shortcut(self, shape: Shape) -> Convolution | None:
        same = self.output_shape(shape) == shape
        return None if same else Convolution(self.filters, 1, 0, self.stride, normalized=True)

    def output_shape(self, shape: Shape) -> Shape:
        return self.body()[0].output_shape(shape)

    def _convolutions(self, shape: Shape) -> list[tuple[Convolution, Shape]]:
        first, second = self.body()
        shortcut = self.shortcut(shape)
        around = [] if shortcut is None else [(shortcut, shape)]
        return [(first, shape), (second, first.output_shape(shape)), *around]

    def multiplications(self, shape: Shape) -> int:
        return sum(layer.multiplications(given) for layer, given in self._convolutions(shape))

    def parameters(self, shape: Shape) -> int:
        return sum(layer.parameters(given) for layer, given in self._convolutions(shape))


@dataclass(frozen=True)
class MaxPool(Layer):
    """The largest of each 2x2."""

    def output_shape(self, shape: Shape) -> Shape:
        return (shape[0], *(size // 2 for size in shape[1:]))


@dataclass(frozen=True)
class MeanOfChannels(Layer):
    """The mean of each channel."""

    def output_shape(self, shape: Shape) -> Shape:
        return shape[:1]


@dataclass(frozen=True)
class Embedding(Layer):
    rows: int
    units: int

    def output_shape(self, shape: Shape) -> Shape:
        return (*shape, self.units)

    def parameters(self, shape: Shape) -> int:
        return self.rows * self.units


@dataclass(frozen=True)
class Recurrent(Layer):
    """What LSTM and GRU share."""

    units: int

    @property
    def gates(self) -> int:
        return 4 if isinstance(self, LSTM) else 3

    def output_shape(self, shape: Shape) -> Shape:
        return (*shape[:-1], self.units)

    def multiplications(self, shape: Shape) -> int:
        return shape[0] * (shape[1] + self.units) * self.gates * self.units

    def parameters(self, shape: Shape) -> int:
        return (shape[1] + self.units + 2) * self.gates * self.units


@dataclass(frozen=True)
class LSTM(Recurrent):
    pass


@dataclass(frozen=True)
class GRU(Recurrent):
    pass


@dataclass(frozen=True)
class Transformer(Layer):
    """LayerNorm and attention, LayerNorm and two linear layers with GELU between them, each part added to
    what went into it."""

    heads: int
    hidden: int

    def multiplications(self, shape: Shape) -> int:
        time, units = shape
        return time * units * (4 * units + 2 * time + 2 * self.hidden)

    def parameters(self, shape: Shape) -> int:
        units = shape[1]
        return units * (4 * units + 2 * self.hidden + 9) + self.hidden


@dataclass(frozen=True)
class Workload:
    """A network that ends in softmax cross-entropy, and a batch of samples of `shape`: integers if `symbols`.

    A sequence has a label for each of its elements, everything else one a sample.
    """

    name: str
    batch: int
    shape: Shape
    layers: tuple[Layer, ...]

    @property
    def title(self) -> str:
        return f"{self.name} @ {self.batch:,}"

    @property
    def symbols(self) -> int:
        """How many there are to choose from, 0 where samples are not of symbols."""
        first = self.layers[0]
        return first.rows if isinstance(first, Embedding) else 0

    def shaped_layers(self) -> list[tuple[Layer, Shape]]:
        """Each layer, and the shape of a sample that goes into it."""
        shape, found = self.shape, []
        for layer in self.layers:
            found.append((layer, shape))
            shape = layer.output_shape(shape)
        return found

    def flops(self, mode: str) -> int:
        """Of the matrix products, written out plainly, a multiplication and an addition counting as two.

        A step takes those of the forward pass three times: again for the gradient of the weights, and for the
        gradient of what went in, which is not taken of the data.
        """
        counts = [layer.multiplications(shape) for layer, shape in self.shaped_layers()]
        total = sum(counts) if mode == "predict" else 3 * sum(counts) - counts[0]
        return 2 * self.batch * total

    def bytes_moved(self, mode: str) -> int:
        """At least: weights are read; Adam reads them, their gradients and two moments, and writes three."""
        parameters = sum(layer.parameters(shape) for layer, shape in self.shaped_layers())
        return 4 * parameters * (1 if mode == "predict" else 7)

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
"""The six that the project's figures are about."""

OTHERS = (
    Workload("char GRU", 32, (64,), (Embedding(96, 128), GRU(256), Linear(96))),
    Workload(
        "depthwise CNN", 32, (3, 32, 32),
        (
            Convolution(32, 3, 1),
            Convolution(32, 3, 1, groups=32), Convolution(64, 1, 0), MaxPool(),
            Convolution(64, 3, 1, groups=64), Convolution(128, 1, 0), MaxPool(),
            Convolution(128, 3, 1, groups=128), Convolution(128, 1, 0), MeanOfChannels(), Linear(10),
        ),
    ),
    Workload(
        "strided CNN", 32, (3, 32, 32),
        (
            Convolution(32, 3, 1), Convolution(64, 3, 1, stride=2), Convolution(128, 3, 1, stride=2),
            Convolution(128, 3, 1, stride=2), Linear(10),
        ),
    ),
    Workload(
        "BatchNorm ResNet-8", 32, (3, 32, 32),
        (
            Convolution(16, 3, 1, normalized=True),
            ResidualBlock(16), ResidualBlock(32, 2), ResidualBlock(64, 2), MeanOfChannels(), Linear(10),
        ),
    ),
    Workload("LayerNorm transformer", 32, (64,), (Embedding(96, 128), Transformer(4, 512), Linear(96))),
)  # fmt: skip
"""Networks of other layers."""


@dataclass
class Contender:
    """One network in one library, ready to run on the same weights and data as in the others.

    train: one training step (forward, loss, backward, Adam) on samples and labels, which gives the loss.
    apply: the forward pass alone on samples, which gives the logits. Both take what `convert` makes of
    arrays, and may return before they are done; `array` waits for what they gave.
    """

    train: Callable[[Any, Any], Any]
    apply: Callable[[Any], Any]
    convert: Callable[[np.ndarray, np.ndarray], tuple[Any, Any]]
    array: Callable[[Any], np.ndarray]
    batch: tuple[Any, Any] = (None, None)

    def use(self, workload: Workload) -> Contender:
        """From now on, `step` and `predict` run on a batch of this one."""
        self.batch = self.convert(*workload.data())
        return self

    def step(self) -> Any:
        return self.train(*self.batch)

    def predict(self) -> Any:
        return self.apply(self.batch[0])
