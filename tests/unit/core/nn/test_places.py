"""Where layers are in a model: names of their own, weights at several places, parameters without memory."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from chainrule.core import Tensor, detect_anomalies, init, nn
from chainrule.core.errors import ChainruleError, ShapeError
from chainrule.core.flat import layout_of


def test_names_take_the_place_of_positions_everywhere() -> None:
    head = nn.Linear(3, 2)
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm(3), head, names={1: "norm", 2: "head"})
    assert list(model.parameters()) == [
        "layers.0.weight", "layers.0.bias", "norm.weight", "norm.bias", "head.weight", "head.bias",
    ]  # fmt: skip
    assert list(nn.buffers(model)) == ["norm.running_mean", "norm.running_variance"]
    with pytest.raises(ShapeError, match=r"^head\.linear: expected samples of shape \(9,\)"):
        nn.Sequential(nn.ReLU(), nn.Linear(9, 2), names={1: "head"})(np.zeros((1, 4), np.float32))
    head.weight.data[...] = np.nan
    with detect_anomalies(), pytest.raises(ChainruleError, match=r"head\.linear"):
        model(np.ones((2, 4), np.float32))


def test_a_module_that_is_used_twice_is_counted_once() -> None:
    twice = nn.Linear(3, 3)
    model = nn.Sequential(twice, nn.Tanh(), twice, nn.Residual(twice))
    assert list(model.parameters()) == ["layers.0.weight", "layers.0.bias"]
    assert layout_of(model).size == 16 + 16
    assert [module.kind for module in model.modules()] == ["sequential", "linear", "tanh", "residual"]


def test_a_tensor_that_two_modules_share_is_counted_once() -> None:
    first, second = nn.Linear(3, 3), nn.Linear(3, 3)
    second.weight = first.weight
    norm, other = nn.BatchNorm(2), nn.BatchNorm(2)
    other.running_mean = norm.running_mean
    assert list(nn.Sequential(first, second).parameters()) == [
        "layers.0.weight", "layers.0.bias", "layers.1.bias",
    ]  # fmt: skip
    assert list(nn.buffers(nn.Sequential(norm, other))) == [
        "layers.0.running_mean", "layers.0.running_variance", "layers.1.running_variance",
    ]  # fmt: skip


def test_the_gradient_of_shared_weights_is_the_sum_over_their_places() -> None:
    twice = nn.Linear(2, 2)
    x = np.array([[1.0, 2.0]], np.float32)
    twice(nn.Linear(2, 2)(x))
    hidden = twice(x)
    output = twice(hidden)
    output.sum().backward()
    apart = [nn.Linear(2, 2), nn.Linear(2, 2)]
    for copy in apart:
        copy.weight.data[...] = twice.weight.data
    apart[1](apart[0](x)).sum().backward()
    parts = [copy.weight.grad for copy in apart]
    assert twice.weight.grad is not None and parts[0] is not None and parts[1] is not None
    np.testing.assert_allclose(twice.weight.grad.numpy(), parts[0].numpy() + parts[1].numpy(), rtol=1e-6)


def test_unallocated_models_have_shapes_and_no_memory_until_they_are_initialized() -> None:
    with init.unallocated():
        model = nn.Sequential(nn.Linear(2**20, 2**20), nn.LSTM(2**20, 2**18))
    assert all(init.is_unallocated(tensor.data) for tensor in model.parameters().values())
    with init.unallocated():
        small = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(2, 1, bias=False))
    usual = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(2, 1, bias=False))
    for each in (small, usual):
        nn.initialize(each, 3)
    for ours, theirs in zip(small.parameters().values(), usual.parameters().values(), strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
        ours.data += 1  # it has memory of its own now


def test_only_the_thread_that_asks_goes_without_memory() -> None:
    made: list[Tensor] = []
    with init.unallocated():
        thread = threading.Thread(target=lambda: made.append(nn.Linear(2, 2).weight))
        thread.start()
        thread.join()
    assert not init.is_unallocated(made[0].data)
    assert not init.is_unallocated(nn.Linear(2, 2).weight.data)


def test_a_parameter_that_cannot_be_counted_is_refused() -> None:
    with init.unallocated(), pytest.raises(ShapeError, match="a parameter that some memory holds"):
        nn.Linear(2**31, 2**31)


def test_initialize_with_starts_matrices_and_kernels_and_leaves_vectors() -> None:
    model = nn.Sequential(nn.Conv1d(2, 3, 2), nn.Linear(3, 2))
    nn.initialize_with(model.layers[0], init.INITIALIZERS["ones"])
    nn.initialize(model, 0)
    values = {name: tensor.numpy() for name, tensor in model.parameters().items()}
    assert (values["layers.0.weight"] == 1).all()
    assert (values["layers.0.bias"] == 0).all()
    assert (values["layers.1.weight"] != 1).all()


def test_truncation_stops_gradients_and_not_the_state() -> None:
    x = np.random.default_rng(0).standard_normal((2, 7, 3)).astype(np.float32)
    whole, truncated = nn.GRU(3, 4), nn.GRU(3, 4, truncate=3)
    np.testing.assert_array_equal(whole(x).numpy(), truncated(x).numpy())
    inputs = Tensor(x, requires_grad=True)
    truncated(inputs)[:, -1].sum().backward()  # elements 0 to 2, 3 to 5, 6
    assert inputs.grad is not None
    reached = np.abs(inputs.grad.numpy()).sum(axis=(0, 2)) > 0
    assert reached.tolist() == [False] * 6 + [True]


def test_truncation_heeds_the_ends_of_sequences() -> None:
    ids = np.array([[1, 2, 3, 1, 2], [3, 1, 0, 0, 0]])
    for outputs in ("all", "last"):
        whole = nn.Sequential(nn.Embedding(4, 3, padding=0), nn.LSTM(3, 2, outputs=outputs))
        parts = nn.Sequential(whole.layers[0], nn.LSTM(3, 2, outputs=outputs, truncate=2))
        np.testing.assert_array_equal(whole(ids).numpy(), parts(ids).numpy())


def test_permute_puts_the_axes_of_each_sample_in_another_order() -> None:
    x = np.arange(24, dtype=np.float32).reshape(1, 2, 3, 4)
    np.testing.assert_array_equal(nn.Permute(2, 0, 1)(x).numpy(), x.transpose(0, 3, 1, 2))
    assert nn.Permute(2, 0, 1).output_shape((2, 3, 4)) == (4, 2, 3)
    with pytest.raises(ShapeError, match=r"permute: expected each axis from 0 to 1 once, got \(0, 0\)"):
        nn.Permute(0, 0)
    with pytest.raises(ShapeError, match=r"permute: expected samples of 2 axes, got samples of shape \(3,\)"):
        nn.Permute(1, 0)(np.zeros((1, 3), np.float32))
