"""A network learns in half precision what it learns in float32."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from chainrule.core import Tensor, losses, nn, optim
from chainrule.core.nn import ForwardContext


def digits_of_noise(samples: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Images (samples, 1, 8, 8) of ten patterns in noise, and which of them each shows."""
    patterns = np.random.default_rng(0).standard_normal((10, 1, 8, 8))
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 10, samples)
    return (patterns[labels] + 1.2 * rng.standard_normal((samples, 1, 8, 8))).astype(np.float32), labels


@cache
def accuracy(dtype: str) -> float:
    """After two epochs of a small convolutional network, on samples that it has not seen."""
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm(8), nn.ReLU(), nn.MaxPool(2), nn.Flatten(),
        nn.Linear(128, 32), nn.LayerNorm(32), nn.GELU(), nn.Linear(32, 10),
    )  # fmt: skip
    nn.initialize(model, 0)
    nn.cast(model, dtype)
    scale = optim.LossScale(value=2.0**24) if dtype == "float16" else None
    optimizer = optim.FlatOptimizer(optim.Adam(3e-3), model, loss_scale=scale)
    images, labels = digits_of_noise(2048, 1)
    x = Tensor(images).astype(dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        for step in range(128):
            part = slice(step % 64 * 32, step % 64 * 32 + 32)
            logits = model(x[part], ForwardContext(training=True, step=step))
            assert logits.dtype == np.dtype(dtype)
            loss = losses.softmax_cross_entropy(logits, labels[part])
            assert loss.dtype == np.float32
            factor = 1.0 if optimizer.loss_scale is None else optimizer.loss_scale.value
            (loss * factor).backward()
            optimizer.step()
    skipped = 128 - optimizer.steps
    if optimizer.loss_scale is None:
        assert skipped == 0
    else:  # the scale was too large to begin with: each overflow left a step out and halved it
        assert skipped > 0
        assert optimizer.loss_scale.value == 2.0 ** (24 - skipped)
    unseen, expected = digits_of_noise(1000, 2)
    found = model(Tensor(unseen).astype(dtype)).data.astype(np.float32).argmax(axis=1)
    return float((found == expected).mean())


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_a_convolutional_network_reaches_the_accuracy_of_float32(dtype: str) -> None:
    assert accuracy("float32") > 0.9
    assert accuracy(dtype) == pytest.approx(accuracy("float32"), abs=0.02)
