"""Layers of a job file become modules that fit the samples which reach them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chainrule.core import Tensor, nn
from chainrule.core.init import is_unallocated
from chainrule.worker.layers import build_layers
from chainrule.worker.spec import JobSpec, SpecError, parse_spec
from chainrule.worker.spec.layers import LAYERS, PLAIN_ACTIVATIONS

CASES: dict[str, tuple[dict[str, Any], tuple[int, ...], tuple[int, ...]]] = {
    "linear": ({"units": 3}, (4,), (3,)),
    "time_linear": ({"units": 3}, (5, 4), (5, 3)),
    "sparse_linear": ({"units": 3, "density": 0.5}, (4,), (3,)),
    "conv1d": ({"filters": 3, "kernel": 2}, (2, 6), (3, 5)),
    "conv2d": ({"filters": 4, "kernel": [3, 1], "padding": "same", "groups": 2}, (2, 6, 5), (4, 6, 5)),
    "conv_transpose2d": ({"filters": 3, "kernel": 2, "stride": 2}, (2, 3, 3), (3, 6, 6)),
    "max_pool": ({"kernel": 2}, (2, 6, 6), (2, 3, 3)),
    "avg_pool": ({"kernel": 2, "stride": 1, "count_padding": False}, (2, 6), (2, 5)),
    "global_avg_pool": ({}, (2, 6, 6), (2,)),
    "global_max_pool": ({}, (2, 6, 6), (2,)),
    "adaptive_avg_pool": ({"output": [2, 3]}, (2, 6, 6), (2, 2, 3)),
    "adaptive_max_pool": ({"output": 2}, (2, 6), (2, 2)),
    "batch_norm": ({"momentum": 0.5}, (2, 6, 6), (2, 6, 6)),
    "layer_norm": ({"axes": 2}, (2, 6, 6), (2, 6, 6)),
    "rms_norm": ({}, (2, 6), (2, 6)),
    "group_norm": ({"groups": 2}, (4, 6), (4, 6)),
    "dropout": ({"rate": 0.1}, (4,), (4,)),
    "embedding": ({"rows": 7, "units": 3}, (5,), (5, 3)),
    "learned_positions": ({}, (5, 4), (5, 4)),
    "sinusoidal_positions": ({}, (5, 4), (5, 4)),
    "rnn": ({"units": 3, "activation": "relu"}, (5, 4), (5, 3)),
    "lstm": ({"units": 3, "layers": 2, "bidirectional": True}, (5, 4), (5, 6)),
    "gru": ({"units": 3, "outputs": "last", "truncate": 2}, (5, 4), (3,)),
    "multi_head_attention": ({"heads": 2, "causal": True}, (5, 4), (5, 4)),
    "transformer_block": ({"heads": 2, "hidden": 8, "activation": "relu"}, (5, 4), (5, 4)),
    "flatten": ({}, (5, 4), (20,)),
    "reshape": ({"shape": [2, 10]}, (5, 4), (2, 10)),
    "permute": ({"axes": [1, 0]}, (5, 4), (4, 5)),
    "spectrogram": ({"size": 8, "hop": 4, "log": True}, (32,), (5, 7)),
    "mel_spectrogram": ({"bands": 3, "size": 16, "hop": 8, "rate": 100}, (32,), (3, 3)),
    "sequential": ({"layers": ["relu", {"linear": {"units": 3}}]}, (4,), (3,)),
    "residual": ({"body": [{"linear": {"units": 3}}], "shortcut": [{"linear": {"units": 3}}]}, (4,), (3,)),
    "parallel": ({"branches": [["relu"], [{"linear": {"units": 3}}]]}, (4,), (7,)),
    "shared": ({"layer": "first"}, (4,), (4,)),
    "leaky_relu": ({"slope": 0.2}, (4,), (4,)),
    "elu": ({"alpha": 0.5}, (4,), (4,)),
    "gelu": ({"approximate": True}, (4,), (4,)),
    **{kind: ({}, (4,), (4,)) for kind in PLAIN_ACTIVATIONS},
}
"""Settings, a sample's shape, and the shape of what comes out."""


