"""Normalizing layers by kernels: NumPy's values in both memory orders, the same bits on any threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from chainrule.core import Tensor, native, nn

TRAINING = nn.ForwardContext(training=True)
CASES: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "rows": (lambda: nn.LayerNorm(33), (5, 33)),
    "one row": (lambda: nn.LayerNorm(7), (1, 7)),
    "columns of one": (lambda: nn.LayerNorm(1), (4, 1)),
    "long rows": (lambda: nn.LayerNorm(3000), (7, 3000)),
    "many rows": (lambda: nn.LayerNorm(16), (2000, 16)),
    "rows of two axes": (lambda: nn.LayerNorm((4, 9)), (3, 5, 4, 9)),
    "mean squares": (lambda: nn.RMSNorm(50), (6, 3, 50)),
    "groups": (lambda: nn.GroupNorm(2, 6), (5, 6, 3, 7)),
    "groups without axes": (lambda: nn.GroupNorm(2, 8), (5, 8)),
    "instances": (lambda: nn.GroupNorm(6, 6), (2, 6, 40)),
    "batch": (lambda: nn.BatchNorm(21), (17, 21)),
    "batch of pictures": (lambda: nn.BatchNorm(5), (9, 5, 6, 7)),
    "one picture": (lambda: nn.BatchNorm(16), (1, 16, 20, 20)),
    "large batch": (lambda: nn.BatchNorm(8), (64, 8, 16, 16)),
    "one sample": (lambda: nn.BatchNorm(3), (1, 3)),
}


def results(name: str, channels_last: bool = False) -> list[np.ndarray]:
    """Output, gradients of x, weight and bias, and running statistics."""
    make, shape = CASES[name]
    rng = np.random.default_rng(0)
    data = 3 * rng.standard_normal(shape, np.float32) + 2
    if channels_last:
        data = np.moveaxis(np.ascontiguousarray(np.moveaxis(data, 1, -1)), -1, 1)
    layer = make()
    for parameter in layer.parameters().values():
        parameter.data[...] = rng.standard_normal(parameter.shape)
    x = Tensor(data, requires_grad=True)
    y = layer(x, TRAINING)
    (y * rng.standard_normal(shape, np.float32)).sum().backward()
    gradients = [tensor.grad for tensor in (x, *layer.parameters().values())]
    found = [gradient.numpy() for gradient in gradients if gradient is not None]
    assert len(found) == len(gradients)
    if channels_last:
        assert y.data.transpose(0, *range(2, y.ndim), 1).flags.c_contiguous
    return [y.numpy(), *found, *(buffer.numpy() for buffer in nn.buffers(layer).values())]


@pytest.mark.parametrize(
    ("name", "channels_last"),
    [(name, False) for name in CASES]
    + [(name, True) for name in ("batch of pictures", "one picture", "large batch")],
)
def test_output_and_gradients_are_those_of_numpys_formula(
    name: str, channels_last: bool, by_numpy: Callable[[Callable[[], Any]], Any]
) -> None:
    expected = by_numpy(lambda: results(name))
    for ours, numpys in zip(results(name, channels_last), expected, strict=True):
        np.testing.assert_allclose(ours, numpys, rtol=2e-5, atol=1e-5 * max(1, np.abs(numpys).max()))


@pytest.mark.parametrize("name", CASES)
def test_the_number_of_threads_changes_no_bit(name: str) -> None:
    runs = []
    for threads in (1, 2):
        native.use_threads(threads)
        runs.append(results(name) + (results(name, channels_last=True) if name == "large batch" else []))
    for one, two in zip(*runs, strict=True):
        assert one.tobytes() == two.tobytes()


@pytest.mark.parametrize("name", ["rows", "mean squares", "groups", "batch", "batch of pictures"])
def test_nan_is_seen_in_what_is_normalized_together_with_it(name: str) -> None:
    make, shape = CASES[name]
    x = np.zeros(shape, np.float32)
    x.reshape(-1)[-1] = np.nan
    y = make()(Tensor(x), TRAINING).numpy()
    assert np.isnan(y.reshape(-1)[-1])
    assert not np.isnan(y.reshape(-1)[0])


def test_a_second_walk_back_with_another_cotangent_does_not_give_the_first_ones_gradients() -> None:
    x = Tensor(np.arange(12, dtype=np.float32).reshape(3, 4) ** 2, requires_grad=True)
    layer = nn.LayerNorm(4)
    y = layer(x, TRAINING)
    (y * 2.0).sum().backward(retain_graph=True)
    (y * 3.0).sum().backward()
    assert layer.bias.grad is not None
    np.testing.assert_array_equal(layer.bias.grad.numpy(), np.full(4, 15))
