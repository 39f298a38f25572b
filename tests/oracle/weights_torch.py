"""The models of weight_cases.py in PyTorch, with random weights and running statistics."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
import torch  # pyright: ignore[reportMissingImports]
from torch import nn  # pyright: ignore[reportMissingImports]


class _Recurrent(nn.Module):
    def __init__(self, kind: Any, **options: Any) -> None:
        super().__init__()
        self.body = kind(3, 4, num_layers=2, bidirectional=True, batch_first=True, **options)
        self.head = nn.Linear(8, 2)

    def forward(self, x: Any) -> Any:
        return self.head(self.body(x)[0])


class _Attention(nn.MultiheadAttention):
    def forward(self, query: Any, *others: Any, **options: Any) -> Any:
        return super().forward(query, query, query, need_weights=False)[0]


class _Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        block = nn.TransformerEncoderLayer(8, 2, 12, 0.0, "gelu", batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(block, 2, enable_nested_tensor=False)

    def forward(self, x: Any) -> Any:
        return self.encoder(x)


class _Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv1d(2, 3, 3, padding=1), nn.BatchNorm1d(3))
        self.shortcut = nn.Conv1d(2, 3, 1)

    def forward(self, x: Any) -> Any:
        return self.body(x) + self.shortcut(x)


_MODELS = {
    "mlp": lambda: nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 8, bias=False), nn.Linear(8, 3)),
    "mlp_by_name": lambda: nn.Sequential(
        OrderedDict(first=nn.Linear(6, 8), activation=nn.Tanh(), second=nn.Linear(8, 3))
    ),
    "lenet": lambda: nn.Sequential(
        nn.Conv2d(1, 4, 5, padding=2, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 3, stride=2, groups=2), nn.BatchNorm2d(6), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(54, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Linear(12, 10),
    ),
    "transposed": lambda: nn.Sequential(
        nn.ConvTranspose2d(4, 6, 3, 2, 1, 1, groups=2), nn.GroupNorm(3, 6)
    ),
    "normalized": lambda: nn.Sequential(
        nn.Embedding(9, 8), nn.LayerNorm([5, 8]), nn.RMSNorm(8, eps=1e-6)
    ),
    "rnn": lambda: _Recurrent(nn.RNN, nonlinearity="relu"),
    "lstm": lambda: _Recurrent(nn.LSTM),
    "gru": lambda: _Recurrent(nn.GRU),
    "attention": lambda: _Attention(8, 2, batch_first=True),
    "transformer": _Encoder,
    "transformer_norm_last": lambda: nn.TransformerEncoderLayer(8, 4, 12, 0.0, batch_first=True),
    "residual": _Residual,
}  # fmt: skip


def run_case(name: str, inputs: np.ndarray, seed: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The state_dict of a model, and its outputs."""
    torch.manual_seed(seed)
    model = _MODELS[name]().eval()
    for key, value in model.state_dict().items():
        if key.endswith("running_var"):
            value.uniform_(0.5, 2)
        elif value.is_floating_point():
            value.normal_(0, 0.5)
    with torch.no_grad():
        outputs = model(torch.from_numpy(inputs)).numpy()
    return {key: value.numpy() for key, value in model.state_dict().items()}, outputs