def job(*layers: Any, **changes: Any) -> JobSpec:
    described = {"dataset": {"source": "digits"}, "loss": "softmax_cross_entropy", "optimizer": "adam"}
    return parse_spec({**described, "model": list(layers), **changes})


def built(*layers: Any, shape: tuple[int, ...]) -> nn.Module:
    model = job(*layers).model
    assert isinstance(model, tuple)
    return build_layers(model, shape).module


def refusal(*layers: Any, shape: tuple[int, ...]) -> tuple[str, str]:
    with pytest.raises(SpecError) as caught:
        built(*layers, shape=shape)
    [violation] = caught.value.violations
    return violation.field, violation.message


def test_every_layer_of_the_job_file_has_a_case() -> None:
    assert set(CASES) == set(LAYERS)


@pytest.mark.parametrize("kind", CASES)
def test_a_layer_takes_its_sizes_from_the_samples_and_gives_the_shape_that_it_says(kind: str) -> None:
    settings, shape, expected = CASES[kind]
    first = {"linear": {"units": 4, "name": "first"}}
    model = built(*([first] if kind == "shared" else []), {kind: settings}, shape=shape)
    nn.initialize(model, 0)
    x = np.zeros((2, *shape), np.int64 if kind == "embedding" else np.float32)
    assert model.output_shape(shape) == expected
    assert model(Tensor(x)).shape == (2, *expected)


