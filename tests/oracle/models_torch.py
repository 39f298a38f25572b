"""The models of model_cases.py built and trained by PyTorch.

Run it after a change of them, to write the vectors: python tests/oracle/models_torch.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch  # pyright: ignore[reportMissingImports]
from model_cases import MODEL_CASES, ModelCase, initial
from torch import nn  # pyright: ignore[reportMissingImports]


class _Residual(nn.Module):
    def __init__(self, body: Any, shortcut: Any = None) -> None:
        super().__init__()
        self.body = body
        self.shortcut = nn.Identity() if shortcut is None else shortcut

    def forward(self, x: Any) -> Any:
        return self.body(x) + self.shortcut(x)


class _GlobalAvgPool(nn.Module):
    def forward(self, x: Any) -> Any:
        return x.mean(dim=(2, 3))


class _Recurrent(nn.Module):
    def __init__(self, kind: Any) -> None:
        super().__init__()
        self.body = kind(3, 16, batch_first=True)
        self.head = nn.Linear(16, 4)

    def forward(self, x: Any) -> Any:
        return self.head(self.body(x)[0][:, -1])


class _Positions(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(12, 16))

    def forward(self, x: Any) -> Any:
        return x + self.weight


class _CausalBlock(nn.TransformerEncoderLayer):
    def __init__(self) -> None:
        super().__init__(16, 2, 32, 0.0, "gelu", batch_first=True, norm_first=True)

    def forward(self, src: Any, *others: Any, **options: Any) -> Any:
        return super().forward(src, torch.ones(12, 12, dtype=torch.bool).triu(1))


def _resnet() -> Any:
    def convolution(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> list[Any]:
        layer = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        return [layer, nn.BatchNorm2d(outputs)]

    same = nn.Sequential(*convolution(8, 8), nn.SiLU(), *convolution(8, 8))
    half = nn.Sequential(*convolution(8, 16, stride=2), nn.SiLU(), *convolution(16, 16))
    shortcut = nn.Sequential(*convolution(8, 16, 1, 2))
    return nn.Sequential(
        *convolution(3, 8), nn.SiLU(), _Residual(same), nn.SiLU(), _Residual(half, shortcut), nn.SiLU(),
        _GlobalAvgPool(), nn.Linear(16, 6),
    )  # fmt: skip


_MODELS = {
    "MLP": lambda: nn.Sequential(
        nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 5)
    ),
    "LeNet": lambda: nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 12, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(48, 24), nn.Tanh(), nn.Linear(24, 6),
    ),
    "ResNet": _resnet,
    "GRU": lambda: _Recurrent(nn.GRU),
    "LSTM": lambda: _Recurrent(nn.LSTM),
    "Transformer": lambda: nn.Sequential(
        nn.Embedding(8, 16), _Positions(), _CausalBlock(), _CausalBlock(), nn.Linear(16, 8)
    ),
}  # fmt: skip


def train(name: str, case: ModelCase) -> np.ndarray:
    """(STEPS + 1,): the loss of each step before its update, and that of one more batch in evaluation."""
    torch.set_num_threads(1)  # as ours
    model = _MODELS[name]()
    state = {key: torch.from_numpy(values) for key, values in initial(case)[1].items()}
    left = model.load_state_dict(state, strict=False)
    assert not left.unexpected_keys
    assert all(key.endswith("num_batches_tracked") for key in left.missing_keys)
    optimizer = getattr(torch.optim, case.torch)(model.parameters(), **case.theirs)
    *batches, last = case.batches()
    history = []
    for batch in batches:
        loss = _loss(model, batch)
        optimizer.zero_grad()
        loss.backward()
        if case.clip_norm is not None:
            nn.utils.clip_grad_norm_(model.parameters(), case.clip_norm)
        optimizer.step()
        history.append(loss.item())
    with torch.no_grad():
        history.append(_loss(model.eval(), last).item())
    return np.array(history)


def _loss(model: Any, batch: tuple[np.ndarray, np.ndarray]) -> Any:
    inputs, labels = map(torch.from_numpy, batch)
    return nn.functional.cross_entropy(model(inputs).flatten(0, labels.ndim - 1), labels.flatten())


def main() -> None:
    answers: dict[str, Any] = {"torch_version": np.array(torch.__version__.split("+")[0])}
    answers |= {name: train(name, case).astype(np.float32) for name, case in MODEL_CASES.items()}
    np.savez_compressed(Path(__file__).parent / "vectors" / "models.npz", **answers)
    print(f"PyTorch {torch.__version__}: wrote the losses of {len(MODEL_CASES)} models")


if __name__ == "__main__":
    main()
