"""Hooks on tensors see, and may replace, gradients; hooks on modules inputs, outputs and gradients."""

from __future__ import annotations

import copy
import gc

import numpy as np
import pytest

from chainrule.core import Tensor, grad, nn, tensor
from chainrule.core.backward import hooks
from chainrule.core.errors import GraphError


def leaf(*values: float) -> Tensor:
    return tensor(list(values), requires_grad=True)


def test_a_hook_sees_the_whole_gradient_of_a_tensor_once() -> None:
    x, seen = leaf(1.0, 2.0), []
    middle = x * 2
    middle.register_hook(lambda gradient: seen.append(gradient.data.tolist()))
    (middle * middle + middle).sum().backward()
    assert seen == [[5, 9]]
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.data, [10, 18])


def test_what_a_hook_returns_takes_the_gradients_place_from_there_on() -> None:
    x = leaf(1.0, 2.0)
    middle = x * 2
    middle.register_hook(lambda gradient: gradient * 10)
    middle.register_hook(lambda gradient: gradient + 1)
    assert grad(middle.sum(), [middle, x])[0].data.tolist() == [11, 11]
    middle.sum().backward()
    assert x.grad is not None
    assert x.grad.data.tolist() == [22, 22]


def test_a_hook_on_a_leaf_changes_what_backward_leaves_there() -> None:
    x = leaf(3.0)
    remove = x.register_hook(lambda gradient: gradient * 0.5)
    (x * x).sum().backward()
    assert x.grad is not None
    assert x.grad.item() == 3
    assert grad((x * x).sum(), [x])[0].item() == 3
    remove()
    remove()
    assert grad((x * x).sum(), [x])[0].item() == 6


def test_a_hook_is_part_of_every_walk_through_its_tensor_also_of_the_second_derivatives() -> None:
    x = leaf(2.0)
    middle = x * x
    middle.register_hook(lambda gradient: gradient * 2)
    (first,) = grad((middle * middle).sum(), [x], create_graph=True)
    assert first.item() == 64
    through_middle, direct = 2 * (8 * 2.0) * 4.0, 4 * 4.0 * 2.0
    assert grad(first.sum(), [x])[0].item() == through_middle + direct


def test_a_hook_goes_with_its_tensor_and_outlives_the_tensors_name() -> None:
    x, seen = leaf(1.0), []
    middle = x * 2
    middle.register_hook(lambda gradient: seen.append(gradient.item()))
    output = (middle * 3).sum()
    del middle
    output.backward()
    assert seen == [3]
    del output
    gc.collect()
    assert not hooks


def test_a_hook_that_changes_the_shape_or_has_no_gradient_to_see_is_refused() -> None:
    x = leaf(1.0, 2.0)
    x.register_hook(lambda gradient: gradient.sum())
    with pytest.raises(GraphError, match=r"hook: expected a gradient of shape \(2,\), got \(\)"):
        (x * x).sum().backward()
    with pytest.raises(GraphError, match="register_hook: this tensor of shape"):
        tensor([1.0]).register_hook(lambda gradient: None)


def model() -> nn.Sequential:
    return nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))


X = Tensor(np.array([[1.0, -2.0], [0.5, 3.0]], np.float32))


def test_module_hooks_see_inputs_outputs_and_gradients_also_inside_a_sequential() -> None:
    network, seen = model(), []
    second = network.layers[2]
    second.register_forward_pre_hook(lambda module, x: seen.append(("before", module is second, x.shape)))
    second.register_forward_hook(lambda module, x, y: seen.append(("after", x.shape, y.shape)))
    second.register_backward_hook(lambda module, gradient: seen.append(("gradient", gradient.shape)))
    output = network(X)
    assert seen == [("before", True, (2, 3)), ("after", (2, 3), (2, 1))]
    output.sum().backward()
    assert seen[2:] == [("gradient", (2, 1))]


def test_module_hooks_may_replace_what_they_see() -> None:
    layer = nn.ReLU()
    layer.register_forward_pre_hook(lambda module, x: -x)
    layer.register_forward_hook(lambda module, x, y: y + 1)
    layer.register_backward_hook(lambda module, gradient: gradient * 5)
    x = leaf(-2.0, 2.0)
    y = layer(x)
    assert y.data.tolist() == [3, 1]
    assert grad(y.sum(), [x])[0].data.tolist() == [-5, 0]


def test_a_module_without_hooks_is_as_it_was() -> None:
    network = model()
    before = dict(vars(network.layers[0]))
    removals = [
        network.layers[0].register_forward_hook(lambda *values: None),
        network.layers[0].register_backward_hook(lambda *values: None),
    ]
    assert list(network.parameters()) == list(model().parameters())
    for remove in removals:
        remove()
        remove()
    assert vars(network.layers[0]) == before


def test_a_copy_of_a_hooked_module_is_hooked_itself() -> None:
    layer, seen = nn.Linear(2, 3), []
    layer.register_forward_hook(lambda module, x, y: seen.append(module))
    other = copy.deepcopy(layer)
    other(X)
    assert len(seen) == 1
    assert seen[0] is other
