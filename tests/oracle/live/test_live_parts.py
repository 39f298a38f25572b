"""What surrounds a gradient, against an installed PyTorch: windows, limits, clipping, averages, scales."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from coverage_table import Kind
from torch.optim.swa_utils import get_ema_avg_fn

from chainrule.core import Tensor, losses, ops, optim

Compared = Callable[..., None]


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("size", [2, 31, 400])
def test_hanns_window_agrees_with_pytorch(size: int, compared: Compared) -> None:
    theirs = torch.hann_window(size, dtype=torch.float64).numpy()
    compared(Kind.OPERATION, "hann", [ops.hann(size).astype(np.float32)], [theirs])


@pytest.mark.parametrize(("shape", "unit"), [((6, 4), 1), ((4, 3, 2, 2), 0)])
def test_limited_norms_agree_with_pytorch(shape: tuple[int, ...], unit: int, compared: Compared) -> None:
    weight = Tensor(numbers(*shape), requires_grad=True)
    theirs = torch.renorm(torch.tensor(weight.numpy()), 2, unit, 2.0)
    losses.limit_norms(weight, 2.0)
    compared(Kind.LOSS, "limit_norms", [weight.numpy()], [theirs.numpy()])


@pytest.mark.parametrize("limit", [0.5, 100.0])
def test_clipping_by_norm_agrees_with_pytorch(limit: float, compared: Compared) -> None:
    gradient, parameter = numbers(50), torch.nn.Parameter(torch.zeros(50))
    parameter.grad = torch.tensor(gradient)
    theirs = torch.nn.utils.clip_grad_norm_([parameter], limit)
    ours = np.array([optim.clip_by_norm(gradient, limit)], np.float32)
    compared(Kind.UPDATE, "clip_by_norm", [gradient, ours], [parameter.grad.numpy(), theirs[None].numpy()])


def test_clipping_by_value_agrees_with_pytorch(compared: Compared) -> None:
    gradient, parameter = numbers(50), torch.nn.Parameter(torch.zeros(50))
    parameter.grad = torch.tensor(gradient)
    torch.nn.utils.clip_grad_value_([parameter], 0.7)
    optim.clip_by_value(gradient, 0.7)
    compared(Kind.UPDATE, "clip_by_value", [gradient], [parameter.grad.numpy()])


def test_the_average_of_weights_agrees_with_pytorch(compared: Compared) -> None:
    weights, average_of = numbers(21, 50), get_ema_avg_fn(0.9)
    ours, theirs, histories = weights[0].copy(), torch.tensor(weights[0]), ([], [])
    for step, parameters in enumerate(weights[1:], start=1):
        optim.MovingAverage(0.9).update(step, parameters, ours, ours)
        theirs = average_of(theirs, torch.tensor(parameters), torch.tensor(step))
        for history, average in zip(histories, (ours.copy(), theirs.numpy()), strict=True):
            history.append(average)
    compared(Kind.UPDATE, "MovingAverage", [np.stack(histories[0])], [np.stack(histories[1])])


def test_the_loss_scale_agrees_with_pytorch(compared: Compared) -> None:
    parameter = torch.nn.Parameter(torch.ones(1))
    optimizer = torch.optim.SGD([parameter], lr=0.0)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0, growth_interval=3)
    scale, ours, theirs = optim.LossScale(1024.0, interval=3), [], []
    for finite in [True] * 7 + [False, True, True, False, False] + [True] * 8:
        optimizer.zero_grad()
        scaler.scale(parameter.sum() * (1.0 if finite else float("inf"))).backward()
        scaler.step(optimizer)
        scaler.update()
        scale = scale.after(finite)
        ours.append(scale.value)
        theirs.append(scaler.get_scale())
    compared(Kind.UPDATE, "LossScale", [np.array(ours, np.float32)], [np.array(theirs)])
