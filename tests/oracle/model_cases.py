"""Whole models in training: data, our model, and the optimizer in words that both libraries understand.

Everything comes from a seed: samples, batches, and the initial weights, which are ours and are carried over.
A unit whose ReLU is 0 for one library and 1e-9 for the other has another gradient at once, and training
makes that large: so learning rates are moderate, and the ResNet, where millions of units would meet it, has
SiLU.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.core import nn, optim
from chainrule.worker.weight_names import pytorch_names

STEPS = 200
BATCH = 32
SAMPLES = (STEPS + 1) * BATCH
NOISE = 0.1
"""The share of labels drawn at random. No sample comes twice: no loss falls to where rounding is all."""
LIMIT = 1e-3
"""How far losses may be apart, relatively."""

Data = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class ModelCase:
    """A model, its data, a rule with its class and arguments in torch.optim, and a bound for the norm.

    names: as in a job, what parts are called there.
    """

    model: Callable[[], nn.Module]
    data: Callable[[np.random.Generator], Data]
    rule: optim.Rule
    torch: str
    theirs: dict[str, Any]
    clip_norm: float | None = None
    names: Mapping[str, str] = field(default_factory=dict)

    def batches(self) -> list[Data]:
        """(inputs, labels) of each of STEPS steps, and of one more to evaluate."""
        rng = np.random.default_rng(5)
        inputs, labels = self.data(rng)
        random = rng.random(labels.shape) < NOISE
        labels = np.where(random, rng.integers(0, labels.max() + 1, labels.shape), labels)
        parts = [slice(start, start + BATCH) for start in range(0, SAMPLES, BATCH)]
        return [(inputs[part], labels[part]) for part in parts]


def _vectors(rng: np.random.Generator) -> Data:
    """The largest of five random functions of 20 numbers."""
    x = rng.standard_normal((SAMPLES, 20)).astype(np.float32)
    return x, (x @ rng.standard_normal((20, 5))).argmax(axis=1)


def _images(channels: int, size: int) -> Callable[[np.random.Generator], Data]:
    """Six patterns under as much noise."""

    def draw(rng: np.random.Generator) -> Data:
        patterns = rng.standard_normal((6, channels, size, size))
        labels = rng.integers(0, 6, SAMPLES)
        noise = rng.standard_normal((SAMPLES, channels, size, size))
        return (0.3 * (patterns[labels] + noise)).astype(np.float32), labels

    return draw


def _waves(rng: np.random.Generator) -> Data:
    """Waves of four frequencies, 16 steps of 3 shifted channels, under noise."""
    labels = rng.integers(0, 4, SAMPLES)
    phases = rng.uniform(0, 2 * np.pi, (SAMPLES, 1, 1)) + np.arange(3)
    time = np.arange(16)[None, :, None] * (0.3 + 0.4 * labels[:, None, None])
    x = np.sin(time + phases) + 0.2 * rng.standard_normal((SAMPLES, 16, 3))
    return x.astype(np.float32), labels


def _text(rng: np.random.Generator) -> Data:
    """12 letters of 8, and for each place the next: the one that follows it in a table."""
    follows = rng.permutation(8)
    letters = [rng.integers(0, 8, SAMPLES)]
    for _ in range(12):
        stray = rng.random(SAMPLES) < 0.2
        letters.append(np.where(stray, rng.integers(0, 8, SAMPLES), follows[letters[-1]]))
    sequence = np.stack(letters, axis=1)
    return sequence[:, :-1], sequence[:, 1:]


def _mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 5))


def _lenet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool(2),
        nn.Conv2d(6, 12, 3), nn.ReLU(), nn.MaxPool(2),
        nn.Flatten(), nn.Linear(48, 24), nn.Tanh(), nn.Linear(24, 6),
    )  # fmt: skip


def _resnet() -> nn.Module:
    same = nn.Sequential(
        nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.BatchNorm(8), nn.SiLU(),
        nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.BatchNorm(8),
    )  # fmt: skip
    half = nn.Sequential(
        nn.Conv2d(8, 16, 3, stride=2, padding=1, bias=False), nn.BatchNorm(16), nn.SiLU(),
        nn.Conv2d(16, 16, 3, padding=1, bias=False), nn.BatchNorm(16),
    )  # fmt: skip
    shortcut = nn.Sequential(nn.Conv2d(8, 16, 1, stride=2, bias=False), nn.BatchNorm(16))
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm(8), nn.SiLU(),
        nn.Residual(same), nn.SiLU(), nn.Residual(half, shortcut), nn.SiLU(),
        nn.GlobalAvgPool(), nn.Linear(16, 6),
    )  # fmt: skip


def _transformer() -> nn.Module:
    blocks = [nn.TransformerBlock(16, 2, 32, causal=True) for _ in range(2)]
    return nn.Sequential(nn.Embedding(8, 16), nn.LearnedPositions(12, 16), *blocks, nn.TimeLinear(16, 8))


_RECURRENT = {"layers.0": "body", "layers.1": "head"}

MODEL_CASES: dict[str, ModelCase] = {
    "MLP": ModelCase(_mlp, _vectors, optim.SGD(0.05, momentum=0.9), "SGD", {"lr": 0.05, "momentum": 0.9}),
    "LeNet": ModelCase(_lenet, _images(1, 12), optim.Adam(1e-3), "Adam", {"lr": 1e-3}),
    "ResNet": ModelCase(
        _resnet, _images(3, 8), optim.SGD(0.02, momentum=0.9, nesterov=True, weight_decay=1e-3), "SGD",
        {"lr": 0.02, "momentum": 0.9, "nesterov": True, "weight_decay": 1e-3},
    ),
    "GRU": ModelCase(
        lambda: nn.Sequential(nn.GRU(3, 16, outputs="last"), nn.Linear(16, 4)), _waves,
        optim.Adam(1e-2), "Adam", {"lr": 1e-2}, names=_RECURRENT,
    ),
    "LSTM": ModelCase(
        lambda: nn.Sequential(nn.LSTM(3, 16, outputs="last"), nn.Linear(16, 4)), _waves,
        optim.RMSProp(2e-3), "RMSprop", {"lr": 2e-3}, clip_norm=1.0, names=_RECURRENT,
    ),
    "Transformer": ModelCase(
        _transformer, _text, optim.AdamW(3e-3, weight_decay=0.01), "AdamW", {"lr": 3e-3, "weight_decay": 0.01}
    ),
}  # fmt: skip


def initial(case: ModelCase) -> tuple[nn.Module, dict[str, np.ndarray]]:
    """Our model as it starts, and its weights as PyTorch's `state_dict` of the same model has them."""
    model = case.model()
    nn.initialize(model, 3)
    state: dict[str, np.ndarray] = {}
    for wanted in pytorch_names(model, case.names):
        theirs = state.setdefault(wanted.source, np.zeros(wanted.shape, np.float32))
        places = wanted.take(np.arange(theirs.size).reshape(wanted.shape))
        theirs.flat[places.ravel()] = wanted.tensor.numpy().ravel()
    return model, state


def agree(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Assert that the losses (STEPS + 1,) of two runs agree to LIMIT and show learning; returns the error."""
    assert ours.shape == theirs.shape == (STEPS + 1,)
    error = float((np.abs(ours - theirs) / theirs).max())
    assert error <= LIMIT
    assert ours[STEPS - 20 : STEPS].mean() < ours[0] / 2
    return error
