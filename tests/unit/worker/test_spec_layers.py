"""The layers of a job file: written inside each other, named, repeated, shared, and started as wanted."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from chainrule.worker.spec import JobSpec, PythonModelSpec, SpecError, parse_spec
from chainrule.worker.spec.layers import PLAIN_ACTIVATIONS


def parsed(model: Any) -> JobSpec:
    return parse_spec({"dataset": {"source": "digits"}, "model": model, "loss": "ctc", "optimizer": "adam"})


def problems(model: Any) -> dict[str, str]:
    """Field -> message of all that is wrong with a model."""
    with pytest.raises(SpecError) as caught:
        parsed(model)
    return {violation.field: violation.message for violation in caught.value.violations}


def test_layers_stand_inside_layers_and_the_canonical_form_writes_their_defaults_out() -> None:
    model = [
        {"residual": {"body": ["relu", {"conv2d": {"filters": 4, "kernel": [3, 5], "padding": "same"}}]}},
        {"parallel": {"branches": [["tanh"], ["relu", "sigmoid"]]}},
    ]
    spec = parsed(model)
    residual, parallel = spec.model_dump_job()["model"]
    assert residual["residual"]["shortcut"] == []
    assert residual["residual"]["body"][1]["conv2d"] == {
        "filters": 4,
        "kernel": [3, 5],
        "stride": 1,
        "padding": "same",
        "dilation": 1,
        "groups": 1,
        "bias": True,
    }
    assert parallel["parallel"]["combine"] == "concatenate"
    assert parallel["parallel"]["branches"] == [[{"tanh": {}}], [{"relu": {}}, {"sigmoid": {}}]]
    assert parse_spec(spec.model_dump_job()) == spec


def test_a_layer_may_have_a_name_be_repeated_and_be_used_again() -> None:
    named = {"linear": {"units": 8, "name": "head", "repeat": 2, "initializer": "orthogonal"}}
    spec = parsed([named, {"shared": {"layer": "head"}}])
    linear, shared = spec.model_dump_job()["model"]
    assert linear["linear"]["initializer"] == {"orthogonal": {"gain": 1.0}}
    assert (linear["linear"]["name"], linear["linear"]["repeat"]) == ("head", 2)
    assert shared == {"shared": {"layer": "head"}}


CONVOLUTION = "a whole number, 1 or more, or one for each axis as in [3, 5], got "
PADDING = "expected a whole number, 0 or more, one for each axis as in [3, 5], or same, got "


@pytest.mark.parametrize(
    ("model", "field", "message"),
    [
        (
            ["relu", "relu", {"residual": {"body": ["relu", {"conv2d": {"filters": 4, "kernel": 0}}]}}],
            "model[2].residual.body[1].conv2d.kernel",
            f"expected {CONVOLUTION}0",
        ),
        (
            [{"parallel": {"branches": [["relu"], ["relu", "tahn"]]}}],
            "model[0].parallel.branches[1][1]",
            "unknown layer 'tahn'; did you mean 'tanh'?",
        ),
        (
            [{"sequential": {"layers": [{"residual": {"body": ["relu"], "shortcut": [{"linear": {}}]}}]}}],
            "model[0].sequential.layers[0].residual.shortcut[0].linear.units",
            "required key is missing: expected a whole number, 1 or more",
        ),
        (
            [{"sequential": {"layers": [{"linear": {"unit": 1, "units": 1}}]}}],
            "model[0].sequential.layers[0].linear.unit",
            "unknown key 'unit'; did you mean 'units'?",
        ),
        ([{"sequential": {"layers": []}}], "model[0].sequential.layers", "at least one layer, got []"),
        ([{"parallel": {"branches": []}}], "model[0].parallel.branches", "a list of branches, each a list"),
        ([{"parallel": {"branches": [[]]}}], "model[0].parallel.branches[0]", "got []"),
        (
            [{"residual": ["relu"]}],
            "model[0].residual",
            "expected keys and values (known keys: body, shortcut, name, repeat), got ['relu']",
        ),
        (
            [{"sequential": {"layers": ["relu"] * 100_000}}],
            "model[0].sequential.layers",
            "with at most 1,000 items, got 100,000 of them",
        ),
        ([{"relu": {"name": "3rd"}}], "model[0].relu.name", ""),
        ([{"relu": {"name": "a.b"}}], "model[0].relu.name", ""),
        ([{"relu": {"repeat": 0}}], "model[0].relu.repeat", ""),
        ([{"relu": {"initializer": "zeros"}}], "model[0].relu.initializer", "unknown key 'initializer'"),
        ([{"shared": {"layer": "a", "repeat": 2}}], "model[0].shared.repeat", "unknown key 'repeat'"),
        (["shared"], "model[0].shared.layer", "required key is missing: expected 1 to 63 letters"),
        (
            [{"linear": {"units": 1, "initializer": "ortogonal"}}],
            "model[0].linear.initializer",
            "unknown initializer 'ortogonal'; did you mean 'orthogonal'? (known: zeros, ones, uniform, ",
        ),
        (
            [{"linear": {"units": 1, "initializer": {"normal": {"deviation": 0}}}}],
            "model[0].linear.initializer.normal.deviation",
            "expected a finite number greater than 0, got 0",
        ),
        (
            [{"residual": {"body": [{"gru": {"units": 1, "initializer": {"uniform": {"low": 1}}}}]}}],
            "model[0].residual.body[0].gru.initializer.uniform.high",
            "expected a number above low (1), got 0.05",
        ),
        (
            [{"linear": {"units": 1, "initializer": {"normal": {"mean": 0}}}}],
            "model[0].linear.initializer.normal.mean",
            "unknown key 'mean' (known keys: deviation)",
        ),
        ([{"conv1d": {"filters": 1, "kernel": []}}], "model[0].conv1d.kernel", f"{CONVOLUTION}[]"),
        ([{"conv1d": {"filters": 1, "kernel": True}}], "model[0].conv1d.kernel", f"{CONVOLUTION}true"),
        ([{"conv1d": {"filters": 1, "kernel": 2**31}}], "model[0].conv1d.kernel", f"{CONVOLUTION}2147483648"),
        ([{"conv2d": {"filters": 1, "kernel": [3] * 4}}], "model[0].conv2d.kernel", f"{CONVOLUTION}[3, 3, 3"),
        (
            [{"conv2d": {"filters": 1, "kernel": 3, "padding": "sane"}}],
            "model[0].conv2d.padding",
            f"{PADDING}'sane'",
        ),
        ([{"conv2d": {"filters": 1, "kernel": 3, "padding": -1}}], "model[0].conv2d.padding", f"{PADDING}-1"),
        ([{"max_pool": {"kernel": 2, "padding": "same"}}], "model[0].max_pool.padding", "got 'same'"),
        (
            [{"lstm": {"units": 1, "outputs": "lost"}}],
            "model[0].lstm.outputs",
            "expected one of all, last, got",
        ),
        ([{"reshape": {"shape": []}}], "model[0].reshape.shape", "expected a list of sizes, such as [1, 28"),
        ([{"reshape": {"shape": [4, 0]}}], "model[0].reshape.shape[1]", "got 0"),
        ([{"permute": {"axes": list(range(9))}}], "model[0].permute.axes", "at most 8 items, got 9"),
        (
            [{"parallel": {"branches": [["relu"]], "combine": "add"}}],
            "model[0].parallel.combine",
            "expected one of concatenate, sum, got 'add'",
        ),
    ],
)
def test_a_wrong_layer_is_named_by_its_place(model: Any, field: str, message: str) -> None:
    found = problems(model)
    assert list(found) == [field]
    assert message in found[field]


@pytest.mark.parametrize("padding", [0, [0, 1], "same"])
def test_padding_is_numbers_or_the_word_same(padding: Any) -> None:
    layer = {"conv2d": {"filters": 1, "kernel": 3, "padding": padding}}
    assert parsed([layer]).model_dump_job()["model"][0]["conv2d"]["padding"] == padding


@pytest.mark.parametrize(
    ("model", "count"),
    [
        ([{"relu": {"repeat": 1001}}], "1,001"),
        (["relu", {"sequential": {"layers": ["relu"] * 9, "repeat": 100}}], "1,001"),
        ([{"residual": {"body": ["relu"] * 500, "shortcut": ["relu"] * 500}}], "1,001"),
        ([{"parallel": {"branches": [[{"relu": {"repeat": 333}}]] * 3, "repeat": 2}}], "2,000"),
        (["relu", {"lstm": {"units": 1, "layers": 100, "repeat": 10}}], "1,001"),
        ([{"sequential": {"layers": [{"relu": {"repeat": 2**31 - 1}}], "repeat": 2**31 - 1}}], "4,611,"),
    ],
    ids=["a layer", "a list", "body and shortcut", "branches", "layers on each other", "far too many"],
)
def test_more_than_a_thousand_layers_with_all_repetitions_are_refused(model: Any, count: str) -> None:
    found = problems(model)
    assert list(found) == ["model"]
    assert found["model"].startswith("expected at most 1,000 layers, with all repetitions, got " + count)


def test_a_thousand_layers_with_all_repetitions_are_accepted() -> None:
    model = [{"sequential": {"layers": ["relu"] * 9, "repeat": 99}}, {"relu": {"repeat": 9}}]
    assert len(parsed([*model, {"shared": {"layer": "a"}}]).model_dump_job()["model"]) == 3


@pytest.mark.parametrize("depth", [1000, 100_000])
def test_layers_inside_layers_without_end_are_refused_and_end_nothing_else(depth: int) -> None:
    layer: Any = "relu"
    for _ in range(depth):
        layer = {"sequential": {"layers": [layer]}}
    message = "nested more than 32 levels deep: use `repeat`, or fewer layers inside layers"
    assert problems([layer]) == {"": message}


def test_a_model_may_be_a_python_file() -> None:
    spec = parsed({"python": "models/net.py"})
    assert spec.model == PythonModelSpec(python="models/net.py", factory="build")
    assert spec.model_dump_job()["model"] == {"python": "models/net.py", "factory": "build"}
    assert spec.paths() == {"model.python": "models/net.py"}
    assert parse_spec(spec.model_dump_job()) == spec


@pytest.mark.parametrize(
    ("model", "field", "message"),
    [
        ({"factory": "build"}, "model.python", "required key is missing: expected the path of a Python file"),
        ({"python": ""}, "model.python", "expected the path of a Python file, got ''"),
        (
            {"python": "a.py", "factory": "a b"},
            "model.factory",
            "expected the name of a function in the file",
        ),
        (
            {"python": "a.py", "units": 3},
            "model.units",
            "unknown key 'units' (known keys: python, factory, sha256)",
        ),
        (None, "model", "expected a list of at least one layer, got nothing"),
    ],
)
def test_a_python_model_that_cannot_be_used_is_explained(model: Any, field: str, message: str) -> None:
    found = problems(model)
    assert list(found) == [field]
    assert message in found[field]


def test_a_job_with_every_activation_can_be_pickled() -> None:
    spec = parsed(list(PLAIN_ACTIVATIONS))
    assert pickle.loads(pickle.dumps(spec)) == spec
