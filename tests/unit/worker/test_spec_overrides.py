"""Overrides: single fields of a job set by their paths, as `--set training.epochs=40` does."""

from __future__ import annotations

from typing import Any

import pytest

from chainrule.worker.spec import JobSpec, SpecError, parse_spec


def with_model(model: list[Any]) -> JobSpec:
    data = {"dataset": {"source": "digits"}, "model": model, "loss": "softmax_cross_entropy"}
    return parse_spec({**data, "optimizer": "adam"})


JOB = with_model([{"linear": {"units": 16}}, "relu", {"linear": {"units": 10}}])


def test_overrides_set_single_fields() -> None:
    spec = JOB.with_overrides(
        [
            "training.epochs=40",
            "model[0].linear.units=32",
            "name=second",
            "training.early_stopping.patience=7",
            "training.schedule=cosine",
            "training.warm_up.epochs=0.5",
        ]
    )
    assert spec.training.epochs == 40
    assert spec.training.plain()["schedule"] == {"cosine": {"final": 0.0}}
    assert spec.training.plain()["warm_up"] == {"epochs": 0.5, "start": 0.0}
    assert spec.model_dump_job()["model"][0]["linear"]["units"] == 32
    assert spec.name == "second"
    assert spec.training.early_stopping is not None
    assert spec.training.early_stopping.patience == 7


def test_another_loss_schedule_or_initializer_replaces_the_one_there_too() -> None:
    first = ["training.schedule=cosine", "loss.softmax_cross_entropy.label_smoothing=0.1"]
    first += ["model[0].linear.initializer=zeros"]
    second = ["training.schedule.step.every=2", "loss.multiclass_hinge.margin=2"]
    second += ["model[0].linear.initializer.normal.deviation=3"]
    dumped = JOB.with_overrides(first).with_overrides(second).model_dump_job()
    assert dumped["training"]["schedule"] == {"step": {"every": 2.0, "factor": 0.1}}
    assert dumped["loss"] == {"multiclass_hinge": {"margin": 2.0, "power": 1}}
    assert dumped["model"][0]["linear"]["initializer"] == {"normal": {"deviation": 3.0}}


@pytest.mark.parametrize(
    ("assignments", "kind", "rate"),
    [
        (["optimizer.adam.learning_rate=1e-2"], "adam", 1e-2),
        (["optimizer.sgd.learning_rate=0.5"], "sgd", 0.5),
        (["optimizer=sgd", "optimizer.sgd.learning_rate=0.5"], "sgd", 0.5),
        (["optimizer={adamw: {learning_rate: 0.25}}"], "adamw", 0.25),
    ],
)
def test_overriding_another_optimizer_replaces_the_one_there(
    assignments: list[str], kind: str, rate: float
) -> None:
    dumped = JOB.with_overrides(assignments).model_dump_job()["optimizer"]
    assert list(dumped) == [kind]
    assert dumped[kind]["learning_rate"] == rate


def test_overriding_another_loss_schedule_or_initializer_replaces_the_one_there() -> None:
    first = ["loss=squared_error", "training.schedule=cosine", "model[0].linear.initializer=orthogonal"]
    second = [
        "loss.huber.delta=0.5",
        "training.schedule.step.every=5",
        "model[0].linear.initializer.normal.deviation=1",
    ]
    dumped = JOB.with_overrides(["metrics=[]", *first]).with_overrides(second).model_dump_job()
    assert dumped["loss"] == {"huber": {"delta": 0.5}}
    assert dumped["training"]["schedule"] == {"step": {"every": 5, "factor": 0.1}}
    assert dumped["model"][0]["linear"]["initializer"] == {"normal": {"deviation": 1}}


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("training.epochs", "expected field=value, for example training.epochs=40"),
        ("=3", "expected field=value"),
        ("training..epochs=3", "expected field=value"),
        ("model[9].linear.units=3", "there is no position [9]: the list has 3 entries"),
        ("model.linear.units=3", "write list positions as model[0]"),
        ("training.epochs={", "not valid YAML"),
        ("training.epoch=3", "unknown key 'epoch'; did you mean 'epochs'?"),
    ],
)
def test_an_override_that_cannot_be_used_is_explained(assignment: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        JOB.with_overrides([assignment])
    assert message in str(caught.value)


def test_overrides_reach_into_layers_inside_layers() -> None:
    model = [
        {"residual": {"body": ["relu", {"conv2d": {"filters": 4, "kernel": 3}}]}},
        {"parallel": {"branches": [["relu"], [{"linear": {"units": 2}}]]}},
    ]
    spec = with_model(model).with_overrides(
        [
            "model[0].residual.body[1].conv2d.kernel=[3, 5]",
            "model[0].residual.body[1].conv2d.initializer=orthogonal",
            "model[0].residual.body[0]=tanh",
            "model[1].parallel.branches[1][0].linear.units=7",
        ]
    )
    residual, parallel = spec.model_dump_job()["model"]
    assert residual["residual"]["body"][0] == {"tanh": {}}
    assert residual["residual"]["body"][1]["conv2d"]["kernel"] == [3, 5]
    assert residual["residual"]["body"][1]["conv2d"]["initializer"] == {"orthogonal": {"gain": 1.0}}
    assert parallel["parallel"]["branches"][1][0]["linear"]["units"] == 7


def test_an_override_of_a_layer_that_is_not_there_names_the_length_of_the_list() -> None:
    spec = with_model([{"residual": {"body": ["relu"]}}])
    with pytest.raises(SpecError, match=r"there is no position \[4\]: the list has 1 entries"):
        spec.with_overrides(["model[0].residual.body[4]=tanh"])
