"""Anomaly mode: the first operation that made a NaN or an infinity, and the layer that it is part of."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from chainrule.core import Tensor, detect_anomalies, grad, losses, nn, ops, tensor
from chainrule.core.anomaly import AnomalyError
from chainrule.core.backward import watchers
from chainrule.core.graph import observers

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


class Logarithm(nn.Module):
    kind = "logarithm"

    def forward(self, x, context):
        return ops.log(x)


class Root(nn.Module):
    kind = "root"

    def forward(self, x, context):
        return ops.sqrt(ops.relu(x))


def network(last: nn.Module) -> nn.Sequential:
    model = nn.Sequential(nn.Linear(3, 4), nn.Sequential(nn.Tanh(), last), nn.Linear(4, 2))
    nn.initialize(model, 0)
    return model


X = Tensor(np.linspace(-2, 2, 15, dtype=np.float32).reshape(5, 3))


def test_the_first_operation_with_a_nan_is_named_with_its_layer_and_the_place() -> None:
    with pytest.raises(AnomalyError) as caught, detect_anomalies():
        network(Logarithm())(X)
    message = str(caught.value)
    assert message.startswith("log in layers.1.layers.1.logarithm: its output has NaN (")
    assert "of 20 elements, first at [0, " in message
    assert message.endswith("; all its arguments are finite")


def test_a_derivative_that_is_infinite_names_the_operation_of_the_forward_pass_and_its_layer() -> None:
    with pytest.raises(AnomalyError) as caught, detect_anomalies():
        losses.softmax_cross_entropy(network(Root())(X), np.array([0, 1, 0, 1, 0])).backward()
    message = str(caught.value)
    assert message.startswith(
        "sqrt in layers.1.layers.1.root: its derivative with respect to argument 0 has "
    )


def test_a_hooked_layer_and_a_single_layer_have_paths_too() -> None:
    model = network(Logarithm())
    inner = model.layers[1]
    assert isinstance(inner, nn.Sequential)
    inner.layers[1].register_forward_hook(lambda *values: None)
    with pytest.raises(AnomalyError, match=r"log in layers\.1\.layers\.1\.logarithm"), detect_anomalies():
        model(X)
    with pytest.raises(AnomalyError, match=r"^log in logarithm: its output has NaN"), detect_anomalies():
        Logarithm()(X)


def test_outside_any_layer_the_operation_alone_is_named() -> None:
    with pytest.raises(AnomalyError) as caught, detect_anomalies():
        ops.divide(tensor([1.0, 1.0]), tensor([1.0, 0.0]))
    expected = (
        "divide: its output has an infinity (1 of 2 elements, first at [1]); all its arguments are finite"
    )
    assert str(caught.value) == expected


def test_a_nan_that_came_with_an_argument_says_so() -> None:
    with pytest.raises(AnomalyError, match=r"argument 0 came with NaN$"), detect_anomalies():
        ops.negative(tensor([float("nan"), 1.0]))


def test_an_infinity_in_a_mask_is_no_anomaly() -> None:
    x = tensor([1.0, 2.0], requires_grad=True)
    with detect_anomalies():
        y = ops.softmax(x + np.array([0, -np.inf], np.float32))
        assert np.isfinite(grad(y.sum(), [x])[0].data).all()


def test_second_derivatives_are_watched() -> None:
    x = tensor([0.0], requires_grad=True)
    with detect_anomalies():
        (first,) = grad((x**1.5).sum(), [x], create_graph=True)
        with pytest.raises(AnomalyError, match=r"has an infinity|has NaN"):
            grad(first.sum(), [x])


def test_outside_and_in_other_threads_nothing_is_looked_at() -> None:
    results = []
    with detect_anomalies():
        other = threading.Thread(target=lambda: results.append((tensor([1.0]) / 0.0).item()))
        other.start()
        other.join()
    assert results == [np.inf]
    assert (tensor([1.0]) / 0.0).item() == np.inf
    assert not observers
    assert not watchers


def test_a_healthy_step_is_the_same_inside() -> None:
    model = network(nn.ReLU())
    found = []
    for watched in (False, True):
        if watched:
            with detect_anomalies():
                losses.softmax_cross_entropy(model(X), np.array([0, 1, 0, 1, 0])).backward()
        else:
            losses.softmax_cross_entropy(model(X), np.array([0, 1, 0, 1, 0])).backward()
        found.append([p.grad.data.tobytes() for p in model.parameters().values() if p.grad is not None])
        for parameter in model.parameters().values():
            parameter.grad = None
    assert found[0] == found[1]
    assert len(found[0]) == 4
