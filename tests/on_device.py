"""The same computation on the host and on another device: how far apart the two may be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.core import Tensor, grad, losses, nn, optim
from chainrule.core.array import FLOATS, limits, to_device, to_numpy
from chainrule.core.optim.groups import AnyRule, Group

DTYPES = tuple(FLOATS)
_CLASSES: tuple[type[AnyRule], ...] = (
    optim.SGD, optim.AdaGrad, optim.AdaDelta, optim.RMSProp, optim.Adam, optim.AdamW, optim.AMSGrad,
    optim.NAdam, optim.RAdam, optim.Lion, optim.LAMB, optim.Sophia, optim.Muon,
)  # fmt: skip
RULES: dict[str, AnyRule] = {
    **{rule.__name__: rule() for rule in _CLASSES},
    "SGD with Nesterov momentum": optim.SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
    "RMSProp, centered": optim.RMSProp(momentum=0.5, centered=True),
}


def moved(model: nn.Module, device: str) -> nn.Module:
    """The model, its parameters and buffers on `device`."""
    for tensor in [*model.parameters().values(), *nn.buffers(model).values()]:
        tensor.data = to_device(tensor.data, device)
    return model


def value_and_gradients(function: Callable[..., Any], arrays: Sequence[np.ndarray], device: str) -> list[Any]:
    """The value and the gradients of a weighted sum of it, as arrays of `device`."""
    tensors = [Tensor(to_device(array, device), requires_grad=True) for array in arrays]
    y = function(*tensors)
    seed = np.random.default_rng(1).uniform(0.5, 1.5, y.shape).astype(y.dtype)
    gradients = grad(y, tensors, seed=Tensor(to_device(seed, device)))
    return [y.data, *(gradient.data for gradient in gradients)]


def check_case(function: Callable[..., Any], arrays: Sequence[np.ndarray], dtype: str, device: str) -> None:
    """Value and gradients are on `device`, in dtype and, to a few roundings, in value those of the host."""
    stored = [array.astype(dtype) for array in arrays]
    on_host = value_and_gradients(function, stored, "cpu")
    there = value_and_gradients(function, stored, device)
    compare(there, on_host, limits(np.dtype(dtype)), device)


def compare(there: Sequence[Any], on_host: Sequence[np.ndarray], known: Any, device: str) -> None:
    overall = max((np.abs(array.astype(np.float64)).max(initial=0) for array in on_host), default=0)
    for actual, expected in zip(there, on_host, strict=True):
        assert Tensor(actual).device == device
        assert actual.dtype == expected.dtype
        assert actual.shape == expected.shape
        exact = expected.astype(np.float64)
        scale = max(np.abs(exact).max(initial=0), 0.01 * overall)
        error = np.abs(to_numpy(actual).astype(np.float64) - exact).max(initial=0)
        assert error <= 64 * float(known.eps) * scale + float(known.smallest_normal)


def five_steps(rule: AnyRule, dtype: str, device: str) -> list[Any]:
    """The parameters, as stored and as updated, after five steps of a model with the same gradients."""
    model = nn.Linear(5, 3)
    nn.initialize(model, 1)
    nn.cast(model, dtype)
    vectors = (Group("bias", rule=optim.AdamW()),) if isinstance(rule, optim.Muon) else ()
    average = optim.MovingAverage(0.9)
    optimizer = optim.FlatOptimizer(
        rule, moved(model, device), vectors, clip_value=1.5, clip_norm=3.0, average=average
    )
    rng = np.random.default_rng(2)
    for _ in range(5):
        estimates = []
        for parameter in model.parameters().values():
            gradient = rng.standard_normal(parameter.shape).astype(dtype)
            parameter.grad = Tensor(to_device(gradient, device))
            estimates.append(to_device(np.abs(gradient).astype(optimizer.parameters.dtype), device))
        if isinstance(rule, optim.Sophia):
            optimizer.observe_curvature(estimates)
        optimizer.step()
    return [optimizer.parameters, optimizer.averaged, *(p.data for p in model.parameters().values())]


def check_optimizer(rule: AnyRule, dtype: str, device: str) -> None:
    there, on_host = five_steps(rule, dtype, device), five_steps(rule, dtype, "cpu")
    compare(there, on_host, limits(np.dtype(dtype)), device)


def trained(device: str, steps: int = 40) -> list[float]:
    """The losses of a small convolutional network that learns which of four patterns it is shown."""
    rng = np.random.default_rng(0)
    patterns = rng.standard_normal((4, 1, 8, 8))
    labels = rng.integers(0, 4, 64)
    images = (patterns[labels] + 0.5 * rng.standard_normal((64, 1, 8, 8))).astype(np.float32)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm(4), nn.ReLU(), nn.MaxPool(2), nn.Flatten(),
        nn.Dropout(0.1), nn.Linear(64, 4),
    )  # fmt: skip
    nn.initialize(model, 0)
    optimizer = optim.FlatOptimizer(optim.Adam(1e-2), moved(model, device))
    x, targets = Tensor(to_device(images, device)), to_device(labels, device)
    seen = []
    for step in range(steps):
        loss = losses.softmax_cross_entropy(model(x, nn.ForwardContext(training=True, step=step)), targets)
        loss.backward()
        optimizer.step()
        seen.append(loss.item())
    return seen
