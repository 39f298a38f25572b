"""Models whose weights come from PyTorch: ours, and what their tensors are called there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from chainrule.core import Tensor, nn, no_grad
from chainrule.worker.weights import import_weights


@dataclass(frozen=True)
class WeightCase:
    """Our model, for inputs of `shape` (integers below `ids`, if that is given), and `names` as in a job."""

    model: Callable[[], nn.Module]
    shape: tuple[int, ...]
    names: Mapping[str, str] = field(default_factory=dict)
    ids: int | None = None

    def inputs(self, seed: int) -> np.ndarray:
        random = np.random.default_rng(seed)
        if self.ids is not None:
            return random.integers(0, self.ids, self.shape)
        return random.normal(0, 1, self.shape).astype(np.float32)


def _mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 8, bias=False), nn.Linear(8, 3))


def _lenet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 5, padding=2, bias=False), nn.BatchNorm(4), nn.ReLU(), nn.MaxPool(2),
        nn.Conv2d(4, 6, 3, stride=2, groups=2), nn.BatchNorm(6), nn.Tanh(), nn.AvgPool(2), nn.Flatten(),
        nn.Linear(54, 12), nn.BatchNorm(12), nn.ReLU(), nn.Linear(12, 10),
    )  # fmt: skip


def _transposed() -> nn.Module:
    convolution = nn.ConvTranspose2d(4, 6, 3, 2, 1, groups=2, output_padding=1)
    return nn.Sequential(convolution, nn.GroupNorm(3, 6))


def _normalized() -> nn.Module:
    return nn.Sequential(nn.Embedding(9, 8), nn.LayerNorm((5, 8)), nn.RMSNorm(8, epsilon=1e-6))


def _residual() -> nn.Module:
    body = nn.Sequential(nn.Conv1d(2, 3, 3, padding=1), nn.BatchNorm(3))
    return nn.Residual(body, nn.Conv1d(2, 3, 1))


def _recurrent(kind: Callable[..., nn.Module], **options: bool | str) -> Callable[[], nn.Module]:
    return lambda: nn.Sequential(kind(3, 4, layers=2, bidirectional=True, **options), nn.TimeLinear(8, 2))


_BY_NAME = {"layers.0": "body", "layers.1": "head"}

WEIGHT_CASES = {
    "mlp": WeightCase(_mlp, (5, 6)),
    "mlp_by_name": WeightCase(
        lambda: nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3)), (5, 6),
        {"layers.0": "first", "layers.2.weight": "second.weight", "layers.2.bias": "second.bias"},
    ),
    "lenet": WeightCase(_lenet, (4, 1, 28, 28)),
    "transposed": WeightCase(_transposed, (2, 4, 5, 5)),
    "normalized": WeightCase(_normalized, (3, 5), ids=9),
    "rnn": WeightCase(_recurrent(nn.RNN, activation="relu"), (3, 6, 3), _BY_NAME),
    "lstm": WeightCase(_recurrent(nn.LSTM), (3, 6, 3), _BY_NAME),
    "gru": WeightCase(_recurrent(nn.GRU), (3, 6, 3), _BY_NAME),
    "attention": WeightCase(lambda: nn.MultiHeadAttention(8, 2), (3, 5, 8)),
    "transformer": WeightCase(
        lambda: nn.Sequential(nn.TransformerBlock(8, 2, 12), nn.TransformerBlock(8, 2, 12)), (3, 5, 8),
        {"": "encoder.layers"},
    ),
    "transformer_norm_last": WeightCase(
        lambda: nn.TransformerBlock(8, 4, 12, norm_first=False, activation=nn.ReLU()), (3, 5, 8)
    ),
    "residual": WeightCase(_residual, (2, 2, 7)),
}  # fmt: skip


def outputs_after_import(case: WeightCase, state: Mapping[str, np.ndarray], inputs: np.ndarray) -> np.ndarray:
    """What our model computes with PyTorch's weights; asserts that no tensor on either side is left over."""
    model = case.model()
    nn.initialize(model, 1)
    report = import_weights(model, state, case.names, "pytorch")
    assert (report.missing, report.unexpected, report.mismatched) == ((), (), ())
    assert set(report.matched) == {*model.parameters(), *nn.buffers(model)}
    with no_grad():
        return model(Tensor(inputs)).numpy()


def agree(ours: np.ndarray, theirs: np.ndarray) -> None:
    """To 1e-5 of the largest."""
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() <= 1e-5 * np.abs(theirs).max()
