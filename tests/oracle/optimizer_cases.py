"""Optimizers and schedules in words that both libraries understand.

A rule takes STEPS steps on a matrix and a vector, with the same gradients on both sides. A schedule gives the
learning rates of RATES steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.core import optim
from chainrule.core.optim import schedules
from chainrule.core.optim.groups import AnyRule, Group

STEPS = 20
RATES = 60
SHAPES = {"weight": (8, 5), "bias": (7,)}


@dataclass(frozen=True)
class RuleCase:
    """A rule and its groups here; the class in torch.optim, its arguments and those of its groups there."""

    rule: AnyRule
    torch: str
    theirs: dict[str, Any] = field(default_factory=dict)
    groups: tuple[Group, ...] = ()
    their_groups: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class ScheduleCase:
    """A schedule here; a function of (torch.optim.lr_scheduler, optimizer) there. The base rate is 0.5."""

    schedule: schedules.Schedule
    theirs: Callable[[Any, Any], Any]


def _adam(beta1: float = 0.8, beta2: float = 0.99) -> dict[str, Any]:
    return {"beta1": beta1, "beta2": beta2, "epsilon": 1e-6, "weight_decay": 0.05, "learning_rate": 0.02}


_TORCH_ADAM = {"betas": (0.8, 0.99), "eps": 1e-6, "weight_decay": 0.05, "lr": 0.02}

RULES: dict[str, RuleCase] = {
    "sgd": RuleCase(optim.SGD(0.1), "SGD", {"lr": 0.1}),
    "momentum": RuleCase(optim.SGD(0.1, momentum=0.9), "SGD", {"lr": 0.1, "momentum": 0.9}),
    "nesterov": RuleCase(
        optim.SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.05),
        "SGD",
        {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.05},
    ),
    "adagrad": RuleCase(optim.AdaGrad(), "Adagrad"),
    "adagrad decay": RuleCase(
        optim.AdaGrad(0.1, epsilon=1e-3, weight_decay=0.05),
        "Adagrad",
        {"lr": 0.1, "eps": 1e-3, "weight_decay": 0.05},
    ),
    "adadelta": RuleCase(optim.AdaDelta(), "Adadelta"),
    "adadelta decay": RuleCase(
        optim.AdaDelta(2.0, rho=0.8, weight_decay=0.05),
        "Adadelta",
        {"lr": 2.0, "rho": 0.8, "weight_decay": 0.05},
    ),
    "rmsprop": RuleCase(optim.RMSProp(), "RMSprop"),
    "rmsprop momentum": RuleCase(
        optim.RMSProp(momentum=0.9, weight_decay=0.05), "RMSprop", {"momentum": 0.9, "weight_decay": 0.05}
    ),
    "rmsprop centered": RuleCase(
        optim.RMSProp(alpha=0.9, centered=True), "RMSprop", {"alpha": 0.9, "centered": True}
    ),
    "rmsprop centered momentum": RuleCase(
        optim.RMSProp(alpha=0.9, centered=True, momentum=0.5),
        "RMSprop",
        {"alpha": 0.9, "centered": True, "momentum": 0.5},
    ),
    "adam": RuleCase(optim.Adam(), "Adam"),
    "adam decay": RuleCase(optim.Adam(**_adam()), "Adam", _TORCH_ADAM),
    "adamw": RuleCase(optim.AdamW(**_adam()), "AdamW", _TORCH_ADAM),
    "amsgrad": RuleCase(optim.AMSGrad(), "Adam", {"amsgrad": True}),
    "amsgrad decay": RuleCase(optim.AMSGrad(**_adam()), "Adam", {"amsgrad": True, **_TORCH_ADAM}),
    "nadam": RuleCase(optim.NAdam(), "NAdam"),
    "nadam decay": RuleCase(optim.NAdam(**_adam()), "NAdam", _TORCH_ADAM),
    "radam": RuleCase(optim.RAdam(), "RAdam"),
    "radam decay": RuleCase(optim.RAdam(**_adam()), "RAdam", _TORCH_ADAM),
    "groups": RuleCase(
        optim.AdamW(**_adam()),
        "AdamW",
        _TORCH_ADAM,
        groups=(Group("bias", learning_rate=0.5, weight_decay=0.0),),
        their_groups={"bias": {"lr": 0.5, "weight_decay": 0.0}},
    ),
    "frozen": RuleCase(
        optim.SGD(0.1, momentum=0.9),
        "SGD",
        {"lr": 0.1, "momentum": 0.9},
        groups=(Group("bias", frozen=True),),
        their_groups={"bias": {"lr": 0.0}},
    ),
}

SCHEDULES: dict[str, ScheduleCase] = {
    "constant": ScheduleCase(schedules.Constant(), lambda s, o: s.ConstantLR(o, 1.0)),
    "step": ScheduleCase(schedules.StepDecay(7, 0.3), lambda s, o: s.StepLR(o, 7, 0.3)),
    "multi-step": ScheduleCase(
        schedules.MultiStep((5, 6, 40), 0.5), lambda s, o: s.MultiStepLR(o, [5, 6, 40], 0.5)
    ),
    "exponential": ScheduleCase(schedules.Exponential(0.97), lambda s, o: s.ExponentialLR(o, 0.97)),
    "polynomial": ScheduleCase(
        schedules.Polynomial(30, power=2.5), lambda s, o: s.PolynomialLR(o, 30, power=2.5)
    ),
    "cosine": ScheduleCase(
        schedules.Cosine(RATES - 1, final=0.1), lambda s, o: s.CosineAnnealingLR(o, RATES - 1, eta_min=0.05)
    ),
    "cosine restarts": ScheduleCase(
        schedules.CosineRestarts(9, final=0.1), lambda s, o: s.CosineAnnealingWarmRestarts(o, 9, eta_min=0.05)
    ),
    "cosine growing restarts": ScheduleCase(
        schedules.CosineRestarts(4, growth=3),
        lambda s, o: s.CosineAnnealingWarmRestarts(o, 4, T_mult=3),
    ),
    "warm-up": ScheduleCase(
        schedules.WarmUp(8, schedules.Exponential(0.9), start=0.2),
        lambda s, o: s.SequentialLR(o, [s.LinearLR(o, 0.2, 1.0, 8), s.ExponentialLR(o, 0.9)], [8]),
    ),
    "one-cycle": ScheduleCase(
        schedules.OneCycle(RATES),
        lambda s, o: s.OneCycleLR(o, max_lr=0.5, total_steps=RATES, cycle_momentum=False),
    ),
}

PLATEAUS: dict[str, tuple[schedules.Plateau, dict[str, Any]]] = {
    "plateau": (schedules.Plateau(0.5, patience=3), {"factor": 0.5, "patience": 3}),
    "plateau of a maximum with rest": (
        schedules.Plateau(0.3, 2, threshold=0.01, relative=False, rest=4, least=0.01, mode="max"),
        {
            "mode": "max",
            "factor": 0.3,
            "patience": 2,
            "threshold": 0.01,
            "threshold_mode": "abs",
            "cooldown": 4,
            "min_lr": 0.005,
        },
    ),
}


def starts() -> dict[str, np.ndarray]:
    """Where the parameters start, float32."""
    rng = np.random.default_rng(7)
    return {name: rng.standard_normal(shape).astype(np.float32) for name, shape in SHAPES.items()}


def gradients(seed: int) -> list[dict[str, np.ndarray]]:
    """The gradients of each step, float32, large and small."""
    rng = np.random.default_rng(seed)
    return [
        {
            name: (rng.standard_normal(shape) * 10.0 ** rng.uniform(-3, 1, shape)).astype(np.float32)
            for name, shape in SHAPES.items()
        }
        for _ in range(STEPS)
    ]


def watched() -> np.ndarray:
    """(RATES,) values as of a loss that falls, stands and falls again, for the plateaus."""
    rng = np.random.default_rng(3)
    return 1 / (1 + np.arange(RATES) // 12) + 0.05 * rng.standard_normal(RATES)