def test_parameters_take_no_memory_until_they_are_initialized() -> None:
    model = built({"linear": {"units": 2**20}}, {"linear": {"units": 2**20}}, shape=(4,))
    assert all(is_unallocated(tensor.data) for tensor in model.parameters().values())
    small = built({"linear": {"units": 3}}, shape=(4,))
    nn.initialize(small, 1)
    reference = nn.Sequential(nn.Linear(4, 3))
    nn.initialize(reference, 1)
    for ours, theirs in zip(small.parameters().values(), reference.parameters().values(), strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def test_a_name_takes_the_place_of_the_position_in_parameter_names_and_errors() -> None:
    model = built({"linear": {"units": 3, "name": "head"}}, {"linear": {"units": 2}}, shape=(4,))
    assert list(model.parameters()) == ["head.weight", "head.bias", "layers.1.weight", "layers.1.bias"]
    with pytest.raises(Exception, match=r"head\.linear: expected samples of shape \(4,\)"):
        model(np.zeros((1, 5), np.float32))


def test_a_name_that_is_given_twice_is_refused() -> None:
    twice = [{"relu": {"name": "a"}}, {"residual": {"body": [{"tanh": {"name": "a"}}]}}]
    field, message = refusal(*twice, shape=(4,))
    assert field == "model[1].residual.body[0].tanh.name"
    assert message == "'a' is the name of another layer: choose another"


def test_repeated_layers_have_weights_of_their_own() -> None:
    model = built({"linear": {"units": 4, "repeat": 3, "name": "stack"}}, shape=(4,))
    assert [name for name in model.parameters() if name.endswith("weight")] == [
        "stack.layers.0.weight",
        "stack.layers.1.weight",
        "stack.layers.2.weight",
    ]
    nn.initialize(model, 0)
    first, second, _ = (tensor for name, tensor in model.parameters().items() if name.endswith("weight"))
    assert (first.numpy() != second.numpy()).any()


def test_repetition_follows_the_shape() -> None:
    model = built({"conv2d": {"filters": 3, "kernel": 3, "repeat": 2}}, shape=(1, 8, 8))
    assert model.output_shape((1, 8, 8)) == (3, 4, 4)
    field, message = refusal({"conv2d": {"filters": 3, "kernel": 3, "repeat": 4}}, shape=(1, 8, 8))
    assert field == "model[0].conv2d"
    assert "expected" in message


def test_shared_layers_have_one_set_of_weights_and_gradients_from_each_place() -> None:
    layers = [{"linear": {"units": 4, "name": "cell"}}, "tanh", {"shared": {"layer": "cell"}}]
    model = built(*layers, shape=(4,))
    nn.initialize(model, 0)
    assert list(model.parameters()) == ["cell.weight", "cell.bias"]
    model(Tensor(np.ones((1, 4), np.float32))).sum().backward()
    twice = model.parameters()["cell.bias"].grad
    assert twice is not None
    assert (twice.numpy() != 1).all()  # what one place alone would have given


def test_a_shared_layer_must_be_there_before() -> None:
    field, message = refusal({"shared": {"layer": "later"}}, {"relu": {"name": "later"}}, shape=(4,))
    assert field == "model[0].shared.layer"
    assert message == "expected the name of a layer before this one (none has a name), got 'later'"


def test_layers_with_running_statistics_cannot_be_shared() -> None:
    layers = [{"batch_norm": {"name": "norm"}}, {"shared": {"layer": "norm"}}]
    field, message = refusal(*layers, shape=(4,))
    assert field == "model[1].shared.layer"
    assert message.startswith("'norm' has batch normalization, whose running statistics cannot be")


def test_an_initializer_starts_all_matrices_of_a_layer_and_no_vector() -> None:
    initializer = {"normal": {"deviation": 3.0}}
    model = built({"gru": {"units": 30, "initializer": initializer}}, shape=(5, 20))
    nn.initialize(model, 0)
    for name, tensor in model.parameters().items():
        deviation = tensor.numpy().std()
        assert (deviation > 2) == name.endswith("weight"), name


def test_same_padding_needs_stride_1_and_odd_kernels() -> None:
    for settings in ({"kernel": 2}, {"kernel": 3, "stride": 2}):
        field, message = refusal({"conv1d": {"filters": 1, "padding": "same", **settings}}, shape=(1, 9))
        assert field == "model[0].conv1d"
        assert message.startswith("padding same: expected stride 1 and kernels of odd size")
    wide = built({"conv1d": {"filters": 1, "kernel": 2, "dilation": 2, "padding": "same"}}, shape=(1, 9))
    assert wide.output_shape((1, 9)) == (1, 9)


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (
            {"linear": {"units": 1}},
            (8, 8),
            (
                "a linear layer takes vectors, but each sample has shape (8, 8) here: put a `flatten` layer "
                "before it"
            ),
        ),
        (
            {"conv2d": {"filters": 1, "kernel": 3}},
            (28, 28),
            (
                "a conv2d layer takes images, (channels, height, width), but each sample has shape (28, 28) "
                "here: put `reshape: {shape: [1, 28, 28]}` before it"
            ),
        ),
        (
            {"conv2d": {"filters": 1, "kernel": 3}},
            (64,),
            (
                "a conv2d layer takes images, (channels, height, width), but each sample has shape (64,) "
                "here: put a `reshape` layer before it"
            ),
        ),
        (
            {"lstm": {"units": 1}},
            (64,),
            (
                "an lstm layer takes sequences, (time, features), but each sample has shape (64,) here: "
                "put `reshape: {shape: [64, 1]}` before it"
            ),
        ),
        (
            {"conv2d": {"filters": 3, "kernel": 3, "groups": 2}},
            (3, 9, 9),
            "conv2d: expected groups that divide 3 channels and 3 filters, got 2",
        ),
        ({"layer_norm": {"axes": 3}}, (4, 4), "expected axes up to the 2 of a sample, got 3"),
        (
            {"reshape": {"shape": [3, 3]}},
            (8,),
            "expected samples of 9 elements for shape (3, 3), got samples of shape (8,)",
        ),
        ({"transformer_block": {"heads": 3, "hidden": 4}}, (5, 4), "heads that divide 4 units, got 3"),
        (
            {"gru": {"units": 1, "bidirectional": True, "truncate": 2}},
            (5, 4),
            "gru: expected no truncate where bidirectional, got 2",
        ),
        (
            {"max_pool": {"kernel": 2, "padding": 2}},
            (1, 8, 8),
            "expected padding of at most half the kernel (2, 2), got 2",
        ),
        (
            {"embedding": {"rows": 3, "units": 2}},
            (5,),
            "looks up the ids of the data, here other layers have computed with them: put it first",
        ),
        (
            {"residual": {"body": [{"linear": {"units": 3}}]}},
            (4,),
            (
                "expected a body that gives (4,), as the shortcut, got one that gives (3,). Give it a "
                "shortcut layer that makes them equal"
            ),
        ),
    ],
)
def test_a_layer_that_does_not_fit_says_what_it_takes_and_what_to_do(
    layer: Any, shape: tuple[int, ...], message: str
) -> None:
    field, actual = refusal("relu", layer, shape=shape)
    assert field == f"model[1].{next(iter(layer))}"
    assert actual.endswith(message)


