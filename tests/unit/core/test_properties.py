"""Operations over generated shapes, axes, broadcasts, memory layouts and dtypes, against NumPy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import erf, sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, basic_indices, mutually_broadcastable_shapes

from chainrule.core import Tensor, grad, ops

STABLE = settings(derandomize=True, max_examples=50, deadline=None, database=None)
"""The same few examples in every run."""
SHAPES = array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
WITH_AXES = array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=4)
LAYOUTS = st.sampled_from(["rows", "columns", "reversed", "stepped", "shifted"])
Function = Callable[..., Any]


def draw(shape: Sequence[int], seed: int = 0, positive: bool = False) -> np.ndarray:
    """Distinct numbers, none within 0.003 of a multiple of 1, where operations here have their kinks."""
    count = int(np.prod(shape))
    steps = np.random.default_rng(seed + count).permutation(count)
    values = -3.5 + 7 * (steps + 0.5) / max(count, 1)
    values = np.round(values, 2) + 0.004 + 1e-5 * steps
    return (np.abs(values) + 0.2 if positive else values).reshape(shape)


def laid_out(x: np.ndarray, layout: str) -> np.ndarray:
    """The same numbers in another order in memory, some of it not their own."""
    if not x.ndim or layout == "rows":
        return x.copy()
    if layout == "columns":
        return np.asfortranarray(x)
    if layout == "reversed":
        return np.ascontiguousarray(np.flip(x))[(slice(None, None, -1),) * x.ndim]
    room = np.full((*x.shape[:-1], 2 * x.shape[-1] + 1), np.nan, x.dtype)
    part = room[..., 1::2] if layout == "stepped" else room[..., 1 : x.shape[-1] + 1]
    part[...] = x
    return part


def check(function: Function, formula: Function, arrays: Sequence[np.ndarray], layout: str) -> None:
    """Values are NumPy's in both dtypes; the gradient along a direction is a central difference."""
    expected = np.asarray(formula(*arrays))
    for dtype, tolerance in ((np.float64, 1e-12), (np.float32, 2e-5)):
        inputs = [laid_out(array.astype(dtype), layout) for array in arrays]
        tensors = [Tensor(array, requires_grad=True) for array in inputs]
        y = function(*tensors)
        assert y.shape == expected.shape
        assert y.dtype == dtype
        np.testing.assert_allclose(y.data, expected, rtol=tolerance, atol=tolerance)
        for before, array in zip(inputs, arrays, strict=True):
            np.testing.assert_array_equal(before, array.astype(dtype))
    tensors = [Tensor(laid_out(array, layout), requires_grad=True) for array in arrays]
    weights = np.random.default_rng(1).uniform(0.5, 1.5, expected.shape)
    gradients = grad((function(*tensors) * weights).sum(), tensors)
    directions = [np.random.default_rng(2 + at).uniform(-1, 1, x.shape) for at, x in enumerate(arrays)]
    assert [gradient.shape for gradient in gradients] == [array.shape for array in arrays]

    def along(step: float) -> float:
        moved = [array + step * direction for array, direction in zip(arrays, directions, strict=True)]
        return float((np.asarray(formula(*moved)) * weights).sum())

    h = 1e-4
    slope = (8 * (along(h) - along(-h)) - (along(2 * h) - along(-2 * h))) / (12 * h)
    actual = sum(float((g.data * v).sum()) for g, v in zip(gradients, directions, strict=True))
    scale = sum(float(np.abs(g.data * v).sum()) for g, v in zip(gradients, directions, strict=True))
    assert actual == pytest.approx(slope, rel=1e-6, abs=1e-6 * max(scale, 1.0))


