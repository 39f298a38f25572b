"""What a job file says of its optimizer, groups and schedule becomes the core's, in steps."""

from __future__ import annotations

from typing import Any

import pytest

from chainrule.core import nn, optim
from chainrule.core.flat import layout_of
from chainrule.core.optim.groups import rules_by_parameter
from chainrule.worker.layers import build_layers
from chainrule.worker.optimization import Optimization, optimization_of
from chainrule.worker.spec import JobSpec, SpecError, parse_spec
from chainrule.worker.spec.optimizers import OPTIMIZERS
from chainrule.worker.spec.schedules import SCHEDULES

MODEL = [
    {"embedding": {"rows": 5, "units": 4}},
    "flatten",
    {"linear": {"units": 3, "name": "hidden"}},
    {"linear": {"units": 2}},
]


def job(**changes: Any) -> JobSpec:
    described = {"dataset": {"source": "digits"}, "loss": "softmax_cross_entropy", "optimizer": "adam"}
    return parse_spec({**described, "model": MODEL, **changes})


def optimization(steps_per_epoch: int = 10, **changes: Any) -> Optimization:
    spec = job(**changes)
    return optimization_of(spec, model(spec), steps_per_epoch)


def model(spec: JobSpec) -> nn.Module:
    assert isinstance(spec.model, tuple)
    return build_layers(spec.model, (2,)).module


def rates(training: dict[str, Any], steps: list[int], steps_per_epoch: int = 10) -> list[float]:
    schedule = optimization(steps_per_epoch, training={"epochs": 4, **training}).schedule
    return [schedule(step) for step in steps]


def misfits(**changes: Any) -> dict[str, str]:
    with pytest.raises(SpecError) as caught:
        optimization(**changes)
    return {violation.field: violation.message for violation in caught.value.violations}


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_every_optimizer_of_the_job_file_is_one_of_the_core_with_its_defaults(kind: str) -> None:
    rule = optimization(optimizer=kind).rule
    assert type(rule).__name__.lower() == kind
    assert rule == type(rule)()


def test_settings_reach_the_rule() -> None:
    made = optimization(optimizer={"sophia": {"gamma": 0.01, "estimator": "hutchinson"}})
    assert made.rule == optim.Sophia(gamma=0.01)
    assert made.estimator == "hutchinson"


@pytest.mark.parametrize(
    ("training", "steps", "expected"),
    [
        ({}, [1, 40], [1, 1]),
        ({"schedule": "constant"}, [1, 40], [1, 1]),
        ({"schedule": {"step": {"every": 2, "factor": 0.5}}}, [20, 21, 40], [1, 0.5, 0.5]),
        ({"schedule": {"multi_step": {"milestones": [1, 2.5]}}}, [10, 11, 25, 26], [1, 0.1, 0.1, 0.01]),
        ({"schedule": {"exponential": {"factor": 0.5}}}, [1, 11, 31], [1, 0.5, 0.125]),
        ({"schedule": "polynomial"}, [1, 21, 41], [1, 0.5, 0]),
        ({"schedule": {"polynomial": {"epochs": 2, "final": 0.2}}}, [1, 11, 21], [1, 0.6, 0.2]),
        ({"schedule": "cosine"}, [1, 21, 41], [1, 0.5, 0]),
        ({"schedule": "cosine", "warm_up": {"epochs": 2}}, [1, 11, 21, 31, 41], [0, 0.5, 1, 0.5, 0]),
        ({"schedule": {"cosine_restarts": {"first": 1}}}, [1, 6, 11, 16], [1, 0.5, 1, 0.5]),
        ({"schedule": "one_cycle"}, [1, 12, 40], [0.04, 1, 4e-6]),
        ({"schedule": "plateau"}, [1, 40], [1, 1]),
    ],
)
def test_schedules_count_in_epochs(training: dict[str, Any], steps: list[int], expected: list[float]) -> None:
    assert rates(training, steps) == pytest.approx(expected, abs=1e-6)


def test_every_schedule_can_be_built_from_its_defaults() -> None:
    needed = {"step": {"every": 1}, "multi_step": {"milestones": [1]}, "cosine_restarts": {"first": 1}}
    for kind in SCHEDULES:
        assert rates({"schedule": {kind: needed.get(kind, {})}}, [3])[0] > 0


