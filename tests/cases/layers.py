"""Cases of every layer: the layer, and the shape of a batch for it."""

from __future__ import annotations

import numpy as np

from chainrule.core import nn

from .substitution import parameters_of

IMAGES, LINES, ROWS = (2, 4, 4, 3), (2, 4, 5), (3, 4)
LAYERS: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "Linear": (nn.Linear(4, 2), ROWS),
    "Linear without bias": (nn.Linear(4, 2, bias=False), ROWS),
    "ReLU": (nn.ReLU(), ROWS),
    "Sigmoid": (nn.Sigmoid(), ROWS),
    "Tanh": (nn.Tanh(), ROWS),
    "Flatten": (nn.Flatten(), (3, 2, 2)),
    "Dropout": (nn.Dropout(0.4), ROWS),
    "Sequential": (nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2)), (3, 2, 2)),
    "Conv1d": (nn.Conv1d(4, 2, 3, stride=2, padding=1), LINES),
    "Conv2d": (nn.Conv2d(4, 2, (3, 2), padding=(1, 0), groups=2), IMAGES),
    "Conv2d without bias": (nn.Conv2d(4, 2, 2, dilation=2, bias=False), IMAGES),
    "ConvTranspose2d": (nn.ConvTranspose2d(4, 2, 2, stride=2, groups=2, output_padding=1), (1, 4, 2, 2)),
    "MaxPool": (nn.MaxPool(2, 1), IMAGES),
    "AvgPool": (nn.AvgPool(3, 2, padding=1, count_padding=False), LINES),
    "GlobalAvgPool": (nn.GlobalAvgPool(), IMAGES),
    "GlobalMaxPool": (nn.GlobalMaxPool(), IMAGES),
    "AdaptiveAvgPool": (nn.AdaptiveAvgPool((2, 1)), IMAGES),
    "AdaptiveMaxPool": (nn.AdaptiveMaxPool(2), LINES),
    "LayerNorm": (nn.LayerNorm(4), ROWS),
    "LayerNorm over two axes": (nn.LayerNorm((4, 3)), IMAGES),
    "RMSNorm": (nn.RMSNorm(4), ROWS),
    "GroupNorm": (nn.GroupNorm(2, 4), LINES),
    "BatchNorm": (nn.BatchNorm(4), ROWS),
    "BatchNorm of images": (nn.BatchNorm(4), IMAGES),
    "SparseLinear": (nn.SparseLinear(4, 3, density=0.5), ROWS),
    "SparseLinear without bias": (nn.SparseLinear(4, 3, bias=False, mask=np.eye(4, 3)), ROWS),
    "Residual": (nn.Residual(nn.Linear(4, 4)), ROWS),
    "Residual with a shortcut": (nn.Residual(nn.Linear(4, 2), nn.Linear(4, 2, bias=False)), ROWS),
    "Parallel": (nn.Parallel(nn.Linear(4, 2), nn.Tanh()), ROWS),
    "Parallel, added": (nn.Parallel(nn.Linear(4, 2), nn.Linear(4, 2), combine="sum"), ROWS),
    "Reshape": (nn.Reshape(2, 2), ROWS),
    "Permute": (nn.Permute(2, 0, 1), IMAGES),
    "LearnedPositions": (nn.LearnedPositions(6, 5), LINES),
    "SinusoidalPositions": (nn.SinusoidalPositions(6, 5), LINES),
    "Spectrogram": (nn.Spectrogram(4, 2, log=True), (2, 9)),
    "MelSpectrogram": (nn.MelSpectrogram(3, 8, 4, 8000.0), (2, 1, 13)),
    "GELU by a tanh": (nn.GELU(approximate=True), ROWS),
    **{
        type(layer).__name__: (layer, ROWS)
        for layer in (
            nn.LeakyReLU(0.2), nn.ELU(1.5), nn.SELU(), nn.GELU(), nn.SiLU(), nn.Mish(), nn.Softplus(),
            nn.Softsign(), nn.LogSigmoid(), nn.ReLU6(), nn.HardSigmoid(), nn.HardSwish(),
            nn.Softmax(), nn.LogSoftmax(),
        )
    },
}  # fmt: skip


SEQUENCES = (2, 3, 2)
LENGTHS = np.array([3, 1])
SEQUENCE_LAYERS: dict[str, nn.Module] = {
    "RNN": nn.RNN(2, 2),
    "RNN by relu": nn.RNN(2, 2, activation="relu"),
    "LSTM": nn.LSTM(2, 2),
    "GRU": nn.GRU(2, 2),
    "deep GRU": nn.GRU(2, 1, layers=2, bidirectional=True),
    "last of an LSTM": nn.LSTM(2, 2, bidirectional=True, outputs="last"),
    "MultiHeadAttention": nn.MultiHeadAttention(2, 2),
    "causal MultiHeadAttention": nn.MultiHeadAttention(2, 1, causal=True),
    "MultiHeadAttention with dropout": nn.MultiHeadAttention(2, 2, dropout=0.4),
    "TransformerBlock": nn.TransformerBlock(2, 1, 3, dropout=0.3),
    "TransformerBlock, norm last": nn.TransformerBlock(2, 1, 3, norm_first=False, activation=nn.SiLU()),
    "TimeLinear": nn.TimeLinear(2, 3),
}


def values_of(layer: nn.Module) -> list[np.ndarray]:
    """Not the smallest: relu of what is near 0 would cross its kink."""
    return [0.6 * values + 0.05 for values in parameters_of(layer)]