def logistic(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def normal(x: np.ndarray) -> np.ndarray:
    return np.array([0.5 * (1 + erf(value * sqrt(0.5))) for value in x.ravel()]).reshape(x.shape)


UNARY: dict[str, tuple[Function, Function]] = {
    "negative": (ops.negative, np.negative),
    "exp": (ops.exp, np.exp),
    "expm1": (ops.expm1, np.expm1),
    "log": (ops.log, np.log),
    "sin": (ops.sin, np.sin),
    "cos": (ops.cos, np.cos),
    "tanh": (ops.tanh, np.tanh),
    "sqrt": (ops.sqrt, np.sqrt),
    "absolute": (ops.absolute, np.absolute),
    "power": (lambda x: x**3, lambda x: x**3),
    "relu": (ops.relu, lambda x: np.maximum(x, 0)),
    "relu6": (lambda x: ops.relu6(x * 3), lambda x: np.clip(x * 3, 0, 6)),
    "sigmoid": (ops.sigmoid, logistic),
    "log_sigmoid": (ops.log_sigmoid, lambda x: np.log(logistic(x))),
    "softplus": (ops.softplus, lambda x: np.log1p(np.exp(x))),
    "softsign": (ops.softsign, lambda x: x / (1 + np.abs(x))),
    "leaky_relu": (lambda x: ops.leaky_relu(x, 0.2), lambda x: np.where(x > 0, x, 0.2 * x)),
    "elu": (lambda x: ops.elu(x, 1.3), lambda x: np.where(x > 0, x, 1.3 * np.expm1(x))),
    "silu": (ops.silu, lambda x: x * logistic(x)),
    "mish": (ops.mish, lambda x: x * np.tanh(np.log1p(np.exp(x)))),
    "gelu": (ops.gelu, lambda x: x * normal(x)),
    "normal_cdf": (ops.normal_cdf, normal),
    "hard_sigmoid": (ops.hard_sigmoid, lambda x: np.clip(x, -3, 3) / 6 + 0.5),
    "hard_swish": (ops.hard_swish, lambda x: x * (np.clip(x, -3, 3) / 6 + 0.5)),
    "clip": (lambda x: ops.clip(x, -1, 2), lambda x: np.clip(x, -1, 2)),
}


@pytest.mark.parametrize("name", UNARY)
@STABLE
@given(shape=SHAPES, layout=LAYOUTS)
def test_elementwise_operations(name: str, shape: tuple[int, ...], layout: str) -> None:
    check(*UNARY[name], [draw(shape, positive=name in ("log", "sqrt"))], layout)


BINARY: dict[str, tuple[Function, Function]] = {
    "add": (ops.add, np.add),
    "subtract": (ops.subtract, np.subtract),
    "multiply": (ops.multiply, np.multiply),
    "divide": (ops.divide, np.divide),
    "power": (ops.power, np.power),
    "maximum": (ops.maximum, np.maximum),
    "minimum": (ops.minimum, np.minimum),
    "where": (lambda a, b: ops.where(a.data > 0, a, b), lambda a, b: np.where(a > 0, a, b)),
}


@pytest.mark.parametrize("name", BINARY)
@STABLE
@given(shapes=mutually_broadcastable_shapes(num_shapes=2, max_dims=4, min_side=0, max_side=3), layout=LAYOUTS)
def test_operations_of_two_that_broadcast(name: str, shapes: Any, layout: str) -> None:
    a, b = (draw(shape, seed, name in ("divide", "power")) for seed, shape in enumerate(shapes.input_shapes))
    check(*BINARY[name], [a, b + 0.0005], layout)


def log_sum(x: np.ndarray, axis: Any, keepdims: bool = False) -> np.ndarray:
    return np.log(np.exp(x).sum(axis=axis, keepdims=keepdims))


REDUCTIONS: dict[str, tuple[Function, Function]] = {
    "sum": (ops.sum, np.sum),
    "mean": (ops.mean, np.mean),
    "max": (ops.max, np.max),
    "min": (ops.min, np.min),
    "var": (ops.var, np.var),
}


def axes_of(shape: tuple[int, ...], data: Any) -> Any:
    """None, an axis, or several, some counted from the end."""
    places = data.draw(st.lists(st.integers(0, len(shape) - 1), unique=True, min_size=1))
    signed = tuple(place - data.draw(st.sampled_from([0, len(shape)])) for place in places)
    return data.draw(st.sampled_from([None, signed[0], signed]))


@pytest.mark.parametrize("name", REDUCTIONS)
@STABLE
@given(shape=WITH_AXES, layout=LAYOUTS, kept=st.booleans(), data=st.data())
def test_reductions_over_any_axes(name: str, shape: Any, layout: str, kept: bool, data: Any) -> None:
    options = {"axis": axes_of(shape, data), "keepdims": kept}
    function, formula = REDUCTIONS[name]
    check(lambda x: function(x, **options), lambda x: formula(x, **options), [draw(shape)], layout)


ALONG: dict[str, tuple[Function, Function]] = {
    "softmax": (ops.softmax, lambda x, axis: np.exp(x - log_sum(x, axis, True))),
    "log_softmax": (ops.log_softmax, lambda x, axis: x - log_sum(x, axis, True)),
    "logsumexp": (ops.logsumexp, log_sum),
    "standardize": (
        ops.standardize,
        lambda x, axis: (x - x.mean(axis, keepdims=True)) / np.sqrt(x.var(axis, keepdims=True) + 1e-5),
    ),
    "rms_normalize": (
        ops.rms_normalize,
        lambda x, axis: x / np.sqrt((x * x).mean(axis, keepdims=True) + 1e-5),
    ),
}


@pytest.mark.parametrize("name", ALONG)
@STABLE
@given(shape=WITH_AXES, layout=LAYOUTS, data=st.data())
def test_operations_along_any_axes(name: str, shape: tuple[int, ...], layout: str, data: Any) -> None:
    axis = axes_of(shape, data)
    function, formula = ALONG[name]
    if name == "standardize" and np.prod(shape) > 1:
        axis = None  # of two elements only the sign is left, and no difference is fine enough for its slope
    check(lambda x: function(x, axis=axis), lambda x: formula(x, axis), [draw(shape)], layout)


@STABLE
@given(shape=WITH_AXES, layout=LAYOUTS, data=st.data())
def test_cumulated_sums(shape: tuple[int, ...], layout: str, data: Any) -> None:
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    check(lambda x: ops.cumsum(x, axis), lambda x: np.cumsum(x, axis), [draw(shape)], layout)


@STABLE
@given(shape=SHAPES, layout=LAYOUTS, data=st.data())
def test_transposed_reshaped_and_broadcast(shape: tuple[int, ...], layout: str, data: Any) -> None:
    order = tuple(data.draw(st.permutations(range(len(shape)))))
    more = (2, *shape)

    def function(x: Any) -> Any:
        y = ops.transpose(x * x, order)
        return ops.broadcast_to(ops.reshape(ops.reshape(y, (y.size,)), shape), more)

    def formula(x: np.ndarray) -> np.ndarray:
        return np.broadcast_to(np.transpose(x * x, order).reshape(shape), more)

    check(function, formula, [draw(shape)], layout)


@STABLE
@given(shape=WITH_AXES, layout=LAYOUTS, data=st.data())
def test_basic_indices_with_steps_back_new_axes_and_ellipses(shape: Any, layout: str, data: Any) -> None:
    index = data.draw(basic_indices(shape, allow_newaxis=True))
    check(lambda x: (x * x)[index], lambda x: (x * x)[index], [draw(shape)], layout)


@STABLE
@given(shape=WITH_AXES, layout=LAYOUTS, picks=st.lists(st.integers(-4, 3), max_size=5))
def test_integer_indices_some_of_them_repeated(shape: Any, layout: str, picks: list[int]) -> None:
    index = np.array([pick % shape[0] for pick in picks], int)
    check(lambda x: (x * x)[index], lambda x: (x * x)[index], [draw(shape)], layout)


@STABLE
@given(
    batch=mutually_broadcastable_shapes(num_shapes=2, max_dims=2, min_side=0, max_side=3),
    sizes=st.tuples(*[st.integers(0, 4)] * 3),
    layout=LAYOUTS,
)
def test_matrix_products_of_stacks_that_broadcast(batch: Any, sizes: Any, layout: str) -> None:
    n, k, m = sizes
    a, b = (batch.input_shapes[0] + (n, k)), (batch.input_shapes[1] + (k, m))
    check(ops.matmul, np.matmul, [draw(a), draw(b, 1)], layout)


@STABLE
@given(n=st.integers(0, 4), inputs=st.integers(0, 4), units=st.integers(0, 4), layout=LAYOUTS)
def test_a_fully_connected_layer_of_any_size(n: int, inputs: int, units: int, layout: str) -> None:
    arrays = [draw((n, inputs)), draw((inputs, units), 1), draw((units,), 2)]
    check(ops.linear, lambda x, weight, bias: x @ weight + bias, arrays, layout)


@STABLE
@given(
    n=st.integers(0, 2),
    channels=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    size=st.tuples(st.integers(2, 4), st.integers(2, 4)),
    stride=st.integers(1, 2),
    layout=LAYOUTS,
)
def test_convolution_and_pooling_of_arrays_in_any_memory_order(n, channels, size, stride, layout) -> None:
    def formula(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
        windows = np.lib.stride_tricks.sliding_window_view(x, (2, 2), axis=(2, 3))[:, :, ::stride, ::stride]
        y = np.einsum("ncyxij,ocij->noyx", windows, weight)
        return y + windows.mean(axis=(4, 5)).sum(axis=1, keepdims=True)

    def function(x: Any, weight: Any) -> Any:
        pooled = ops.sum(ops.average_pool(x, 2, stride), axis=1, keepdims=True)
        return ops.conv(x, weight, stride) + pooled

    shapes = (n, channels[0], *size), (channels[1], channels[0], 2, 2)
    check(function, formula, [draw(shape, seed) for seed, shape in enumerate(shapes)], layout)


@STABLE
@given(shape=array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=4), layout=LAYOUTS)
def test_softmax_cross_entropy_of_any_batch(shape: tuple[int, int], layout: str) -> None:
    labels = np.arange(shape[0]) % shape[1]
    check(
        lambda x: ops.softmax_cross_entropy(x, labels),
        lambda x: (log_sum(x, 1) - x[np.arange(shape[0]), labels]).sum(),
        [draw(shape)],
        layout,
    )