def test_what_no_memory_holds_is_refused_without_allocating() -> None:
    field, message = refusal({"sparse_linear": {"units": 2**30}}, shape=(1000,))
    assert (field, message.startswith("expected up to 33,554,432 pairs")) == ("model[0].sparse_linear", True)
    mel = {"bands": 10**9, "size": 16, "hop": 8, "rate": 8000}
    field, message = refusal({"mel_spectrogram": mel}, shape=(64,))
    assert (field, message.startswith("expected mel filters of up to")) == ("model[0].mel_spectrogram", True)
    pool = {"kernel": 2**31 - 1, "padding": 2**30 - 1}
    field, message = refusal({"max_pool": pool}, shape=(1, 8, 8))
    assert (field, message.startswith("makes 4,611,686,0")) == ("model[0].max_pool", True)
    embedding = {"embedding": {"rows": 2, "units": 2**30}}
    field, message = refusal(embedding, "sinusoidal_positions", shape=(1000,))
    assert (field, message.startswith("expected a table of up to")) == ("model[1].sinusoidal_positions", True)
    field, message = refusal({"adaptive_avg_pool": {"output": 2**31 - 1}}, shape=(1, 8, 8))
    assert field == "model[0].adaptive_avg_pool"
    assert "values a sample, expected at most" in message


def test_an_embedding_says_what_padding_it_takes() -> None:
    field, message = refusal({"embedding": {"rows": 3, "units": 2, "padding": 3}}, shape=(5,))
    assert field == "model[0].embedding"
    assert message == "embedding: expected padding from 0 to 2, got 3"


LOOKUP = {"embedding": {"rows": 3, "units": 1}}


def test_an_embedding_takes_ids_that_only_their_shape_has_changed_of() -> None:
    ways = [[{"reshape": {"shape": [6]}}, LOOKUP, "flatten"], ["flatten", LOOKUP, "flatten"]]
    assert built({"parallel": {"branches": ways}}, shape=(2, 3)).output_shape((2, 3)) == (12,)
    field, message = refusal("dropout", LOOKUP, shape=(5,))
    assert field == "model[1].embedding"
    assert message.endswith("put it first")


@pytest.mark.parametrize(
    ("layer", "as_numbers"),
    [
        ({"parallel": {"branches": [["tanh"], [LOOKUP, "flatten"]]}}, "branches[0][0].tanh"),
        ({"parallel": {"branches": [[LOOKUP, "flatten"], ["flatten"]]}}, ""),
        ({"residual": {"body": [LOOKUP, "flatten"]}}, ""),
    ],
)
def test_features_are_ids_or_numbers_and_not_both(layer: Any, as_numbers: str) -> None:
    [kind] = layer
    _, message = refusal(layer, shape=(5,))
    place = f"model[0].{kind}.{as_numbers}".rstrip(".")
    assert message.endswith(f"takes the features as ids, {place} as numbers: put an `embedding` before both")


def test_a_name_inside_a_repeated_layer_is_that_of_each_repetition() -> None:
    body = [{"linear": {"units": 4, "name": "mix"}}, "tanh", {"shared": {"layer": "mix"}}]
    model = built({"residual": {"body": body, "repeat": 2}}, shape=(4,))
    weights = [name for name in model.parameters() if name.endswith("weight")]
    assert weights == ["layers.0.layers.0.body.mix.weight", "layers.0.layers.1.body.mix.weight"]
    outside = [{"residual": {"body": body, "repeat": 2}}, {"shared": {"layer": "mix"}}]
    assert refusal(*outside, shape=(4,))[0] == "model[1].shared.layer"
