"""The layers whose ONNX files are compared, each with several settings, and whole models made of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from chainrule.core import nn


@dataclass(frozen=True)
class Case:
    """A layer for samples of `shape`; ids: the samples are integers below that."""

    layer: Callable[[], nn.Module]
    shape: tuple[int, ...]
    ids: int | None = None

    def __str__(self) -> str:
        return f"{type(self.layer()).__name__} {self.shape}"


LAYERS = [
    Case(lambda: nn.Linear(4, 3), (4,)),
    Case(lambda: nn.Linear(1, 2, bias=False), (1,)),
    Case(lambda: nn.SparseLinear(8, 5, density=0.4), (8,)),
    Case(lambda: nn.SparseLinear(8, 5, density=0.1, bias=False), (8,)),
    Case(lambda: nn.TimeLinear(3, 4), (5, 3)),
    Case(lambda: nn.TimeLinear(1, 2), (1, 1)),
    Case(lambda: nn.Embedding(9, 4), (6,), ids=9),
    Case(lambda: nn.Embedding(9, 4, padding=2), (3, 2), ids=9),
    Case(lambda: nn.Embedding(9, 4), (), ids=9),
    Case(lambda: nn.LearnedPositions(8, 4), (8, 4)),
    Case(lambda: nn.LearnedPositions(8, 4), (3, 4)),
    Case(lambda: nn.SinusoidalPositions(8, 4), (8, 4)),
    Case(lambda: nn.SinusoidalPositions(8, 5), (3, 5)),
    Case(lambda: nn.Conv1d(3, 4, 3), (3, 9)),
    Case(lambda: nn.Conv1d(4, 4, 3, stride=2, padding=1, dilation=2, groups=2, bias=False), (4, 9)),
    Case(lambda: nn.Conv2d(3, 4, 3), (3, 7, 6)),
    Case(lambda: nn.Conv2d(4, 6, (3, 2), (2, 1), (1, 0), (1, 2), groups=2), (4, 7, 6)),
    Case(lambda: nn.Conv2d(4, 4, 3, padding=1, groups=4, bias=False), (4, 5, 5)),
    Case(lambda: nn.ConvTranspose2d(3, 4, 3), (3, 4, 5)),
    Case(lambda: nn.ConvTranspose2d(4, 6, (3, 2), (2, 3), (1, 0), (1, 2), 2, False, (1, 2)), (4, 4, 3)),
    Case(lambda: nn.ConvTranspose2d(2, 4, 3, stride=2, padding=1, output_padding=1), (2, 4, 4)),
    Case(lambda: nn.MaxPool(2), (3, 6, 7)),
    Case(lambda: nn.MaxPool(3, 1, 1), (3, 9)),
    Case(lambda: nn.MaxPool((3, 2), (2, 1), (1, 0)), (3, 6, 7)),
    Case(lambda: nn.MaxPool(2), (2, 4, 4, 4)),
    Case(lambda: nn.AvgPool(2), (3, 6, 7)),
    Case(lambda: nn.AvgPool(3, 2, 1), (3, 7, 7)),
    Case(lambda: nn.AvgPool((3, 2), (2, 1), (1, 0), count_padding=False), (3, 6, 7)),
    Case(lambda: nn.AvgPool(3, 1, 1, count_padding=False), (3, 9)),
    Case(nn.GlobalAvgPool, (3, 5, 4)),
    Case(nn.GlobalAvgPool, (3, 5)),
    Case(nn.GlobalMaxPool, (3, 5, 4)),
    Case(nn.GlobalMaxPool, (3, 5)),
    Case(lambda: nn.AdaptiveAvgPool((3, 4)), (2, 7, 6)),
    Case(lambda: nn.AdaptiveAvgPool(5), (2, 3)),
    Case(lambda: nn.AdaptiveMaxPool((3, 4)), (2, 7, 6)),
    Case(lambda: nn.AdaptiveMaxPool(5), (2, 3)),
    Case(lambda: nn.BatchNorm(4), (4,)),
    Case(lambda: nn.BatchNorm(3, epsilon=1e-3), (3, 5)),
    Case(lambda: nn.BatchNorm(3), (3, 4, 5)),
    Case(lambda: nn.LayerNorm(4), (4,)),
    Case(lambda: nn.LayerNorm(6, epsilon=1e-3), (5, 6)),
    Case(lambda: nn.LayerNorm((5, 6)), (2, 5, 6)),
    Case(lambda: nn.RMSNorm(4), (4,)),
    Case(lambda: nn.RMSNorm(6, epsilon=1e-3), (5, 6)),
    Case(lambda: nn.GroupNorm(3, 6), (6, 4, 5)),
    Case(lambda: nn.GroupNorm(1, 6, epsilon=1e-3), (6, 4)),
    Case(lambda: nn.GroupNorm(2, 6), (6,)),
    *(
        case
        for kind in (nn.RNN, nn.LSTM, nn.GRU)
        for case in (
            Case(lambda kind=kind: kind(3, 4), (6, 3)),
            Case(lambda kind=kind: kind(3, 4, outputs="last"), (6, 3)),
            Case(lambda kind=kind: kind(3, 4, layers=2, bidirectional=True), (6, 3)),
            Case(lambda kind=kind: kind(3, 4, layers=3, outputs="last"), (1, 3)),
            Case(lambda kind=kind: kind(3, 4, bidirectional=True, outputs="last"), (6, 3)),
        )
    ),
    Case(lambda: nn.RNN(3, 4, activation="relu", layers=2, bidirectional=True), (5, 3)),
    Case(lambda: nn.MultiHeadAttention(8, 2), (5, 8)),
    Case(lambda: nn.MultiHeadAttention(8, 1, causal=True), (5, 8)),
    Case(lambda: nn.MultiHeadAttention(6, 3, causal=True, dropout=0.5), (1, 6)),
    Case(lambda: nn.TransformerBlock(8, 2, 16), (5, 8)),
    Case(lambda: nn.TransformerBlock(8, 4, 12, causal=True, dropout=0.1, norm_first=False), (5, 8)),
    Case(lambda: nn.TransformerBlock(8, 2, 16, activation=nn.ReLU()), (5, 8)),
    Case(lambda: nn.Sequential(nn.Linear(4, 3), nn.Tanh()), (4,)),
    Case(lambda: nn.Sequential(nn.Sequential(nn.Linear(4, 3)), nn.Sequential()), (4,)),
    *(
        Case(lambda layer=layer: nn.Sequential(nn.Embedding(4, 6, padding=1), layer), (7,), ids=4)
        for layer in (
            nn.MultiHeadAttention(6, 2),
            nn.MultiHeadAttention(6, 2, causal=True),
            nn.Sequential(nn.TransformerBlock(6, 3, 8)),
            nn.RNN(6, 3),
            nn.LSTM(6, 3, layers=2, bidirectional=True),
            nn.LSTM(6, 3, bidirectional=True, outputs="last"),
            nn.GRU(6, 3, bidirectional=True),
            nn.GRU(6, 3, layers=2, outputs="last"),
        )
    ),
    Case(lambda: nn.Residual(nn.Linear(4, 4)), (4,)),
    Case(lambda: nn.Residual(nn.Conv2d(3, 4, 3, 2, 1), nn.Conv2d(3, 4, 1, 2)), (3, 5, 5)),
    Case(lambda: nn.Parallel(nn.Linear(4, 3), nn.Linear(4, 2), nn.Flatten()), (4,)),
    Case(lambda: nn.Parallel(nn.Conv1d(3, 2, 1), nn.MaxPool(1)), (3, 5)),
    Case(lambda: nn.Parallel(nn.Linear(4, 3), nn.Linear(4, 3), combine="sum"), (4,)),
    Case(lambda: nn.Parallel(nn.Linear(4, 3)), (4,)),
    Case(lambda: nn.Reshape(3, 4), (12,)),
    Case(lambda: nn.Reshape(4, 1, 6), (2, 3, 4)),
    Case(lambda: nn.Permute(2, 0, 1), (2, 3, 4)),
    Case(nn.Flatten, (2, 3, 4)),
    Case(nn.Flatten, (5,)),
    Case(nn.Dropout, (4,)),
    Case(lambda: nn.Dropout(0.9), (2, 3)),
    Case(lambda: nn.Spectrogram(16, 6), (60,)),
    Case(lambda: nn.Spectrogram(15, 15, log=True), (2, 50)),
    Case(lambda: nn.Spectrogram(256, 100, log=True), (1, 1000)),
    Case(lambda: nn.MelSpectrogram(6, 64, 20, 8000), (200,)),
    Case(lambda: nn.MelSpectrogram(5, 128, 64, 8000, 100, 3000, log=True), (2, 3, 300)),
    *(
        Case(kind, shape)
        for kind in (
            nn.ReLU, nn.Sigmoid, nn.Tanh, nn.LeakyReLU, nn.ELU, nn.SELU, nn.GELU, nn.SiLU, nn.Mish,
            nn.Softplus, nn.Softsign, nn.LogSigmoid, nn.ReLU6, nn.HardSigmoid, nn.HardSwish, nn.Softmax,
            nn.LogSoftmax,
        )
        for shape in ((50,), (3, 4, 5))
    ),
    Case(lambda: nn.LeakyReLU(0.3), (50,)),
    Case(lambda: nn.ELU(0.3), (50,)),
    Case(lambda: nn.GELU(approximate=True), (50,)),
]  # fmt: skip


def lenet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.BatchNorm(6), nn.Tanh(), nn.AvgPool(2),
        nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool(2), nn.Flatten(),
        nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10),
    )  # fmt: skip


def _block(channels: int, filters: int, stride: int) -> nn.Module:
    body = nn.Sequential(
        nn.Conv2d(channels, filters, 3, stride, 1, bias=False), nn.BatchNorm(filters), nn.ReLU(),
        nn.Conv2d(filters, filters, 3, 1, 1, bias=False), nn.BatchNorm(filters),
    )  # fmt: skip
    if stride == 1:
        return nn.Sequential(nn.Residual(body), nn.ReLU())
    around = nn.Sequential(nn.Conv2d(channels, filters, 1, stride, bias=False), nn.BatchNorm(filters))
    return nn.Sequential(nn.Residual(body, around), nn.ReLU())


def resnet() -> nn.Module:
    stem = (nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm(8), nn.ReLU())
    blocks = (_block(8, 8, 1), _block(8, 16, 2), _block(16, 16, 1), _block(16, 32, 2))
    return nn.Sequential(*stem, *blocks, nn.GlobalAvgPool(), nn.Linear(32, 10))


def lstm_classifier() -> nn.Module:
    recurrent = nn.LSTM(12, 16, layers=2, bidirectional=True, outputs="last")
    return nn.Sequential(nn.Embedding(50, 12, padding=0), recurrent, nn.Dropout(0.3), nn.Linear(32, 3))


def transformer() -> nn.Module:
    blocks = [nn.TransformerBlock(16, 4, 32, causal=True, dropout=0.1) for _ in range(3)]
    ends = (nn.LayerNorm(16), nn.TimeLinear(16, 30))
    return nn.Sequential(nn.Embedding(30, 16), nn.LearnedPositions(20, 16), *blocks, *ends)


def with_a_shared_layer() -> nn.Module:
    shared = nn.Linear(6, 6)
    return nn.Sequential(shared, nn.ReLU(), shared, nn.ReLU(), nn.Linear(6, 2))


MODELS = {
    "lenet": Case(lenet, (1, 28, 28)),
    "resnet": Case(resnet, (3, 16, 16)),
    "lstm_classifier": Case(lstm_classifier, (11,), ids=50),
    "transformer": Case(transformer, (12,), ids=30),
    "shared": Case(with_a_shared_layer, (6,)),
}
