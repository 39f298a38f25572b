"""Convolution's kernels against NumPy's formula in float64, in every order of memory, by any threads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from chainrule.core import Tensor, grad, native, nn, ops
from chainrule.core.errors import ShapeError
from chainrule.core.native import convolution as kernels
from chainrule.core.ops import convolution
from chainrule.core.ops.window import Windows


@dataclass(frozen=True)
class Case:
    n: int
    channels: int
    filters: int
    size: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: tuple[int, ...] | int = 1
    padding: tuple[int, ...] | int = 0
    dilation: tuple[int, ...] | int = 1
    groups: int = 1

    @property
    def windows(self) -> Windows:
        return Windows.of("case", self.size, self.kernel, self.stride, self.padding, self.dilation)


CASES = {
    "LeNet's first": Case(3, 1, 16, (28, 28), (5, 5), padding=2),
    "LeNet's second": Case(2, 16, 32, (14, 14), (5, 5)),
    "colours": Case(2, 3, 32, (17, 15), (3, 3), padding=1),
    "one of one": Case(1, 1, 1, (1, 1), (1, 1)),
    "winograd": Case(2, 32, 48, (13, 11), (3, 3), padding=1),
    "winograd without padding": Case(3, 16, 16, (7, 9), (3, 3)),
    "winograd with much padding": Case(33, 16, 16, (4, 4), (3, 3), padding=(2, 1)),
    "winograd of many channels": Case(2, 128, 96, (8, 8), (3, 3), padding=1),
    "winograd of one sample": Case(1, 64, 64, (8, 8), (3, 3), padding=1),
    "winograd of many tiles": Case(9, 16, 32, (30, 31), (3, 3), padding=1),
    "winograd of 5x5": Case(3, 48, 16, (9, 12), (5, 5), padding=2),
    "winograd of 5x5 with much padding": Case(2, 64, 64, (5, 6), (5, 5), padding=(4, 0)),
    "two pixels a side": Case(5, 16, 16, (2, 2), (3, 3), padding=1),
    "odd channels": Case(3, 5, 7, (9, 8), (3, 3), padding=1),
    "odd everything": Case(3, 5, 7, (9, 8), (3, 2), (2, 3), (1, 2), (1, 2)),
    "strides beyond the kernel": Case(2, 3, 4, (7, 6), (2, 2), 5, 1),
    "strides and a rest": Case(2, 24, 40, (10, 9), (3, 3), 2, 1),
    "groups": Case(3, 6, 10, (9, 8), (3, 2), (2, 1), (1, 0), (2, 1), 2),
    "wide groups": Case(2, 64, 96, (6, 5), (3, 3), 1, 1, 1, 2),
    "depthwise": Case(3, 40, 40, (9, 28), (3, 5), 1, (0, 4), (2, 1), 40),
    "depthwise with strides": Case(3, 40, 40, (9, 28), (3, 5), (2, 3), (2, 4), (2, 1), 40),
    "depthwise of a line": Case(1, 17, 17, (30,), (3,), 1, 3, 1, 17),
    "depthwise, two filters each": Case(3, 16, 32, (9, 8), (3, 3), 1, 1, 1, 16),
    "1x1": Case(17, 20, 40, (9, 8), (1, 1)),
    "1x1 with strides": Case(3, 20, 40, (9, 8), (1, 1), 2),
    "lines": Case(3, 12, 20, (50,), (5,), 2, 2),
    "lines with gaps": Case(3, 12, 20, (50,), (3,), 3, 0, 2),
    "a large image": Case(1, 3, 70, (112, 112), (7, 7), 2, 3),
}


def in_order(shape: tuple[int, ...], order: str, seed: int) -> np.ndarray:
    """Random numbers (n, c, *size): as they come, channels last, or every second element of more."""
    rng = np.random.default_rng(seed)
    if order == "channels first":
        return rng.standard_normal(shape, dtype=np.float32)
    if order == "channels last":
        return np.moveaxis(rng.standard_normal((shape[0], *shape[2:], shape[1]), dtype=np.float32), -1, 1)
    return rng.standard_normal((*shape[:-1], 2 * shape[-1]), dtype=np.float32)[..., ::2]


def close(found: Any, expected: Any) -> None:
    assert found.dtype == np.float32
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=5e-6 * float(np.abs(expected).max()))


@pytest.mark.parametrize("order", ["channels first", "channels last", "with gaps"])
@pytest.mark.parametrize("name", CASES)
def test_kernels_compute_what_the_formula_does_whatever_the_order_in_memory(name, order) -> None:
    case = CASES[name]
    windows, groups = case.windows, case.groups
    x = in_order((case.n, case.channels, *case.size), order, 0)
    g = in_order((case.n, case.filters, *windows.count), order, 1)
    weight = in_order((case.filters, case.channels // groups, *case.kernel), "channels first", 2)
    bias = in_order((case.filters,), "channels first", 3)
    exact = [array.astype(np.float64) for array in (x, g, weight, bias)]
    options: dict[str, Any] = {"windows": windows, "groups": groups}
    results = []
    for threads in (1, 2):
        native.use_threads(threads)
        results.append(
            [
                kernels.convolve(x, weight, bias, windows, groups),
                kernels.convolve_back(g, weight, windows, groups),
                kernels.convolve_weight(x, g, windows, groups),
                kernels.channel_sums(g),
            ]
        )
    close(results[0][0], convolution._convolve_bias(exact[0], exact[2], exact[3], **options))
    close(results[0][1], convolution._convolve_back(exact[1], exact[2], **options))
    close(results[0][2], convolution._convolve_weight(exact[0], exact[1], **options))
    close(results[0][3], convolution.channel_sums(exact[1]))
    for one, two in zip(*results, strict=True):
        assert one.tobytes() == two.tobytes()


def test_what_a_layer_gives_has_its_channels_together_and_keeps_them_so_through_relu_and_pooling() -> None:
    x = Tensor(in_order((2, 3, 8, 8), "channels first", 0))
    y = nn.Conv2d(3, 16, 3, padding=1)(x)
    pooled = ops.max_pool(ops.relu(y), 2)
    for array in (y.data, pooled.data):
        assert array.transpose(0, 2, 3, 1).flags.c_contiguous


def test_derivatives_of_a_convolution_with_bias_are_numpys_to_the_second_order(by_numpy) -> None:
    def second() -> list[np.ndarray]:
        rng = np.random.default_rng(0)
        shapes = (2, 16, 6, 5), (16, 16, 3, 3), (16,)
        tensors = [Tensor(rng.standard_normal(s, dtype=np.float32), requires_grad=True) for s in shapes]
        x, weight, bias = tensors
        y = ops.conv(x, weight, padding=1, bias=bias)
        first = grad(ops.sum(y * y), tensors, create_graph=True)
        total = ops.sum(first[0] * first[0]) + ops.sum(first[1] * first[1]) + ops.sum(first[2] * first[2])
        return [tensor.data for tensor in grad(total, tensors)]

    for found, expected in zip(second(), by_numpy(second), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("name", ["LeNet's second", "winograd", "depthwise", "strides and a rest"])
def test_a_nan_reaches_every_output_that_it_reaches_in_the_formula(name, by_numpy) -> None:
    case = CASES[name]
    x = in_order((case.n, case.channels, *case.size), "channels last", 0)
    x[0, 1, 2, 3] = np.nan
    weight = np.ones((case.filters, case.channels // case.groups, *case.kernel), np.float32)
    y = kernels.convolve(x, weight, None, case.windows, case.groups)
    expected: Any = by_numpy(
        lambda: convolution._convolve(x, weight, windows=case.windows, groups=case.groups)
    )
    assert y is not None
    assert np.isnan(y[np.isnan(expected)]).all()
    assert not np.isnan(y[1:]).any()


def test_volumes_doubles_and_empty_batches_are_left_to_numpy() -> None:
    for shape, dtype in (
        ((1, 2, 3, 3, 3), np.float32),
        ((1, 2, 3, 3), np.float64),
        ((0, 2, 3, 3), np.float32),
    ):
        x, weight = np.ones(shape, dtype), np.ones((4, *shape[1:]), dtype)
        windows = Windows.of("case", shape[2:], shape[2:], 1)
        assert kernels.convolve(x, weight, None, windows, 1) is None
        assert ops.conv(x, weight).shape == (shape[0], 4, *[1] * (len(shape) - 2))


def test_a_bias_of_another_size_than_the_filters_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"conv, argument bias: expected shape \(4,\), got shape \(3,\)"):
        ops.conv(np.ones((1, 2, 3, 3)), np.ones((4, 2, 3, 3)), bias=np.ones(3))
