"""Layers and models: names, shapes, messages, dropout's keys, initialization."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from chainrule.core import ChainruleError, Tensor, losses, nn, optim
from chainrule.core.errors import ShapeError
from chainrule.core.flat import bind
from chainrule.core.nn import ForwardContext


def images(*shape: int) -> Tensor:
    return Tensor(np.random.default_rng(0).standard_normal(shape, dtype=np.float32))


def test_parameters_have_dotted_names_in_order_also_when_nested() -> None:
    inner = nn.Sequential(nn.Linear(3, 2, bias=False))
    model = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), inner)
    assert list(model.parameters()) == ["layers.0.weight", "layers.0.bias", "layers.2.layers.0.weight"]


def test_output_shapes_are_inferred_layer_by_layer() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 5), nn.Sigmoid(), nn.Dropout(0.1), nn.Linear(5, 2))
    assert model.output_shape((3, 4)) == (2,)
    assert model(images(7, 3, 4)).shape == (7, 2)


@pytest.mark.parametrize(
    ("model", "shape", "message"),
    [
        (
            nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.ReLU(), nn.Linear(5, 2)),
            (8,),
            "layers.3.linear: expected samples of shape (5,), got samples of shape (4,)",
        ),
        (
            nn.Sequential(nn.ReLU(), nn.Sequential(nn.Linear(9, 4))),
            (8,),
            "layers.1.layers.0.linear: expected samples of shape (9,), got samples of shape (8,)",
        ),
        (
            nn.Sequential(nn.Linear(8, 4)),
            (2, 4),
            (
                "layers.0.linear: expected samples of shape (8,), got samples of shape (2, 4). "
                "Put a flatten layer before it"
            ),
        ),
        (nn.Linear(8, 4, bias=False), (7,), "linear: expected samples of shape (8,), got"),
        (nn.Linear(8, 4, bias=False), (3, 8), "linear: expected samples of shape (8,), got"),
    ],
)
def test_a_layer_that_does_not_fit_is_named_by_its_path(model: nn.Module, shape, message: str) -> None:
    with pytest.raises(ShapeError) as checked:
        model.output_shape(shape)
    with pytest.raises(ShapeError) as ran:
        model(images(2, *shape))
    assert str(checked.value).startswith(message)
    assert str(ran.value).startswith(message)


def test_a_linear_layer_without_units_is_refused() -> None:
    with pytest.raises(ShapeError, match="linear: expected units of at least 1, got 0"):
        nn.Linear(3, 0)


def test_dropout_does_nothing_in_evaluation() -> None:
    x = images(4, 5)
    assert nn.Dropout(0.9)(x) is x


def test_dropout_keeps_the_expected_value() -> None:
    x = Tensor(np.ones((400, 100), np.float32))
    y = nn.Dropout(0.3)(x, ForwardContext(training=True)).data
    assert set(np.unique(y)) == {np.float32(0), np.float32(1 / 0.7)}
    assert y.dtype == np.float32
    assert y.mean() == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("features", [1, 7, 16])
def test_dropout_of_micro_batches_is_dropout_of_the_mini_batch_cut_up(features: int) -> None:
    model = nn.Sequential(nn.Dropout(0.5), nn.Dropout(0.2))
    x = Tensor(np.ones((20, features), np.float32))
    whole = model(x, ForwardContext(training=True, seed=9, step=4)).data
    for bounds in ([0, 20], [0, 3, 20], [0, 1, 2, 11, 20]):
        parts = [
            model(x[start:stop], ForwardContext(training=True, seed=9, step=4, first_sample=start)).data
            for start, stop in pairwise(bounds)
        ]
        np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_dropout_differs_by_seed_step_layer_and_sample() -> None:
    x = Tensor(np.ones((2, 64), np.float32))
    first, second = nn.Dropout(0.5), nn.Dropout(0.5)
    nn.Sequential(first, nn.Sequential(second))
    drawn = {
        layer(x, ForwardContext(training=True, seed=seed, step=step)).data.tobytes()
        for layer in (first, second)
        for seed in (0, 1)
        for step in (0, 1)
    }
    assert len(drawn) == 8
    row = first(x, ForwardContext(training=True)).data
    assert (row[0] != row[1]).any()


def test_dropouts_in_two_parts_of_a_model_draw_different_numbers_once_it_is_initialized() -> None:
    first, second = (nn.Sequential(nn.Dropout(0.5)) for _ in range(2))
    model = nn.Residual(first, second)
    nn.initialize(model, seed=0)
    x, context = Tensor(np.ones((4, 50), np.float32)), ForwardContext(training=True)
    assert (first(x, context).data != second(x, context).data).any()


@pytest.mark.parametrize("rate", [-0.1, 1.0, float("nan")])
def test_a_dropout_rate_outside_its_range_is_refused(rate: float) -> None:
    with pytest.raises(ChainruleError, match="dropout: expected rate at least 0"):
        nn.Dropout(rate)


def test_initialization_depends_on_seed_and_position_only() -> None:
    def weights(seed: int) -> dict[str, np.ndarray]:
        model = nn.Sequential(nn.Linear(50, 50), nn.Linear(50, 50))
        for parameter in model.parameters().values():
            parameter.data[...] = 9
        nn.initialize(model, seed)
        return {name: parameter.data for name, parameter in model.parameters().items()}

    one, same, other = weights(1), weights(1), weights(2)
    for name, values in one.items():
        np.testing.assert_array_equal(values, same[name])
    assert (one["layers.0.weight"] != other["layers.0.weight"]).all()
    assert (one["layers.0.weight"] != one["layers.1.weight"]).any()
    assert not one["layers.0.bias"].any()
    bound = np.sqrt(6 / 50)
    assert np.abs(one["layers.0.weight"]).max() == pytest.approx(bound, rel=0.01)
    assert one["layers.0.weight"].std() == pytest.approx(bound / np.sqrt(3), rel=0.05)


def test_initialization_fills_a_bound_buffer_in_place() -> None:
    model = nn.Sequential(nn.Linear(4, 4))
    flat = np.zeros(32, np.float32)
    bind(model, flat)
    nn.initialize(model, 3)
    assert np.count_nonzero(flat) == 16


@pytest.mark.parametrize("rule", [optim.SGD(0.5, momentum=0.9), optim.Adam(0.05), optim.AdamW(0.05)])
def test_a_small_network_learns_what_no_linear_one_can(rule: optim.Rule) -> None:
    x = Tensor(np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32))
    labels = np.array([0, 1, 1, 0])
    model = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 2))
    nn.initialize(model, 0)
    optimizer = optim.FlatOptimizer(rule, model)
    for _ in range(200):
        losses.softmax_cross_entropy(model(x), labels).backward()
        optimizer.step()
    assert model(x).data.argmax(axis=1).tolist() == labels.tolist()
    assert losses.softmax_cross_entropy(model(x), labels).item() < 0.05


def test_initialize_starts_each_layer_as_the_layer_says() -> None:
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm(8), nn.Flatten(), nn.Linear(8, 6), nn.LayerNorm(6), nn.Linear(6, 2)
    )
    nn.initialize(model, 1)
    parameters = {name: parameter.data for name, parameter in model.parameters().items()}
    for scale in ("layers.1.weight", "layers.4.weight"):
        assert (parameters[scale] == 1).all()
    for shift in ("layers.0.bias", "layers.1.bias", "layers.3.bias", "layers.4.bias"):
        assert (parameters[shift] == 0).all()
    kernel, weight = parameters["layers.0.weight"], parameters["layers.3.weight"]
    assert np.sqrt(6 / 27) * 0.9 < np.abs(kernel).max() <= np.sqrt(6 / 27)
    assert np.sqrt(6 / 8) * 0.8 < np.abs(weight).max() <= np.sqrt(6 / 8)


def test_initialize_gives_recurrent_and_embedding_layers_their_own_bounds() -> None:
    for model, bound in ((nn.GRU(4, 25), 0.2), (nn.Embedding(50, 12), 0.5)):
        nn.initialize(model, 3)
        for parameter in model.parameters().values():
            assert 0.85 * bound < np.abs(parameter.data).max() <= bound * (1 + 1e-6)
