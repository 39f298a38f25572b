"""Every operation's first and second derivatives against finite differences in float64."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes

from chainrule.core import Tensor, losses, nn, ops
from chainrule.core.nn import ForwardContext

Check = Callable[..., None]


def numbers(*shape: int, low: float = -2.0, high: float = 2.0, seed: int = 0) -> np.ndarray:
    """Distinct values no closer to each other or to zero than 0.01, so that no difference crosses a kink."""
    count = int(np.prod(shape))
    values = np.linspace(low, high, count + 2)[1:-1]
    values = values + np.where(np.abs(values) < 0.01, 0.02, 0.0)
    return np.random.default_rng(seed).permutation(values).reshape(shape)


A, B = numbers(3, 4, high=2.3), numbers(3, 4, low=-1.9, seed=1)
POSITIVE = numbers(3, 4, low=0.3, high=3)
LABELS = np.array([2, 0, 3])

CASES: dict[str, tuple[Callable[..., Tensor], list[np.ndarray]]] = {
    "add": (ops.add, [A, B]),
    "subtract": (ops.subtract, [A, B]),
    "subtract from a number": (lambda x: 3 - x, [A]),
    "multiply": (ops.multiply, [A, B]),
    "multiply by itself": (lambda x: x * x * x, [A]),
    "divide": (ops.divide, [A, POSITIVE]),
    "divide a number": (lambda x: 2 / x, [POSITIVE]),
    "negative": (ops.negative, [A]),
    "power of tensors": (ops.power, [POSITIVE, B]),
    "power 3": (lambda x: x**3, [A]),
    "power 2": (lambda x: x**2, [A]),
    "power 1": (lambda x: x**1, [A]),
    "power 0": (lambda x: x**0, [A]),
    "power -0.5": (lambda x: x**-0.5, [POSITIVE]),
    "number to a power": (lambda x: 2**x, [A]),
    "exp": (ops.exp, [A]),
    "log": (ops.log, [POSITIVE]),
    "sqrt": (ops.sqrt, [POSITIVE]),
    "absolute": (ops.absolute, [A]),
    "maximum": (ops.maximum, [A, B]),
    "maximum with a number": (lambda x: ops.maximum(x, 0.3), [A]),
    "cast": (lambda x: ops.cast(x, np.dtype(np.float64)) * x, [A]),
    "matmul": (ops.matmul, [A, numbers(4, 2)]),
    "matmul of stacks": (ops.matmul, [numbers(2, 3, 4), numbers(2, 4, 2)]),
    "matmul of a stack and a matrix": (ops.matmul, [numbers(2, 3, 4), numbers(4, 2)]),
    "matmul of a matrix and a stack": (ops.matmul, [numbers(3, 4), numbers(2, 4, 2)]),
    "matmul of vectors": (ops.matmul, [numbers(4), numbers(4, seed=1)]),
    "matmul of a vector and a matrix": (ops.matmul, [numbers(4), numbers(4, 2)]),
    "matmul of a matrix and a vector": (ops.matmul, [A, numbers(4)]),
    "matmul of a vector and a stack": (ops.matmul, [numbers(4), numbers(2, 4, 2)]),
    "matmul of a stack and a vector": (ops.matmul, [numbers(2, 3, 4), numbers(4)]),
    "linear": (ops.linear, [A, numbers(4, 2), numbers(2)]),
    "sum": (ops.sum, [A]),
    "sum over an axis": (lambda x: ops.sum(x * x, axis=0), [A]),
    "sum over a negative axis, kept": (lambda x: ops.sum(x * x, axis=-1, keepdims=True), [A]),
    "sum over two axes": (lambda x: ops.sum(x * x, axis=(0, 2)), [numbers(2, 3, 4)]),
    "sum with a positional axis": (lambda x: ops.sum(x * x, 1), [A]),
    "mean": (lambda x: ops.mean(x * x), [A]),
    "mean over an axis": (lambda x: ops.mean(x * x, axis=1), [A]),
    "max": (lambda x: ops.max(x) * ops.max(x), [A]),
    "max over an axis": (lambda x: ops.max(x * x, axis=1), [A]),
    "max over two axes, kept": (lambda x: ops.max(x * x, axis=(0, -1), keepdims=True), [numbers(2, 3, 4)]),
    "reshape": (lambda x: ops.reshape(x * x, (2, 6)), [A]),
    "reshape to unknown size": (lambda x: (x * x).reshape(6, -1), [A]),
    "transpose": (lambda x: (x * x).T, [A]),
    "transpose by axes": (lambda x: ops.transpose(x * x, (2, 0, 1)), [numbers(2, 3, 4)]),
    "transpose by negative axes": (lambda x: ops.transpose(x * x, (-1, 0, -2)), [numbers(2, 3, 4)]),
    "broadcast_to": (lambda x: ops.broadcast_to(x * x, (2, 3, 4)), [numbers(3, 1)]),
    "getitem by slices": (lambda x: (x * x)[1:, ::2], [A]),
    "getitem by an integer": (lambda x: (x * x)[1], [A]),
    "getitem by an ellipsis and a new axis": (lambda x: (x * x)[..., None, 0], [A]),
    "getitem by integer arrays": (lambda x: (x * x)[np.arange(3), LABELS], [A]),
    "getitem by a repeated index": (lambda x: (x * x)[np.array([0, 1, 0, 0])], [A]),
    "getitem by a repeated index in a list": (lambda x: (x * x)[[2, 2]], [A]),
    "relu": (lambda x: ops.relu(x) * x, [A]),
    "sigmoid": (ops.sigmoid, [A]),
    "tanh": (ops.tanh, [A]),
    "softplus": (ops.softplus, [A]),
    "softmax": (ops.softmax, [A]),
    "softmax of a stack": (ops.softmax, [numbers(2, 3, 4)]),
    "log_softmax": (ops.log_softmax, [A]),
    "logsumexp": (ops.logsumexp, [A]),
    "softmax_cross_entropy": (lambda x: ops.softmax_cross_entropy(x, LABELS), [A]),
    "loss squared_error": (losses.squared_error, [A, B]),
    "loss squared_error, sum": (lambda p, t: losses.squared_error(p, t, "sum"), [A, B]),
    "loss softmax_cross_entropy": (lambda x: losses.softmax_cross_entropy(x, LABELS), [A]),
    "loss softmax_cross_entropy, sum": (lambda x: losses.softmax_cross_entropy(x, LABELS, "sum"), [A]),
}


@pytest.mark.parametrize("name", CASES)
def test_derivatives_agree_with_finite_differences(name: str, check_derivatives: Check) -> None:
    function, arrays = CASES[name]
    check_derivatives(function, *arrays)


TRAINING = ForwardContext(training=True, seed=3, step=7, first_sample=5)
LAYERS: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "Linear": (nn.Linear(4, 2), (3, 4)),
    "Linear without bias": (nn.Linear(4, 2, bias=False), (3, 4)),
    "ReLU": (nn.ReLU(), (3, 4)),
    "Sigmoid": (nn.Sigmoid(), (3, 4)),
    "Tanh": (nn.Tanh(), (3, 4)),
    "Flatten": (nn.Flatten(), (3, 2, 2)),
    "Dropout": (nn.Dropout(0.4), (3, 4)),
    "Sequential": (nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2)), (3, 2, 2)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_layers_derivatives_agree_with_finite_differences(name: str, check_derivatives: Check) -> None:
    layer, shape = LAYERS[name]
    parameters = list(layer.parameters().values())
    starts = [parameter.data.astype(np.float64) for parameter in parameters]

    def run(x: Tensor, *values: Tensor) -> Tensor:
        with_values = _with_parameters(layer, values)
        return with_values(x, TRAINING)

    check_derivatives(run, numbers(*shape), *starts)


def _with_parameters(module: nn.Module, values: tuple[Tensor, ...]) -> nn.Module:
    """A copy of `module` whose parameters are these very tensors, in order."""
    remaining = list(values)

    def rebuilt(part: nn.Module) -> nn.Module:
        copy = object.__new__(type(part))
        for key, value in vars(part).items():
            if isinstance(value, Tensor):
                value = remaining.pop(0)
            elif isinstance(value, tuple) and value and isinstance(value[0], nn.Module):
                value = tuple(rebuilt(item) for item in value)
            setattr(copy, key, value)
        return copy

    return rebuilt(module)


@settings(max_examples=40, deadline=None)
@given(shapes=mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3), data=st.data())
def test_broadcasting_is_undone_for_any_pair_of_shapes(shapes, data) -> None:
    left, right = (Tensor(np.ones(shape), requires_grad=True) for shape in shapes.input_shapes)
    operation = data.draw(st.sampled_from([ops.add, ops.subtract, ops.multiply, ops.divide, ops.maximum]))
    output = operation(left, right)
    assert output.shape == shapes.result_shape
    output.sum().backward()
    for tensor in (left, right):
        assert tensor.grad is not None
        assert tensor.grad.shape == tensor.shape
        repeats = output.size // tensor.size
        share = {ops.maximum: 0.5}.get(operation, 1.0)
        sign = -1 if tensor is right and operation in (ops.subtract, ops.divide) else 1
        np.testing.assert_array_equal(tensor.grad.data, np.full(tensor.shape, sign * share * repeats))
