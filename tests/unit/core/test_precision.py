"""Half precision: what is stored in what, sums that float16 alone would get wrong, float32 masters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from half_precision import NAMES, check_half
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.core import ChainruleError, Tensor, detect_anomalies, grad, hvp, losses, nn, ops, optim, tensor
from chainrule.core.anomaly import AnomalyError
from chainrule.core.array import floating, is_floating, limits
from chainrule.core.checkpointing import checkpoint
from chainrule.core.custom_op import custom_op

HALVES = BFLOAT16, FLOAT16 = [floating(name) for name in NAMES]
ONE = np.ones(3, np.float32)


def half(values: object, dtype: Any = FLOAT16, requires_grad: bool = False) -> Tensor:
    return Tensor(np.asarray(values).astype(np.dtype(dtype)), requires_grad)


@pytest.mark.parametrize("dtype", HALVES, ids=NAMES)
@pytest.mark.parametrize(
    "function",
    [
        lambda x: x * 0.3,
        lambda x: 2 - x,
        lambda x: x**2,
        lambda x: ops.maximum(x, 0.3),
        lambda x: ops.where(ONE > 0, x, 0.3),
        lambda x: x * np.arange(3),
        lambda x: x + x,
        lambda x: ops.concatenate([x, x]),
        lambda x: x.mean(),
        lambda x: ops.pad(x, [(1, 1)], value=0.5),
    ],
)
def test_numbers_integers_and_the_same_half_do_not_change_what_is_stored(function, dtype: np.dtype) -> None:
    assert function(half(ONE, dtype)).dtype == dtype


@pytest.mark.parametrize("combine", [ops.add, ops.multiply, ops.matmul, lambda a, b: ops.concatenate([a, b])])
def test_a_half_with_something_wider_gives_that_and_the_two_halves_give_float32(combine) -> None:
    for a, b, expected in (
        (FLOAT16, np.float32, np.float32),
        (np.float32, BFLOAT16, np.float32),
        (BFLOAT16, np.float64, np.float64),
        (BFLOAT16, FLOAT16, np.float32),
        (FLOAT16, BFLOAT16, np.float32),
    ):
        tensors = [half(ONE, dtype, requires_grad=True) for dtype in (a, b)]
        y = combine(*tensors)
        assert y.dtype == expected
        assert [gradient.dtype for gradient in grad(y.sum(), tensors)] == [np.dtype(a), np.dtype(b)]


def test_astype_brings_the_gradient_back_in_the_tensors_own_precision_and_refuses_integers() -> None:
    x = tensor([1.0, 2.0], requires_grad=True)
    y = x.astype("bfloat16")
    assert y.dtype == BFLOAT16
    assert "dtype=bfloat16" in repr(y)
    assert x.astype(np.float32) is x
    (y * y).sum().backward()
    assert x.grad is not None
    assert x.grad.dtype == np.float32
    np.testing.assert_array_equal(x.grad.data, [2, 4])
    expected = "dtype: expected one of float64, float32, bfloat16, float16, got int64"
    with pytest.raises(ChainruleError, match=expected):
        x.astype(np.int64)
    with pytest.raises(
        ChainruleError, match="expected a floating dtype where a gradient is wanted, got int16"
    ):
        Tensor(np.ones(2, np.int16), requires_grad=True)


MANY = np.ones(10_000)
SMALL = np.concatenate([[2048.0], np.full(4096, 0.25)])
FAR = np.random.default_rng(0).normal(300, 1, 20_000).astype(np.float16).astype(np.float64)
WEIGHTS = np.random.default_rng(1).uniform(0, 1, 4096).astype(np.float16).astype(np.float64)


@pytest.mark.parametrize("dtype", NAMES)
@pytest.mark.parametrize(
    ("function", "values", "expected"),
    [
        (ops.sum, MANY, 10_000),
        (ops.sum, SMALL, 3072),
        (lambda x: ops.sum(ops.reshape(x, (1, -1)), axis=1)[0], SMALL, 3072),
        (ops.mean, np.full(70_000, 2.0), 2.0),
        (ops.var, FAR, None),
        (ops.std, FAR, None),
        (lambda x: ops.standardize(x)[-1], FAR, None),
        (lambda x: ops.matmul(x, x), np.full(4096, 0.5), 1024),
        (lambda x: ops.linear(ops.reshape(x, (1, -1)), ops.reshape(x, (-1, 1)), x[:1])[0, 0], WEIGHTS, None),
        (lambda x: ops.conv(ops.reshape(x, (1, -1, 1)), ops.reshape(x, (1, -1, 1)))[0, 0, 0], WEIGHTS, None),
        (lambda x: ops.einsum("i,i->", x, x), WEIGHTS, None),
        (lambda x: ops.softmax(x)[0], np.zeros(8192), 2.0**-13),
        (lambda x: ops.logsumexp(x), np.zeros(8192), np.log(8192)),
        (lambda x: ops.cumsum(x)[-1], SMALL, 3072),
        (lambda x: ops.global_average_pool(ops.reshape(x, (1, 1, -1)))[0, 0], np.full(70_000, 2.0), 2.0),
        (lambda x: ops.scatter_add(x, (np.zeros(4097, int),), (1,))[0], SMALL, 3072),
        (lambda x: losses.squared_error(x, half(MANY * 0)), MANY, 1.0),
    ],
    ids=[
        "sum", "sum of small ones", "sum over an axis", "mean", "var", "std", "standardize", "matmul",
        "linear", "conv", "einsum", "softmax", "logsumexp", "cumsum", "pool", "scatter_add", "loss",
    ],
)  # fmt: skip
def test_sums_are_float32_and_rounded_once(function, values: np.ndarray, expected, dtype: str) -> None:
    stored = values.astype(dtype)
    if expected is None:
        expected = function(Tensor(stored.astype(np.float64))).item()
    assert function(Tensor(stored)).item() == pytest.approx(expected, rel=float(limits(np.dtype(dtype)).eps))


@pytest.mark.parametrize("dtype", NAMES)
def test_gradients_of_what_was_broadcast_used_often_or_picked_often_are_summed_in_float32(dtype: str) -> None:
    def gradient(function) -> float:
        x = half([1.0], dtype, requires_grad=True)
        return grad(function(x).astype("float32").sum(), [x])[0].item()

    def repeated(x: Tensor) -> Tensor:
        y = x * 2048.0
        for _ in range(2048):
            y = y + x * 0.5
        return y

    assert gradient(lambda x: x + np.zeros(4096, np.float32)) == 4096
    assert gradient(lambda x: x * np.ones(3000).astype(dtype)) == pytest.approx(3000, rel=1e-2)
    assert gradient(lambda x: x[np.zeros(4096, int)]) == 4096
    assert gradient(lambda x: ops.embedding(ops.reshape(x, (1, 1)), np.zeros(4096, int))) == 4096
    assert gradient(repeated) == 3072


def test_second_derivatives_of_halves_are_those_of_float64_rounded() -> None:
    x = half([0.5, -1.0, 2.0], requires_grad=True)
    y = (ops.tanh(x) * x * x).astype("float32").sum()
    wide = Tensor(x.data.astype(np.float64), requires_grad=True)
    expected = hvp((ops.tanh(wide) * wide * wide).sum(), [wide], [Tensor(np.ones(3))])[0].data
    np.testing.assert_allclose(hvp(y, [x], [half(ONE)])[0].data, expected, rtol=0.01, atol=0.005)


@pytest.mark.parametrize("dtype", NAMES)
def test_checkpointing_and_custom_operations_compute_as_everything_else_does(dtype: str) -> None:
    layer = nn.Linear(3, 2)
    nn.cast(layer, dtype)
    x = half(np.arange(6).reshape(2, 3), dtype, requires_grad=True)
    plain, again = layer(x), checkpoint(layer, x)
    assert plain.data.tobytes() == again.data.tobytes()
    assert grad(plain.sum(), [x])[0].data.tobytes() == grad(again.sum(), [x])[0].data.tobytes()
    seen = []
    total = custom_op(lambda x: (seen.append(x.dtype), x.sum())[1], lambda g, y, x: g * np.ones(x.shape))
    assert total(x).dtype == np.dtype(dtype)
    assert grad(total(x), [x])[0].dtype == np.dtype(dtype)
    assert seen == [np.float32] * 2


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-60_000, 60_000, width=16), min_size=1, max_size=8), st.sampled_from(NAMES))
def test_a_half_goes_to_float32_and_back_unchanged(values: list[float], dtype: str) -> None:
    x = half(values, dtype)
    assert x.astype("float32").astype(dtype).data.tobytes() == x.data.tobytes()
    assert is_floating(x.dtype)


@pytest.mark.parametrize("dtype", NAMES)
def test_the_optimizer_keeps_float32_masters_so_that_small_steps_add_up(dtype: str) -> None:
    model = nn.Linear(2, 1, bias=False)
    model.weight.data = np.ones((2, 1), np.float32)
    nn.cast(model, dtype)
    optimizer = optim.FlatOptimizer(optim.SGD(1.0), model)
    for _ in range(64):
        model.weight.grad = half(np.full((2, 1), 2.0**-12), dtype)
        optimizer.step()
    assert optimizer.parameters.dtype == np.float32
    assert model.weight.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(model.weight.data.astype(np.float32), 1 - 2.0**-6)
    again = nn.Linear(2, 1, bias=False)
    nn.cast(again, dtype)
    restored = optim.FlatOptimizer(optim.SGD(1.0), again)
    restored.restore(optimizer.save())
    assert again.weight.data.tobytes() == model.weight.data.tobytes()


def test_anomaly_mode_sees_what_is_not_finite_in_bfloat16() -> None:
    expected = pytest.raises(AnomalyError, match="log: its output has NaN")
    with detect_anomalies(), expected, np.errstate(all="ignore"):
        ops.log(half([-1.0], BFLOAT16, requires_grad=True))


@pytest.mark.parametrize("dtype", NAMES)
def test_estimates_of_curvature_are_float32(dtype: str) -> None:
    def estimates(precision: str) -> list[np.ndarray]:
        weight = half(np.linspace(-1, 1, 12).reshape(3, 4), precision, requires_grad=True)
        logits = half(np.linspace(1, 2, 15).reshape(5, 3), precision) @ weight
        loss = losses.softmax_cross_entropy(logits, np.array([0, 3, 1, 2, 2]))
        return [*optim.hutchinson(loss, [weight], 0, 1), *optim.gauss_newton_bartlett(logits, [weight], 0, 1)]

    for found, exact in zip(estimates(dtype), estimates("float32"), strict=True):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, exact, atol=0.03 * np.abs(exact).max())


@pytest.mark.parametrize("largest", [300.0, 6e4])
@pytest.mark.parametrize(
    "function",
    [
        ops.softmax, ops.logsumexp, ops.sigmoid, ops.softplus, ops.gelu, ops.silu, ops.mish, ops.mean,
        ops.standardize, ops.rms_normalize, ops.log_sigmoid, lambda x: ops.gelu(x, approximate=True),
    ],
)  # fmt: skip
def test_what_would_overflow_on_the_way_in_float16_does_not(function, largest: float) -> None:
    check_half(function, [np.array([[-largest, -1, 0, 0.5, 1, largest]])], "float16", FLOAT16, units=3)
