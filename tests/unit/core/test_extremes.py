"""Extreme inputs: values and gradients are those of extended precision, or known limits, in every dtype."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from chainrule.core import Tensor, grad, losses, nn, ops
from chainrule.core.array import limits
from chainrule.core.nn import ForwardContext

TRAINING = ForwardContext(training=True)
DTYPES = ["float64", "float32", "float16", "bfloat16"]
Wide = np.longdouble
ODD = [0.0, 1e-45, 1e-40, 1e-8, 1e-3, 1, 3, 5, 10, 20, 50, 79, 80, 81, 87, 88, 89, 104, 710, 1e4, 1e30]
EDGES = np.array([sign * x for x in ODD for sign in (-1, 1)])


@pytest.fixture(autouse=True)
def _overflow_to_infinity() -> Iterator[None]:
    """What rounds to infinity, as 1e30 in float16 does, is meant to."""
    with np.errstate(over="ignore", under="ignore", divide="raise", invalid="raise"):
        yield


def run(function: Callable[..., Any], x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Value and gradient of the sum, in extended precision."""
    tensor = Tensor(x, requires_grad=True)
    y = function(tensor)
    return y.data.astype(Wide), grad(y.sum(), [tensor])[0].data.astype(Wide)


def close(actual: Any, expected: Any, dtype: Any, units: float = 8, scale: Any = None) -> None:
    """Within `units` roundings of the value, or of `scale` where that is larger; denormals may be zero."""
    known = limits(np.dtype(dtype))
    expected = np.broadcast_to(np.asarray(expected, Wide), np.shape(actual))
    size = np.abs(expected) if scale is None else np.maximum(np.abs(expected), scale)
    allowed = units * float(known.eps) * size + 300 * float(known.smallest_normal)
    beyond = np.abs(expected) > float(known.max)
    assert (np.isinf(actual) | (np.abs(actual) > 0.99 * float(known.max)))[beyond].all()
    np.testing.assert_array_less(np.abs(actual - expected)[~beyond], allowed[~beyond])


def logistic(x: np.ndarray) -> np.ndarray:
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


def soft(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


SELU = Wide(1.0507009873554805), Wide(1.6732632423543772)
FORMULAS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "sigmoid": (logistic, lambda x: logistic(x) * logistic(-x)),
    "log_sigmoid": (lambda x: -soft(-x), lambda x: logistic(-x)),
    "softplus": (soft, logistic),
    "tanh": (np.tanh, lambda x: 1 / np.cosh(x) ** 2),
    "relu": (lambda x: np.maximum(x, 0), lambda x: x > 0),
    "silu": (lambda x: x * logistic(x), lambda x: logistic(x) * (1 + x * logistic(-x))),
    "mish": (
        lambda x: x * np.tanh(soft(x)),
        lambda x: np.tanh(soft(x)) + x * logistic(x) / np.cosh(soft(x)) ** 2,
    ),
    "elu": (
        lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
        lambda x: np.where(x > 0, 1, np.exp(np.minimum(x, 0))),
    ),
    "selu": (
        lambda x: SELU[0] * np.where(x > 0, x, SELU[1] * np.expm1(np.minimum(x, 0))),
        lambda x: SELU[0] * np.where(x > 0, 1, SELU[1] * np.exp(np.minimum(x, 0))),
    ),
    "softsign": (lambda x: x / (1 + np.abs(x)), lambda x: 1 / (1 + np.abs(x)) ** 2),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FORMULAS)
def test_activations_are_right_from_denormals_to_1e30(name: str, dtype: str) -> None:
    value, slope = FORMULAS[name]
    x = EDGES[np.abs(EDGES) <= float(limits(np.dtype(dtype)).max)].astype(dtype)
    y, g = run(getattr(ops, name), x)
    close(y, value(x.astype(Wide)), dtype)
    close(g, slope(x.astype(Wide)), dtype, scale=1.0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["elu", "selu", "softsign", "softplus"])
