"""The sparsely connected layer: what it equals, and that nothing exists where no connection is."""

from __future__ import annotations

import numpy as np
from cases.samples import numbers

from chainrule.core import Tensor, nn, ops, optim
from chainrule.core.ops import sparse


def dense(layer: nn.SparseLinear) -> np.ndarray:
    """The whole matrix, zeros included."""
    matrix = np.zeros((layer.inputs, layer.units), np.float32)
    matrix[layer.rows, layer.columns] = layer.weight.data
    return matrix


def test_with_every_connection_it_is_a_linear_layer_of_the_same_start() -> None:
    layer, other = nn.SparseLinear(6, 4, density=1), nn.Linear(6, 4)
    for model in (layer, other):
        nn.initialize(model, seed=3)
    np.testing.assert_array_equal(dense(layer), other.weight.data)
    x = Tensor(numbers(5, 6).astype(np.float32))
    np.testing.assert_array_equal(layer(x).data, other(x).data)


def test_each_unit_has_its_share_of_the_inputs_chosen_by_the_seed() -> None:
    layer, same, different = (nn.SparseLinear(50, 8, 0.3, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(np.bincount(layer.columns), [15] * 8)
    np.testing.assert_array_equal(layer.rows, same.rows)
    assert (layer.rows != different.rows).any()
    assert nn.SparseLinear(5, 3, density=0.01).weight.shape == (3,)


def test_weights_start_as_wide_as_the_connections_of_their_unit_ask_for() -> None:
    layer = nn.SparseLinear(1000, 50, density=0.04)
    np.testing.assert_allclose(layer.weight.data.std(), np.sqrt(2 / 40), rtol=0.05)
    mask = np.zeros((400, 2))
    mask[:4, 0] = mask[:, 1] = 1
    weight, columns = (layer := nn.SparseLinear(400, 2, mask=mask)).weight.data, layer.columns
    assert np.abs(weight[columns == 1]).max() < np.sqrt(6 / 400) < np.abs(weight[columns == 0]).max()


def test_a_given_mask_says_where_connections_are() -> None:
    mask = numbers(5, 3) > 0
    layer = nn.SparseLinear(5, 3, mask=mask)
    np.testing.assert_array_equal(dense(layer) != 0, mask)
    x = numbers(2, 5).astype(np.float32)
    np.testing.assert_allclose(layer(Tensor(x)).data, x @ dense(layer), rtol=1e-6)


def test_gradients_updates_and_optimizer_state_are_as_many_as_connections() -> None:
    layer = nn.SparseLinear(6, 4, 0.5, bias=False)
    optimizer = optim.FlatOptimizer(optim.AdamW(0.1), layer)
    assert optimizer.layout.shapes == ((12,),)
    before, zeros = dense(layer), dense(layer) == 0
    (layer(Tensor(numbers(3, 6).astype(np.float32))) ** 2).sum().backward()
    assert layer.weight.grad is not None
    assert layer.weight.grad.shape == (12,)
    optimizer.step()
    assert (dense(layer) == 0).sum() == 12
    np.testing.assert_array_equal((dense(layer) != before), ~zeros)


def test_gathering_and_the_dense_product_agree(monkeypatch) -> None:
    layer = nn.SparseLinear(7, 9, 0.4)
    x = Tensor(numbers(4, 7), requires_grad=True)
    results = []
    for share in (0, 2):
        monkeypatch.setattr(sparse, "_DENSE", share)
        layer.weight.grad = x.grad = None
        ops.sum(layer(x) ** 2).backward()
        assert x.grad is not None
        assert layer.weight.grad is not None
        results.append((x.grad.data, layer.weight.grad.data))
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)
