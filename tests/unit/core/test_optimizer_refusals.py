"""What optimizers and schedules say of settings that cannot work, each message in full."""
# pyright: reportArgumentType=false, reportCallIssue=false, reportOperatorIssue=false

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from chainrule.core import ChainruleError, nn, optim
from chainrule.core.optim import schedules

NAN = float("nan")
REFUSALS: list[tuple[Callable[[], object], str]] = [
    (lambda: optim.SGD(-1), "sgd: expected learning_rate finite and above 0, got -1"),
    (lambda: optim.SGD(NAN), "sgd: expected learning_rate finite and above 0, got nan"),
    (lambda: optim.SGD("a"), "sgd: expected learning_rate finite and above 0, got 'a'"),
    (lambda: optim.SGD(0.1, momentum=-1), "sgd: expected momentum finite and at least 0, got -1"),
    (
        lambda: optim.SGD(0.1, nesterov=True),
        "sgd: nesterov needs a momentum above 0, got 0; set momentum, or nesterov false",
    ),
    (lambda: optim.SGD(0.1, weight_decay=-1), "sgd: expected weight_decay finite and at least 0, got -1"),
    (lambda: optim.Adam(beta1=1), "adam: expected beta1 at least 0 and below 1, got 1"),
    (lambda: optim.Adam(beta2=1.5), "adam: expected beta2 at least 0 and below 1, got 1.5"),
    (lambda: optim.Adam(epsilon=-1), "adam: expected epsilon finite and at least 0, got -1"),
    (lambda: optim.AdamW(weight_decay=NAN), "adamw: expected weight_decay finite and at least 0, got nan"),
    (lambda: optim.NAdam(momentum_decay=-1), "nadam: expected momentum_decay finite and at least 0, got -1"),
    (lambda: optim.AdaGrad(epsilon=-1), "adagrad: expected epsilon finite and at least 0, got -1"),
    (lambda: optim.AdaDelta(rho=2), "adadelta: expected rho at least 0 and below 1, got 2"),
    (lambda: optim.RMSProp(alpha=1), "rmsprop: expected alpha at least 0 and below 1, got 1"),
    (lambda: optim.RMSProp(momentum=NAN), "rmsprop: expected momentum finite and at least 0, got nan"),
    (lambda: optim.LAMB(beta1=-1), "lamb: expected beta1 at least 0 and below 1, got -1"),
    (lambda: optim.Lion(beta2=1), "lion: expected beta2 at least 0 and below 1, got 1"),
    (lambda: optim.Sophia(gamma=0), "sophia: expected gamma finite and above 0, got 0"),
    (lambda: optim.Sophia(interval=0), "sophia: expected interval a whole number of at least 1, got 0"),
    (lambda: optim.Sophia(interval=1.5), "sophia: expected interval a whole number of at least 1, got 1.5"),
    (lambda: optim.Muon(iterations=0), "muon: expected iterations a whole number of at least 1, got 0"),
    (lambda: optim.Muon(iterations=2.5), "muon: expected iterations a whole number of at least 1, got 2.5"),
    (
        lambda: optim.FlatOptimizer(optim.Muon(), nn.Linear(2, 2)),
        (
            "muon, parameter bias: expected a matrix, got shape (2,). Give vectors another rule by a "
            "group, such as Group('*.bias', rule=AdamW())"
        ),
    ),
    (
        lambda: optim.FlatOptimizer(optim.SGD(), nn.Tanh()),
        "FlatOptimizer: expected a model with parameters, got Tanh",
    ),
    (
        lambda: optim.FlatOptimizer(optim.SGD(), nn.Linear(2, 2), groups=[optim.Group("foo")]),
        "group 'foo': expected a pattern that matches a parameter, and none of weight, bias does",
    ),
    (
        lambda: optim.FlatOptimizer(
            optim.SGD(), nn.Linear(2, 2), groups=[optim.Group("weight", learning_rate=-1)]
        ),
        "sgd: expected learning_rate finite and above 0, got -1",
    ),
    (
        lambda: optim.FlatOptimizer(optim.SGD(), nn.Linear(2, 2)).restore({}),
        "restore, argument saved: expected {'parameters': (32,), 'steps': ()}, got {}",
    ),
    (lambda: optim.clip_by_norm(np.ones(3), 0), "clip_by_norm: expected limit above 0, got 0"),
    (lambda: optim.clip_by_value(np.ones(3), NAN), "clip_by_value: expected limit above 0, got nan"),
    (lambda: optim.MovingAverage(1), "moving average: expected decay at least 0 and below 1, got 1"),
    (lambda: optim.LossScale(0), "loss scale: expected value finite and above 0, got 0"),
    (lambda: optim.LossScale(growth=0.5), "loss scale: expected growth finite and at least 1, got 0.5"),
    (lambda: optim.LossScale(backoff=2), "loss scale: expected backoff above 0 and below 1, got 2"),
    (lambda: optim.LossScale(minimum=0), "loss scale: expected minimum finite and above 0, got 0"),
    (lambda: schedules.Constant(NAN), "constant: expected factor finite and at least 0, got nan"),
    (lambda: schedules.Constant(-1), "constant: expected factor finite and at least 0, got -1"),
    (lambda: schedules.StepDecay(0), "step decay: expected every a whole number of at least 1, got 0"),
    (lambda: schedules.StepDecay(2.5), "step decay: expected every a whole number of at least 1, got 2.5"),
    (lambda: schedules.StepDecay(2, -1), "step decay: expected factor finite and at least 0, got -1"),
    (lambda: schedules.StepDecay(2, NAN), "step decay: expected factor finite and at least 0, got nan"),
    (lambda: schedules.MultiStep((1,), NAN), "multistep: expected factor finite and at least 0, got nan"),
    (lambda: schedules.Exponential(-1), "exponential: expected factor finite and at least 0, got -1"),
    (lambda: schedules.Exponential(NAN), "exponential: expected factor finite and at least 0, got nan"),
    (lambda: schedules.Polynomial(0), "polynomial: expected steps a whole number of at least 1, got 0"),
    (lambda: schedules.Polynomial(5, power=-1), "polynomial: expected power finite and at least 0, got -1"),
    (lambda: schedules.Polynomial(5, final=-1), "polynomial: expected final finite and at least 0, got -1"),
    (lambda: schedules.Cosine(0), "cosine: expected steps a whole number of at least 1, got 0"),
    (lambda: schedules.Cosine(5, final=NAN), "cosine: expected final finite and at least 0, got nan"),
    (
        lambda: schedules.CosineRestarts(0),
        "cosine restarts: expected first a whole number of at least 1, got 0",
    ),
    (
        lambda: schedules.CosineRestarts(5, growth=0),
        "cosine restarts: expected growth a whole number of at least 1, got 0",
    ),
    (
        lambda: schedules.CosineRestarts(5, growth=1.5),
        "cosine restarts: expected growth a whole number of at least 1, got 1.5",
    ),
    (lambda: schedules.WarmUp(0), "warm-up: expected steps a whole number of at least 1, got 0"),
    (lambda: schedules.WarmUp(5, start=-1), "warm-up: expected start finite and at least 0, got -1"),
    (
        lambda: schedules.OneCycle(5, peak=2),
        (
            "one-cycle: expected a peak below 1, and more than 1 / peak steps, so that there is a way up, "
            "got a peak of 2 and 5 steps"
        ),
    ),
    (lambda: schedules.OneCycle(5, final=-1), "one-cycle: expected final finite and at least 0, got -1"),
    (lambda: schedules.Plateau(factor=2), "plateau: expected factor above 0 and below 1, got 2"),
    (lambda: schedules.Plateau(patience=-1), "plateau: expected patience finite and at least 0, got -1"),
    (lambda: schedules.Plateau(mode="x"), "plateau: expected mode min or max, got 'x'"),
    (lambda: schedules.Plateau(threshold=NAN), "plateau: expected threshold finite and at least 0, got nan"),
    (lambda: schedules.Plateau(least=-1), "plateau: expected least finite and at least 0, got -1"),
]


@pytest.mark.parametrize(("call", "message"), REFUSALS, ids=[message for _, message in REFUSALS])
def test_the_message_says_where_what_was_expected_and_what_came(
    call: Callable[[], object], message: str
) -> None:
    with pytest.raises(ChainruleError) as caught:
        call()
    assert str(caught.value) == message