def test_tails_of_derivatives_keep_their_digits(name: str, dtype: str) -> None:
    x = -np.array([1, 3, 5, 8, 11.0])
    close(run(getattr(ops, name), x.astype(dtype))[1], FORMULAS[name][1](x.astype(Wide)), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_gelu_and_the_piecewise_ones_go_to_their_limits(dtype: str) -> None:
    x = np.array([-1e4, -88, 0, 88, 1e4]).astype(dtype)
    wide = x.astype(Wide)
    for function, low, high, bound in (
        (ops.gelu, 0, 1, 0),
        (lambda x: ops.gelu(x, approximate=True), 0, 1, 0),
        (ops.hard_swish, 0, 1, 0),
        (ops.leaky_relu, 0.01, 1, 0),
        (ops.relu6, 0, 0, 6),
    ):
        y, g = run(function, x)
        close(y, np.where(wide > 0, high * wide + bound, low * wide), dtype)
        close(np.delete(g, 2), [low, low, high, high], dtype)
        assert np.isfinite(g[2])


@pytest.mark.parametrize("dtype", DTYPES)
def test_infinities_go_to_the_limits_of_what_has_them(dtype: str) -> None:
    ends = np.array([-np.inf, np.inf]).astype(dtype)
    for function, values, slopes in (
        (ops.sigmoid, [0, 1], [0, 0]),
        (ops.tanh, [-1, 1], [0, 0]),
        (ops.softplus, [0, np.inf], [0, 1]),
        (ops.log_sigmoid, [-np.inf, 0], [1, 0]),
        (ops.elu, [-1, np.inf], [0, 1]),
        (ops.relu, [0, np.inf], [0, 1]),
    ):
        y, g = run(function, ends)
        np.testing.assert_array_equal(y, values)
        np.testing.assert_array_equal(g, slopes)


INF = np.inf
ROWS = {
    "far apart": [1e4, -1e4, 0, 9999],
    "near the limit of exp": [88, -88, 89, 104],
    "constant": [7, 7, 7, 7],
    "constant and large": [-1e4, -1e4, -1e4, -1e4],
    "denormal": [1e-40, -1e-40, 3e-40, 0],
    "partly masked": [-INF, 0, 1, -INF],
    "one left": [-INF, -INF, -3, -INF],
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("row", ROWS)
def test_softmax_and_its_relatives_agree_with_extended_precision(row: str, dtype: str) -> None:
    x = np.array([ROWS[row]]).astype(dtype)
    wide = x.astype(Wide)
    shifted = wide - wide.max()
    p = np.exp(shifted) / np.exp(shifted).sum()
    weights = np.array([[0.5, 2, 1, 3]], dtype)
    w = weights.astype(Wide)
    finite = np.isfinite(wide)
    with np.errstate(invalid="ignore"):
        logs = shifted - np.log(np.exp(shifted).sum())
    y, g = run(lambda x: ops.softmax(x) * weights, x)
    close(y, p * w, dtype)
    close(g, p * (w - (p * w).sum()), dtype, scale=3.0)
    y, g = run(ops.logsumexp, x)
    close(y, wide.max() + np.log(np.exp(shifted).sum()), dtype)
    close(g, p, dtype, scale=1.0)
    y = ops.log_softmax(Tensor(x, requires_grad=True))
    close(y.data.astype(Wide)[finite], logs[finite], dtype, scale=1.0)
    np.testing.assert_array_equal(y.data[~finite], -INF)
    for label in np.flatnonzero(finite[0]):
        loss, g = run(lambda x, label=label: losses.softmax_cross_entropy(x, np.array([label])), x)
        close(loss, -logs[0, label], "float32" if dtype != "float64" else dtype, units=64, scale=1.0)
        close(g, p - (np.arange(4) == label), dtype, scale=1.0)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_row_that_is_all_masked_has_no_share_and_no_gradient(dtype: str) -> None:
    x = np.array([[-INF, -INF], [0, 0]]).astype(dtype)
    y, g = run(ops.softmax, x)
    np.testing.assert_array_equal(y, [[0, 0], [0.5, 0.5]])
    np.testing.assert_array_equal(g, np.zeros((2, 2)))
    y, g = run(ops.logsumexp, x)
    assert y[0] == -INF
    np.testing.assert_array_equal(g[0], [0, 0])
    np.testing.assert_array_equal(ops.log_softmax(Tensor(x)).data[0], [-INF, -INF])
    assert ops.logsumexp(np.array([INF, 0.0])) == INF


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("scale", [1, 30, 88])
def test_attention_of_all_masked_rows_takes_zeros_and_stays_finite(dtype: str, scale: float) -> None:
    x = (np.random.default_rng(0).standard_normal((2, 3, 4)) * scale).astype(dtype)
    mask = np.array([[True, False, False], [False, False, False], [True, True, True]])
    y, g = run(lambda x: nn.attention(x, x, x, mask), x)
    np.testing.assert_array_equal(y[:, 1], np.zeros((2, 4)))
    np.testing.assert_array_equal(y[:, 0], x[:, 0].astype(Wide))
    assert np.isfinite(g).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("target", [0.0, 0.25, 1.0])
def test_binary_cross_entropy_is_right_at_any_logit(dtype: str, target: float) -> None:
    x = EDGES[np.abs(EDGES) <= float(limits(np.dtype(dtype)).max)].astype(dtype)[:, None]
    wide = x.astype(Wide)
    goal = np.full(x.shape, target, dtype)
    y, g = run(lambda x: losses.binary_cross_entropy(x, goal, "none"), x)
    expected = (target * soft(-wide) + (1 - target) * soft(wide))[:, 0]
    close(y, expected, "float64" if dtype == "float64" else "float32")
    close(g, logistic(wide) - target, dtype, scale=1.0)


def normalized(x: np.ndarray, seed: np.ndarray, centered: bool) -> tuple[np.ndarray, np.ndarray]:
    """Rows of variance 1, or of mean square 1 where not centered, and what the seed's gradient becomes."""
    x = x - x.mean(axis=-1, keepdims=True) if centered else x
    deviation = np.sqrt((x * x).mean(axis=-1, keepdims=True) + Wide(1e-5))
    y = x / deviation
    g = seed - y * (seed * y).mean(axis=-1, keepdims=True) - centered * seed.mean(axis=-1, keepdims=True)
    return y, g / deviation


NORMALIZING: dict[str, Callable[[], nn.Module]] = {
    "LayerNorm": lambda: nn.LayerNorm(8),
    "GroupNorm": lambda: nn.GroupNorm(1, 8),
    "BatchNorm": lambda: nn.BatchNorm(6),
    "RMSNorm": lambda: nn.RMSNorm(8),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("scale", "offset"), [(1, 0), (1e4, 0), (1, 1e4), (1e-20, 0), (1e-40, 0), (0, 5), (0, -1e4), (1e3, 3e4)]
)
@pytest.mark.parametrize("name", NORMALIZING)
def test_normalizing_layers_are_right_for_large_tiny_and_constant_rows(name, scale, offset, dtype) -> None:
    x = (np.random.default_rng(1).standard_normal((6, 8)) * scale + offset).astype(dtype)
    seed = np.random.default_rng(2).integers(-3, 4, x.shape).astype(dtype)
    layer = NORMALIZING[name]()
    nn.cast(layer, dtype)
    swapped = (1, 0) if name == "BatchNorm" else (0, 1)
    y, g = run(lambda x: (layer(x.transpose(*swapped), TRAINING)).transpose(*swapped) * seed, x)
    expected, slope = normalized(x.astype(Wide), seed.astype(Wide), name != "RMSNorm")
    close(y, expected * seed.astype(Wide), dtype, units=16, scale=1.0)
    close(g, slope, dtype, units=32, scale=np.abs(slope).max())


@pytest.mark.parametrize("dtype", DTYPES)
def test_one_element_and_constant_rows_have_no_spread_and_no_gradient(dtype: str) -> None:
    for x in (np.array([[3.0]]), np.full((2, 5), 1e4), np.full((2, 5), 1e-40)):
        for function in (ops.var, ops.std):
            y, g = run(lambda x, function=function: function(x, axis=-1), x.astype(dtype))
            np.testing.assert_array_equal(y, np.zeros(len(x)))
            np.testing.assert_array_equal(g, np.zeros(x.shape))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("scale", "offset"), [(1, 0), (50, 0), (1, 100), (1e-3, 0)])
def test_variance_and_deviation_agree_with_extended_precision(scale, offset, dtype) -> None:
    x = (np.random.default_rng(4).standard_normal((3, 8)) * scale + offset).astype(dtype)
    variance = x.astype(Wide).var(axis=-1)
    close(run(lambda x: ops.var(x, axis=-1), x)[0], variance, dtype, units=16)
    y, g = run(lambda x: ops.std(x, axis=-1), x)
    close(y, np.sqrt(variance), dtype, units=16)
    centered = x.astype(Wide) - x.astype(Wide).mean(axis=-1, keepdims=True)
    close(g, centered / (8 * np.sqrt(variance)[:, None]), dtype, units=16, scale=1.0)


@pytest.mark.parametrize("dtype", DTYPES)
def test_lengths_and_distances_of_0_have_finite_gradients_of_0(dtype: str) -> None:
    zero = np.zeros((2, 3), dtype)
    for loss in (
        lambda x: losses.contrastive(x, x * 1, np.array([1, 0])),
        lambda x: losses.triplet_margin(x, x * 1, x * 1),
        lambda x: losses.cosine(x, x * 1, np.array([1, -1])),
        lambda x: losses.l1([x], 1.0),
        lambda x: losses.l2([x], 1.0),
        lambda x: losses.max_norm([x], 1.0, 1.0),
    ):
        y, g = run(loss, zero)
        assert np.isfinite(y)
        np.testing.assert_array_equal(g, zero.astype(Wide))


def test_a_divergence_from_what_never_happens_counts_nothing_where_it_is_not_expected() -> None:
    x = Tensor(np.array([[-INF, 0.0]]), requires_grad=True)
    loss = losses.kl_divergence(x, np.array([[0.0, 1.0]]))
    assert loss.item() == 0
    np.testing.assert_array_equal(grad(loss, [x])[0].data, [[0, -1]])


def paths(logits: np.ndarray, labels: list[int]) -> Any:
    """-log of the probability of the labels, by the forward algorithm in extended precision; blank 0."""
    shifted = logits.astype(Wide) - logits.astype(Wide).max(axis=1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    states = [0, *(part for label in labels for part in (label, 0))]
    table = np.full(len(states), Wide(-1e30))
    table[:2] = logs[0, states[:2]]
    for row in logs[1:]:
        before = table.copy()
        for place, state in enumerate(states):
            ways = [before[place]] + [before[place - 1]] * (place > 0)
            if place > 1 and state and state != states[place - 2]:
                ways.append(before[place - 2])
            table[place] = np.logaddexp.reduce(ways) + row[state]
    return -np.logaddexp.reduce(table[-2:])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("scale", [0, 1, 88, 1e4])
def test_ctc_agrees_with_the_forward_algorithm_at_extreme_logits(scale: float, dtype: str) -> None:
    x = (np.random.default_rng(5).standard_normal((1, 6, 4)) * scale).astype(dtype)
    y, g = run(lambda x: losses.ctc(x, np.array([[1, 1, 2]])), x)
    close(y, paths(x[0], [1, 1, 2]), "float64" if dtype == "float64" else "float32", units=32, scale=1.0)
    assert np.isfinite(g).all()
    assert np.abs(g).max() <= 1.01
    np.testing.assert_allclose(g.sum(axis=-1).astype(float), 0, atol=8 * float(limits(np.dtype(dtype)).eps))


def test_ctc_of_a_label_that_cannot_be_is_huge_and_its_gradient_finite() -> None:
    x = np.random.default_rng(6).standard_normal((1, 4, 3))
    x[..., 1] = -INF
    tensor = Tensor(x, requires_grad=True)
    loss = losses.ctc(tensor, np.array([[1]]))
    assert loss.item() >= 1e30
    assert np.isfinite(grad(loss, [tensor])[0].data).all()
