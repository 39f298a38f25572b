"""What is compared with PyTorch, in words that both libraries understand.

A case is a formula over a namespace `f` that holds the same function names on both sides; its value and the
gradients of its weighted sum are compared. An optimizer case is one rule with its arguments on both sides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from coverage_table import PYTORCH

Formula = Callable[..., Any]


@dataclass(frozen=True)
class Case:
    """`formula(f, *inputs)` with float32 inputs of these shapes, uniform in low .. high.

    against: what the other side is.
    """

    formula: Formula
    shapes: tuple[tuple[int, ...], ...]
    low: float = -3.0
    high: float = 3.0
    against: str = PYTORCH

    def inputs(self, seed: int) -> list[np.ndarray]:
        rng = np.random.default_rng(seed)
        return [rng.uniform(self.low, self.high, shape).astype(np.float32) for shape in self.shapes]


@dataclass(frozen=True)
class OptimizerCase:
    """A rule's name and arguments in chainrule, and the same in PyTorch."""

    rule: str
    ours: dict[str, Any]
    torch: str
    theirs: dict[str, Any]


LABELS = np.array([3, 0, 9, 1, 1, 7, 2, 5])
STEPS = 12
"""Optimizer steps compared."""

_ONE = ((8, 10),)
_TWO = ((8, 10), (8, 10))


def _network(f: Any, x: Any, w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
    hidden = f.relu(f.linear(x, w1, b1))
    return f.softmax_cross_entropy(f.linear(hidden, w2, b2), LABELS, "mean")


CASES: dict[str, Case] = {
    "add": Case(lambda f, a, b: a + b, ((8, 10), (10,))),
    "subtract": Case(lambda f, a, b: a - b, ((8, 1), (8, 10))),
    "multiply": Case(lambda f, a, b: a * b, ((8, 10), (8, 1))),
    "divide": Case(lambda f, a, b: a / b, _TWO, low=0.5),
    "negative": Case(lambda f, a: -a, _ONE),
    "power": Case(lambda f, a, b: a**b, _TWO, low=0.5),
    "power_of_a_number": Case(lambda f, a: a**2, _ONE),
    "exp": Case(lambda f, a: f.exp(a), _ONE),
    "log": Case(lambda f, a: f.log(a), _ONE, low=0.1),
    "sqrt": Case(lambda f, a: f.sqrt(a), _ONE, low=0.1),
    "absolute": Case(lambda f, a: f.absolute(a), _ONE),
    "maximum": Case(lambda f, a, b: f.maximum(a, b), _TWO),
    "maximum_of_equals": Case(lambda f, a: f.maximum(a, a), _ONE),
    "matmul": Case(lambda f, a, b: a @ b, ((8, 10), (10, 6))),
    "matmul_stack": Case(lambda f, a, b: a @ b, ((3, 8, 10), (10, 6))),
    "linear": Case(lambda f, x, w, b: f.linear(x, w, b), ((8, 10), (10, 6), (6,))),
    "sum": Case(lambda f, a: f.sum(a, axis=0), _ONE),
    "mean": Case(lambda f, a: f.mean(a, axis=1), _ONE),
    "max": Case(lambda f, a: f.max(a, axis=1), _ONE),
    "max_of_equals": Case(lambda f, a: f.max(f.relu(a), axis=1), _ONE, low=-3, high=0),
    "reshape": Case(lambda f, a: f.reshape(a, (5, 16)), _ONE),
    "transpose": Case(lambda f, a: f.transpose(a, (2, 0, 1)), ((2, 3, 4),)),
    "broadcast_to": Case(lambda f, a: f.broadcast_to(a, (4, 8, 10)), ((8, 1),)),
    "getitem_slice": Case(lambda f, a: a[1:, ::2], _ONE),
    "getitem_repeated": Case(lambda f, a: a[LABELS % 3], _ONE),
    "relu": Case(lambda f, a: f.relu(a), _ONE),
    "sigmoid": Case(lambda f, a: f.sigmoid(a), _ONE, low=-12, high=12),
    "tanh": Case(lambda f, a: f.tanh(a), _ONE),
    "softplus": Case(lambda f, a: f.softplus(a), _ONE, low=-12, high=12),
    "softmax": Case(lambda f, a: f.softmax(a), _ONE, low=-1, high=1),
    "log_softmax": Case(lambda f, a: f.log_softmax(a), _ONE),
    "logsumexp": Case(lambda f, a: f.logsumexp(a), _ONE),
    "cross_entropy_mean": Case(lambda f, a: f.softmax_cross_entropy(a, LABELS, "mean"), _ONE),
    "cross_entropy_sum": Case(lambda f, a: f.softmax_cross_entropy(a, LABELS, "sum"), _ONE),
    "squared_error_mean": Case(lambda f, a, b: f.squared_error(a, b, "mean"), _TWO),
    "network": Case(_network, ((8, 12), (12, 16), (16,), (16, 10), (10,)), low=-1, high=1),
}

_ADAM = {"beta1": 0.8, "beta2": 0.99, "epsilon": 1e-6}
_TORCH_ADAM = {"betas": (0.8, 0.99), "eps": 1e-6}

OPTIMIZERS: dict[str, OptimizerCase] = {
    "sgd": OptimizerCase("SGD", {"learning_rate": 0.1}, "SGD", {"lr": 0.1}),
    "sgd_momentum": OptimizerCase(
        "SGD", {"learning_rate": 0.1, "momentum": 0.9}, "SGD", {"lr": 0.1, "momentum": 0.9}
    ),
    "sgd_nesterov_decay": OptimizerCase(
        "SGD",
        {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.05},
        "SGD",
        {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.05},
    ),
    "adam": OptimizerCase("Adam", {}, "Adam", {}),
    "adam_decay": OptimizerCase(
        "Adam",
        {"learning_rate": 0.02, "weight_decay": 0.05, **_ADAM},
        "Adam",
        {"lr": 0.02, "weight_decay": 0.05, **_TORCH_ADAM},
    ),
    "adamw": OptimizerCase("AdamW", {"learning_rate": 0.02}, "AdamW", {"lr": 0.02}),
}


def output_weights(shape: tuple[int, ...]) -> np.ndarray:
    """The cotangent that a case's gradients start from."""
    return np.random.default_rng(1).uniform(0.5, 1.5, shape).astype(np.float32)


def gradients_of_steps(seed: int) -> np.ndarray:
    """(STEPS, 40) gradients, large and small, for the optimizers."""
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((STEPS, 40)) * np.logspace(-4, 1, 40)).astype(np.float32)