def test_a_schedule_that_has_too_few_steps_is_refused() -> None:
    found = misfits(steps_per_epoch=1, training={"epochs": 1, "schedule": "one_cycle"})
    assert found == {
        "training.schedule.one_cycle": "one-cycle: expected a peak below 1, and more than 1 / peak steps, "
        "so that there is a way up, got a peak of 0.3 and 1 steps"
    }


def test_a_plateau_follows_its_metric_up_or_down() -> None:
    schedule = {"plateau": {"metric": "accuracy", "patience": 2, "factor": 0.5}}
    made = optimization(metrics=["accuracy"], training={"schedule": schedule})
    assert made.plateau == optim.schedules.Plateau(0.5, 2, mode="max")
    assert made.plateau_metric == "accuracy"
    down = optimization(training={"schedule": "plateau"}).plateau
    assert down is not None and down.mode == "min"


def test_float16_scales_its_loss_by_itself_and_others_when_they_are_told_to() -> None:
    assert optimization(training={"precision": "float16"}).loss_scale == optim.LossScale()
    assert optimization(training={"precision": "bfloat16"}).loss_scale is None
    asked = optimization(training={"loss_scale": {"initial": 8, "interval": 5}}).loss_scale
    assert asked == optim.LossScale(8.0, interval=5)


def test_the_first_group_that_matches_a_parameter_decides() -> None:
    groups = [
        {"parameters": "hidden.*", "frozen": True},
        {"parameters": "*.bias", "learning_rate": 0.5, "weight_decay": 0.0},
    ]
    made = optimization(optimizer={"adamw": {"weight_decay": 0.2}}, parameter_groups=groups)
    layout = layout_of(model(job()))
    rules = dict(zip(layout.names, rules_by_parameter(layout, made.rule, made.groups), strict=True))
    assert rules["hidden.weight"] is rules["hidden.bias"] is None
    assert rules["layers.3.bias"] == optim.AdamW(0.5, weight_decay=0.0)
    assert rules["layers.3.weight"] == optim.AdamW(weight_decay=0.2)


def test_muon_leaves_vectors_and_embeddings_to_adamw_and_groups_still_count() -> None:
    groups = [
        {"parameters": "layers.3.*", "learning_rate": 0.5},
        {"parameters": "hidden.bias", "frozen": True},
    ]
    made = optimization(
        optimizer={"muon": {"learning_rate": 0.02, "adamw_learning_rate": 0.003}}, parameter_groups=groups
    )
    layout = layout_of(model(job()))
    rules = dict(zip(layout.names, rules_by_parameter(layout, made.rule, made.groups), strict=True))
    assert rules["layers.0.weight"] == optim.AdamW(0.003, weight_decay=0.1)
    assert rules["hidden.weight"] == optim.Muon(0.02)
    assert rules["hidden.bias"] is None
    assert rules["layers.3.weight"] == optim.Muon(0.5)
    assert rules["layers.3.bias"] == optim.AdamW(0.5, weight_decay=0.1)


def test_patterns_that_match_nothing_are_named_with_the_parameters_that_there_are() -> None:
    found = misfits(
        parameter_groups=[{"parameters": "layer.*"}],
        penalties=[{"l2": {"strength": 1, "parameters": "*.kernel"}}],
    )
    assert set(found) == {"parameter_groups[0].parameters", "penalties[0].l2.parameters"}
    assert found["parameter_groups[0].parameters"].startswith(
        "'layer.*' matches none of layers.0.weight, hidden.weight, hidden.bias, "
    )


def test_a_job_that_freezes_everything_is_refused() -> None:
    found = misfits(parameter_groups=[{"parameters": "*", "frozen": True}])
    assert found == {"parameter_groups": "all parameters are frozen: nothing to train"}


def test_a_job_whose_first_matching_groups_train_something_is_not_all_frozen() -> None:
    groups = [{"parameters": "hidden.*", "learning_rate": 0.1}, {"parameters": "*", "frozen": True}]
    made = optimization(parameter_groups=groups)
    layout = layout_of(model(job()))
    rules = dict(zip(layout.names, rules_by_parameter(layout, made.rule, made.groups), strict=True))
    assert [name for name, rule in rules.items() if rule is not None] == ["hidden.weight", "hidden.bias"]
