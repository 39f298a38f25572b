"""Convolution and pooling against their definitions, element by element, over generated sizes."""

from __future__ import annotations

from itertools import product

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from chainrule.core import Tensor, grad, ops
from chainrule.core.ops import convolution


def by_definition(x, weight, stride, padding, dilation, groups) -> np.ndarray:
    """Convolution as a sum, one output element at a time."""
    x = np.pad(x, [(0, 0), (0, 0), *((margin, margin) for margin in padding)])
    units, channels, *kernel = weight.shape
    counts = [
        (size - (k - 1) * gap - 1) // step + 1
        for size, k, step, gap in zip(x.shape[2:], kernel, stride, dilation, strict=True)
    ]
    y = np.zeros((len(x), units, *counts))
    for sample, unit, *place in product(*map(range, y.shape)):
        first = unit // (units // groups) * channels
        window = tuple(
            slice(at * step, at * step + (k - 1) * gap + 1, gap)
            for at, step, k, gap in zip(place, stride, kernel, dilation, strict=True)
        )
        part = x[(sample, slice(first, first + channels), *window)]
        y[(sample, unit, *place)] = (part * weight[unit]).sum()
    return y


@settings(max_examples=60, deadline=None)
@given(axes=st.integers(1, 2), n=st.integers(0, 3), groups=st.integers(1, 3), data=st.data())
def test_convolution_is_its_definition_and_transposed_convolution_its_adjoint(axes, n, groups, data) -> None:
    def sizes(least: int, most: int) -> tuple[int, ...]:
        return tuple(data.draw(st.integers(least, most)) for _ in range(axes))

    size, kernel, stride = sizes(1, 6), sizes(1, 3), sizes(1, 3)
    padding, dilation = sizes(0, 2), sizes(1, 2)
    channels, units = data.draw(st.integers(1, 2)), data.draw(st.integers(1, 2))
    for one, k, margin, gap in zip(size, kernel, padding, dilation, strict=True):
        assume(one + 2 * margin >= (k - 1) * gap + 1)
    rng = np.random.default_rng(n)
    x = rng.standard_normal((n, channels * groups, *size))
    weight = rng.standard_normal((units * groups, channels, *kernel))
    options = (stride, padding, dilation, groups)
    expected = by_definition(x, weight, *options)
    tensor = Tensor(x, requires_grad=True)
    y = ops.conv(tensor, weight, *options)
    np.testing.assert_allclose(y.data, expected, rtol=1e-12, atol=1e-12)

    rest = tuple(
        (one + 2 * margin - (k - 1) * gap - 1) % step
        for one, k, step, margin, gap in zip(size, kernel, stride, padding, dilation, strict=True)
    )
    g = rng.standard_normal(y.shape)
    back = grad(y, [tensor], seed=Tensor(g))[0].data
    if all(extra < max(step, gap) for extra, step, gap in zip(rest, stride, dilation, strict=True)):
        transposed = ops.conv_transpose(g, weight, stride, padding, dilation, groups, rest)
        np.testing.assert_allclose(transposed, back, rtol=1e-12, atol=1e-12)


def test_a_convolution_cut_into_blocks_of_samples_is_the_same(monkeypatch) -> None:
    rng = np.random.default_rng(0)
    x, weight = (Tensor(rng.standard_normal(s), requires_grad=True) for s in ((7, 2, 6, 6), (4, 2, 3, 3)))

    def run() -> list[np.ndarray]:
        y = ops.conv(x, weight, padding=1)
        return [y.data, *(gradient.data for gradient in grad((y * y).sum(), [x, weight]))]

    whole = run()
    monkeypatch.setattr(convolution, "_CACHE_BYTES", 2 * 2 * 9 * 36 * 8)
    for cut, one in zip(run(), whole, strict=True):
        np.testing.assert_allclose(cut, one, rtol=1e-12, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(size=st.integers(1, 9), kernel=st.integers(1, 4), stride=st.integers(1, 3), data=st.data())
def test_pooling_is_its_definition(size, kernel, stride, data) -> None:
    padding = data.draw(st.integers(0, kernel // 2))
    assume(size + 2 * padding >= kernel)
    x = np.random.default_rng(size).standard_normal((2, 3, size))
    padded = np.pad(x, [(0, 0), (0, 0), (padding, padding)], constant_values=np.nan)
    starts = range(0, size + 2 * padding - kernel + 1, stride)
    windows = np.stack([padded[..., start : start + kernel] for start in starts], axis=2)
    options = (kernel, stride, padding)
    np.testing.assert_allclose(ops.max_pool(x, *options), np.nanmax(windows, axis=-1))
    np.testing.assert_allclose(
        ops.average_pool(x, *options, count_padding=False), np.nanmean(windows, axis=-1)
    )
    np.testing.assert_allclose(ops.average_pool(x, *options), np.nansum(windows, axis=-1) / kernel)


def test_max_pooling_shows_nan_and_gives_the_derivative_to_the_first_of_equals() -> None:
    x = Tensor(np.array([[[1.0, np.nan, 3.0, 3.0, 2.0, 3.0]]]), requires_grad=True)
    y = ops.max_pool(x, 3)
    np.testing.assert_array_equal(y.data, [[[np.nan, 3]]])
    np.testing.assert_array_equal(grad(y.sum(), [x])[0].data, [[[0, 1, 0, 1, 0, 0]]])


def test_adaptive_pooling_to_one_is_global_pooling() -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 5, 4))
    np.testing.assert_allclose(ops.adaptive_average_pool(x, 1)[..., 0, 0], ops.global_average_pool(x))
    np.testing.assert_allclose(ops.adaptive_max_pool(x, 1)[..., 0, 0], ops.global_max_pool(x))


@settings(max_examples=30, deadline=None)
@given(ids=st.lists(st.integers(0, 4), max_size=12))
def test_rows_of_an_embedding_get_the_sum_of_what_they_were_used_for(ids) -> None:
    table = Tensor(np.random.default_rng(0).standard_normal((5, 3)), requires_grad=True)
    positions = np.array(ids, int)
    seed = np.random.default_rng(1).standard_normal((len(ids), 3))
    y = ops.embedding(table, positions)
    np.testing.assert_array_equal(y.data, table.data[positions])
    expected = np.zeros((5, 3))
    np.add.at(expected, positions, seed)
    np.testing.assert_allclose(grad(y, [table], seed=Tensor(seed))[0].data, expected, atol=1e-12)


def test_max_pooling_finds_the_largest_of_very_many() -> None:
    x = np.zeros((1, 1, 2**15 + 2))
    x[..., -1] = 5
    assert ops.max_pool(Tensor(x), x.shape[-1]).numpy().item() == 5
