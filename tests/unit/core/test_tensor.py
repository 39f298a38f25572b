"""Tensors as a person meets them: how they are shown."""

from __future__ import annotations

import numpy as np

from chainrule.core import Tensor, no_grad, ops, tensor


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
