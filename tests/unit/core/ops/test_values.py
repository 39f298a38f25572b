"""Values and shapes of the operations against NumPy, over generated shapes, and at the edges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, mutually_broadcastable_shapes

from chainrule.core import Tensor, grad, ops

SHAPES = array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=4)
NONEMPTY = array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=4)


def draw(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape)


def same(actual, expected) -> None:
    assert actual.shape == expected.shape
    np.testing.assert_allclose(actual.data, expected, rtol=1e-12, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(shapes=mutually_broadcastable_shapes(num_shapes=3, max_dims=3, max_side=3, min_side=0))
def test_where_and_minimum_broadcast_as_numpy_and_undo_it(shapes) -> None:
    condition, a, b = (draw(shape) for shape in shapes.input_shapes)
    tensors = [Tensor(array, requires_grad=True) for array in (a, b)]
    chosen = ops.where(condition > 0, *tensors)
    same(chosen, np.where(condition > 0, a, b))
    smaller = ops.minimum(*tensors)
    same(smaller, np.minimum(a, b))
    for output in (chosen, smaller):
        gradients = grad(output.sum(), tensors)
        assert sum(gradient.data.sum() for gradient in gradients) == pytest.approx(output.size)
        assert [gradient.shape for gradient in gradients] == [a.shape, b.shape]


@settings(max_examples=40, deadline=None)
@given(shapes=mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3, min_side=0))
def test_comparisons_agree_with_numpy_and_require_no_gradient(shapes) -> None:
    a, b = (np.sign(draw(shape)) for shape in shapes.input_shapes)
    for name in ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal"):
        compared = getattr(ops, name)(Tensor(a, requires_grad=True), b)
        np.testing.assert_array_equal(compared.data, getattr(np, name)(a, b))
        assert compared.dtype == np.bool_
        assert not compared.requires_grad


@settings(max_examples=40, deadline=None)
@given(shape=SHAPES, data=st.data())
def test_joining_and_cutting_along_any_axis_are_each_others_inverse(shape, data) -> None:
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    x = Tensor(draw(shape), requires_grad=True)
    cuts = data.draw(st.lists(st.integers(0, shape[axis]), max_size=3).map(sorted))
    sizes = np.diff([0, *cuts, shape[axis]]).tolist()
    parts = ops.split(x, sizes, axis)
    for part, expected in zip(parts, np.split(x.data, cuts, axis), strict=True):
        same(part, expected)
    whole = ops.concatenate(parts, axis)
    same(whole, x.data)
    same(grad((whole * x.data).sum(), [x])[0], x.data)
    if shape[axis]:
        again = ops.stack(ops.unstack(x, axis), axis)
        same(again, x.data)
        same(grad((again * x.data).sum(), [x])[0], x.data)


@settings(max_examples=40, deadline=None)
@given(shape=NONEMPTY, data=st.data())
def test_padding_agrees_with_numpy(shape, data) -> None:
    widths = [data.draw(st.tuples(st.integers(0, 3), st.integers(0, 3))) for _ in shape]
    x = draw(shape)
    same(ops.pad(x, widths, value=2.5), np.pad(x, widths, constant_values=2.5))
    same(ops.pad(x, widths, value=-np.inf), np.pad(x, widths, constant_values=-np.inf))
    for mode in ("edge", "reflect", "symmetric", "wrap"):
        same(ops.pad(x, widths, mode=mode), np.pad(x, widths, mode=mode))


@settings(max_examples=40, deadline=None)
@given(shape=NONEMPTY, data=st.data())
def test_reductions_agree_with_numpy(shape, data) -> None:
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    kept = data.draw(st.booleans())
    x = draw(shape)
    same(ops.var(x, axis=axis, keepdims=kept), np.var(x, axis=axis, keepdims=kept))
    same(ops.min(x, axis=axis, keepdims=kept), np.min(x, axis=axis, keepdims=kept))
    same(ops.cumsum(x, axis=axis), np.cumsum(x, axis=axis))
    for name in ("argmax", "argmin"):
        positions = getattr(ops, name)(Tensor(x), axis=axis, keepdims=kept)
        np.testing.assert_array_equal(positions.data, getattr(np, name)(x, axis=axis, keepdims=kept))


@settings(max_examples=40, deadline=None)
@given(shape=NONEMPTY, data=st.data())
def test_gather_agrees_with_take_along_axis(shape, data) -> None:
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    size = data.draw(st.integers(0, 5))
    wanted = list(shape)
    wanted[axis] = size
    indices = np.random.default_rng(size).integers(0, shape[axis], wanted)
    same(ops.gather(draw(shape), indices, axis), np.take_along_axis(draw(shape), indices, axis))


FORMULAS = [
    "ab,bc", "ab,bc->ca", "ab,ab->a", "ab,cd->dbca", "abc,cb->a", "aab,b->a", "a,a->", "...a,ab->...b",
    "a...,...->...a", "ab,bc,cd->da", "ab,ab,ab->b", "abcd,cbef->adef", "a,b,c->cab", "ab,b", "aa,ab->b",
]  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(formula=st.sampled_from(FORMULAS), data=st.data())
def test_einsum_agrees_with_numpy(formula: str, data) -> None:
    sizes = {name: data.draw(st.integers(0, 3)) for name in "abcdef"}
    extra = tuple(data.draw(st.lists(st.integers(1, 3), max_size=2)))
    operands = []
    for names in formula.partition("->")[0].split(","):
        before, dots, after = names.partition("...")
        sides = [tuple(sizes[name] for name in part) for part in (before, after)]
        operands.append(draw(sides[0] + (extra if dots else ()) + sides[1]))
    same(ops.einsum(formula, *operands), np.einsum(formula, *operands))


@settings(max_examples=40, deadline=None)
@given(shape=SHAPES, data=st.data())
def test_tensordot_agrees_with_numpy(shape, data) -> None:
    count = data.draw(st.integers(0, len(shape)))
    a, b = draw(shape), draw((*shape[len(shape) - count :], 2))
    same(ops.tensordot(a, b, count), np.tensordot(a, b, count))
    axes = data.draw(st.permutations(range(len(shape))))[:count]
    c = draw((3, *(shape[axis] for axis in axes)))
    pairs = (axes, range(1, count + 1))
    same(ops.tensordot(a, c, pairs), np.tensordot(a, c, pairs))


def test_a_bound_of_clip_passes_the_derivative_on_and_what_is_outside_does_not() -> None:
    x = Tensor(np.array([-2.0, -1.0, 0.0, 1.0, 2.0]), requires_grad=True)
    np.testing.assert_array_equal(grad(ops.clip(x, low=-1, high=1).sum(), [x])[0].data, [0, 1, 1, 1, 0])


def test_an_infinite_derivative_of_what_was_not_chosen_does_not_spoil_the_rest() -> None:
    x = Tensor(np.array([1.0, 4.0]), requires_grad=True)
    seed = Tensor(np.array([np.inf, 1.0]))
    chosen, other = grad(ops.where(x.data > 2, x, y := x * 1), [x, y], seed=seed)
    np.testing.assert_array_equal(other.data, [np.inf, 0])
    np.testing.assert_array_equal(chosen.data, [np.inf, 1])


def test_activations_stay_finite_at_extreme_inputs() -> None:
    x = Tensor(
        np.array([-1e30, -1e4, -100, -1e-40, 0, 1e-40, 100, 1e4, 1e30], np.float32), requires_grad=True
    )
    with np.errstate(divide="raise", invalid="raise"):
        for name in ("elu", "selu", "silu", "leaky_relu", "softsign", "log_sigmoid", "relu6", "hard_sigmoid"):
            y = getattr(ops, name)(x)
            assert np.isfinite(y.data).all(), name
            assert np.isfinite(grad(y.sum(), [x])[0].data).all(), name


def test_variance_of_large_close_values_is_exact() -> None:
    x = np.array([1e8, 1e8 + 1, 1e8 + 2])
    assert ops.var(x) == pytest.approx(2 / 3, rel=1e-12)


def test_the_normal_distribution_function_is_exact_far_in_the_tail() -> None:
    for x, expected in [(-37.5, 4.605353009581954e-308), (-10, 7.61985302416052e-24), (0, 0.5), (40, 1)]:
        assert ops.normal_cdf(np.array([float(x)]))[0] == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_choosing_among_many_elements_gives_the_very_bits_of_numpys_where(dtype) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 3, 40, 60)).astype(dtype)
    a[0, 0, :5] = np.nan, np.inf, -np.inf, -0.0, 1e-40
    mask = rng.random((40, 60)) > 0.5
    for one, other in ((a, b), (a, 0), (0, a), (a, b[:, :1]), (a[..., ::2].repeat(2, axis=-1), np.inf)):
        ours, theirs = np.asarray(ops.where(mask, one, other)), np.where(mask, one, other)
        assert ours.dtype == theirs.dtype == dtype
        assert ours.tobytes() == theirs.tobytes()
