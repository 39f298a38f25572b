"""Tensors as a person meets them: how they are shown."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.core import ChainruleError, Tensor, nn, no_grad, ops, tensor
from chainrule.core.errors import ShapeError


def test_a_tensor_shows_its_values_shape_dtype_and_device() -> None:
    assert repr(tensor([1.0, 2.5])) == "Tensor([1. , 2.5], shape=(2,), dtype=float32, device=cpu)"
    assert repr(tensor([1, 2])) == "Tensor([1, 2], shape=(2,), dtype=int64, device=cpu)"
    assert repr(tensor(0.5)) == "Tensor(0.5, shape=(), dtype=float32, device=cpu)"


def test_a_tensor_shows_the_operation_that_made_it_or_that_it_wants_a_gradient() -> None:
    x = tensor([1.0, 2.0], requires_grad=True)
    assert repr(x).endswith("device=cpu, requires_grad=True)")
    assert repr(ops.tanh(x)).endswith("device=cpu, made by tanh)")
    assert repr(x.detach()).endswith("device=cpu)")
    with no_grad():
        assert repr(ops.tanh(x)).endswith("device=cpu)")


def test_the_operation_is_still_known_after_the_graph_was_freed() -> None:
    loss = (tensor([1.0], requires_grad=True) * 2).sum()
    loss.backward()
    assert repr(loss).endswith("made by sum)")
    assert loss.operation is not None
    assert loss.operation.name == "sum"


def test_a_large_tensor_is_shown_in_a_few_lines() -> None:
    shown = repr(Tensor(np.zeros((1000, 1000), np.float32)))
    assert "..." in shown
    assert "shape=(1000, 1000)" in shown
    assert len(shown.splitlines()) < 8


def test_tensors_compare_as_arrays_do_and_pick_what_holds() -> None:
    x = tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    for ours, theirs in ((x > 2, x.data > 2), (x >= 2, x.data >= 2), (x < x.T, x.data < x.data.T)):
        np.testing.assert_array_equal(ours.data, theirs)
    np.testing.assert_array_equal((x <= 2).data, x.data <= 2)
    picked = x[x > 2]
    picked.sum().backward()
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.data, [[0, 0], [1, 1]])


def test_a_tensor_is_made_of_python_numbers_or_of_an_array_kept_as_it_is() -> None:
    assert Tensor([[1.0, 2.0]]).dtype == np.float32
    assert Tensor(3).dtype.kind == "i"
    array = np.zeros(2)
    assert Tensor(array).data is array
    assert Tensor(np.float64(1)).dtype == np.float64
    assert tensor([0.1], dtype=np.float64).data[0] == 0.1
    with pytest.raises(ChainruleError, match="expected numbers, got <U2"):
        Tensor(["no"])
    with pytest.raises(ChainruleError, match="got a Tensor"):
        Tensor(Tensor(1.0))


def test_a_tensor_of_one_element_formats_and_converts_as_a_number() -> None:
    loss = tensor(2.71828)
    assert f"loss {loss:.3f}" == "loss 2.718"
    assert f"{tensor([1, 2])}" == repr(tensor([1, 2]))
    assert int(loss) == 2


def test_tensors_have_the_reductions_and_shapes_of_arrays() -> None:
    x = tensor([[1.0, 5.0, 3.0], [4.0, 0.0, 6.0]])
    for name in ("min", "max", "var", "mean", "sum", "argmax"):
        np.testing.assert_allclose(getattr(x, name)(axis=1).data, getattr(x.data, name)(axis=1), rtol=1e-6)
    assert x.reshape((3, 2)).shape == x.reshape(3, -1).shape == (3, 2)


def test_functions_of_numpy_are_the_operations_of_the_same_name() -> None:
    x = tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    for ours, theirs in (
        (np.exp(x), np.exp(x.data)),
        (np.add(1, x), 1 + x.data),
        (np.mean(x, axis=0), x.data.mean(axis=0)),
        (np.std(x), x.data.std()),
        (np.where(x > 2, x, 0), np.where(x.data > 2, x.data, 0)),
        (np.concatenate([x, x.data]), np.concatenate([x.data, x.data])),
    ):
        assert isinstance(ours, Tensor)
        assert ours.requires_grad
        np.testing.assert_allclose(ours.data, theirs, rtol=1e-6)
    np.mean(np.exp(x)).backward()  # pyright: ignore[reportAttributeAccessIssue]
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.data, np.exp(x.data) / 4, rtol=1e-6)


def test_other_functions_of_numpy_give_arrays_unless_a_derivative_would_be_lost_unseen() -> None:
    x = tensor([3.0, 4.0])
    assert np.linalg.norm(x) == 5
    assert np.isfinite(x).tolist() == [True, True]
    assert np.add.reduce(x) == 7
    assert np.allclose(x, [3, 4])
    wanted = tensor([3.0, 4.0], requires_grad=True)
    assert np.isfinite(wanted).all()
    assert np.zeros_like(wanted).tolist() == [0, 0]
    for function in (np.linalg.norm, np.cosh):
        with pytest.raises(
            TypeError, match=f"np.{function.__name__}: cannot be differentiated; give it x.numpy"
        ):
            function(wanted)


def test_equality_is_elementwise_and_a_tensor_is_still_its_own_key() -> None:
    x, y = tensor([1, 2]), tensor([1, 3])
    assert (x == y).numpy().tolist() == [True, False]
    assert (x != 1).numpy().tolist() == [False, True]
    assert {x: 1, y: 2}[y] == 2


def test_a_tensor_of_several_elements_is_no_number_and_not_true_or_false() -> None:
    for ask in (bool, float, int, Tensor.item):
        with pytest.raises(ShapeError, match=r"item: expected a tensor of one element, got shape \(2,\)"):
            ask(tensor([1.0, 2.0]))
    assert bool(tensor([2.0]))
    assert float(tensor([[2.0]])) == 2
    with pytest.raises(TypeError, match="len"):
        len(tensor(1.0))


def test_a_model_takes_arrays_and_lists() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh())
    x = np.ones((1, 2), np.float32)
    np.testing.assert_array_equal(model(x).data, model([[1.0, 1.0]]).data)


def test_numpy_reads_tensors_and_arithmetic_with_arrays_gives_tensors() -> None:
    x = tensor([1.0, 2.0], requires_grad=True)
    assert np.asarray(x) is x.data
    for y in (
        np.array([3.0, 4.0], np.float32) * x,
        x / np.float32(2),
        2 - x,
        np.eye(2, dtype=np.float32) @ x,
    ):
        assert isinstance(y, Tensor)
        assert y.requires_grad
        assert y.dtype == np.float32
