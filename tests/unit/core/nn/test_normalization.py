"""Normalizing layers: batch statistics and how they travel, and extreme inputs."""

from __future__ import annotations

import numpy as np
import pytest
from cases.substitution import TRAINING

from chainrule.core import Tensor, grad, nn


def samples(*shape: int) -> Tensor:
    return Tensor(np.random.default_rng(0).standard_normal(shape, dtype=np.float32))


def test_batch_norm_absorbs_mean_and_unbiased_variance_of_each_training_pass_in_order() -> None:
    layer = nn.BatchNorm(3, momentum=0.25)
    x = samples(8, 3, 5)
    mean, variance = np.zeros(3), np.ones(3)
    for part in (x.data[:2], x.data[2:]):
        layer(Tensor(part), TRAINING)
        mean += 0.25 * (part.mean(axis=(0, 2)) - mean)
        variance += 0.25 * (part.var(axis=(0, 2), ddof=1) - variance)
    np.testing.assert_allclose(layer.running_mean.data, mean, rtol=1e-6)
    np.testing.assert_allclose(layer.running_variance.data, variance, rtol=1e-6)


def test_what_workers_observed_absorbed_in_micro_batch_order_is_what_one_worker_gets() -> None:
    x = samples(9, 4)
    alone, owner = nn.BatchNorm(4), nn.BatchNorm(4)
    workers = [nn.BatchNorm(4) for _ in range(3)]
    for index in (2, 0, 1):
        workers[index](x[3 * index : 3 * index + 3], TRAINING)
    for index, worker in enumerate(workers):
        alone(x[3 * index : 3 * index + 3], TRAINING)
        assert worker.observed is not None
        owner.absorb(*worker.observed)
    np.testing.assert_array_equal(owner.running_mean.data, alone.running_mean.data)
    np.testing.assert_array_equal(owner.running_variance.data, alone.running_variance.data)


def test_a_single_element_moves_the_running_mean_and_not_the_variance_which_it_does_not_know() -> None:
    layer = nn.BatchNorm(3, momentum=0.5)
    layer(samples(1, 3), TRAINING)
    np.testing.assert_allclose(layer.running_mean.data, samples(1, 3).data[0] / 2)
    np.testing.assert_array_equal(layer.running_variance.data, np.ones(3))


def test_a_pass_that_overflowed_does_not_move_the_running_statistics() -> None:
    layer = nn.BatchNorm(1)
    layer.absorb(np.array([np.inf]), np.array([np.nan]))
    assert (layer.running_mean.data.item(), layer.running_variance.data.item()) == (0.0, 1.0)


def test_evaluation_uses_the_running_statistics_and_changes_nothing() -> None:
    layer = nn.BatchNorm(4)
    layer(samples(8, 4), TRAINING)
    before = {name: buffer.data.copy() for name, buffer in nn.buffers(layer).items()}
    alone = layer(samples(8, 4)).data[:1]
    np.testing.assert_array_equal(layer(samples(8, 4)[:1]).data, alone)
    for name, buffer in nn.buffers(layer).items():
        np.testing.assert_array_equal(buffer.data, before[name])


def test_buffers_have_dotted_names_and_are_changed_in_place() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Residual(nn.BatchNorm(4)))
    found = nn.buffers(model)
    assert list(found) == ["layers.1.body.running_mean", "layers.1.body.running_variance"]
    arrays = [buffer.data for buffer in found.values()]
    model(samples(8, 4), TRAINING)
    assert all(buffer.data is array for buffer, array in zip(found.values(), arrays, strict=True))
    assert arrays[0].any()
    assert not set(found) & set(model.parameters())


LAYERS = [nn.LayerNorm(4), nn.RMSNorm(4), nn.GroupNorm(2, 4), nn.BatchNorm(4)]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.kind)
@pytest.mark.parametrize("scale", [0, 1e-40, 1e-20, 1e4, 1e15])
def test_constant_tiny_and_huge_rows_give_finite_values_and_gradients(layer: nn.Module, scale: float) -> None:
    x = Tensor((samples(6, 4).data * scale).astype(np.float32), requires_grad=True)
    y = layer(x, TRAINING)
    assert np.isfinite(y.data).all()
    assert np.isfinite(grad((y * y).sum(), [x])[0].data).all()


def test_a_large_mean_does_not_hide_a_small_spread() -> None:
    row = np.array([[1e4, 1e4 + 1, 1e4 + 2, 1e4 + 3]], np.float32)
    expected = (np.arange(4) - 1.5) / np.sqrt(1.25 + 1e-5)
    np.testing.assert_allclose(nn.LayerNorm(4)(Tensor(row)).data[0], expected, rtol=1e-6)


@pytest.mark.parametrize(
    "layer", [nn.LayerNorm(64), nn.GroupNorm(1, 64), nn.BatchNorm(64)], ids=["layer", "group", "batch"]
)
def test_float32_far_from_zero_agrees_with_float64(layer: nn.Module) -> None:
    x = (samples(64, 64).data + 1000).astype(np.float32)
    wide = x.astype(np.float64)
    axis = 0 if isinstance(layer, nn.BatchNorm) else 1
    expected = (wide - wide.mean(axis, keepdims=True)) / np.sqrt(wide.var(axis, keepdims=True) + 1e-5)
    np.testing.assert_allclose(layer(Tensor(x), TRAINING).data, expected, rtol=1e-5, atol=2e-6)


def test_no_samples_are_normalized_to_no_samples() -> None:
    for layer in LAYERS[:2]:
        assert layer(samples(0, 4)).shape == (0, 4)
