"""Layers: derivatives, shape rules that say what forward gives, messages."""

from __future__ import annotations

import numpy as np
import pytest
from cases.layers import LAYERS
from cases.samples import numbers
from cases.substitution import parameters_of, runner

from chainrule.core import ChainruleError, Tensor, nn
from chainrule.core.nn import EVALUATION


def test_derivatives_agree_also_where_batch_norm_uses_its_running_statistics(check_derivatives) -> None:
    layer = nn.BatchNorm(4)
    layer.absorb(np.arange(4.0), np.array([0.1, 1, 2, 3]))
    check_derivatives(runner(layer, EVALUATION), numbers(3, 4), *parameters_of(layer))


def test_derivatives_of_an_embedding_agree_and_padding_gets_none(check_derivatives) -> None:
    ids = Tensor(np.array([[1, 0, 3], [3, 2, 0]]))
    layer = nn.Embedding(4, 3, padding=0)
    run = runner(layer)
    check_derivatives(lambda table: run(ids, table * table), numbers(4, 3))
    layer(ids).sum().backward()
    assert layer.weight.grad is not None
    np.testing.assert_array_equal(layer.weight.grad.data[:, 0], [0, 1, 1, 2])
    assert not layer(ids).data[0, 1].any()


@pytest.mark.parametrize("name", LAYERS)
def test_the_shape_rule_says_what_forward_gives_in_float32(name: str) -> None:
    layer, shape = LAYERS[name]
    y = layer(Tensor(numbers(*shape).astype(np.float32)))
    assert y.shape == (shape[0], *layer.output_shape(shape[1:]))
    assert y.dtype == np.float32


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (nn.Conv1d(3, 2, 3), (4, 9), "conv1d: expected samples of shape (3, length), got samples of shape ("),
        (nn.Conv2d(3, 2, 3), (3, 9), "conv2d: expected samples of shape (3, height, width), got samples of"),
        (nn.Conv2d(3, 2, 3), (3, 9, 2), "conv2d, argument x: expected spatial sizes of at least (3, 3), got"),
        (nn.ConvTranspose2d(3, 2, 3), (2, 2, 2), "conv_transpose2d: expected samples of shape (3, height, w"),
        (nn.MaxPool(3), (2, 2, 5), "max_pool, argument x: expected spatial sizes of at least (3, 3), got (2"),
        (nn.AvgPool(2), (4,), "avg_pool: expected samples of shape (channels, size, ...), got"),
        (nn.GlobalAvgPool(), (4,), "global_avg_pool: expected samples of shape (channels, size, ...), got"),
        (nn.GlobalMaxPool(), (4,), "global_max_pool: expected samples of shape (channels, size, ...), got"),
        (nn.AdaptiveAvgPool((1, 2)), (4, 3), "adaptive_avg_pool, argument output: expected 1 whole numbers"),
        (nn.AdaptiveMaxPool(2), (4,), "adaptive_max_pool: expected samples of shape (channels, size, ...),"),
        (nn.Spectrogram(4, 2), (3,), "spectrogram: expected samples of shape (..., at least 4), got"),
        (nn.LayerNorm((3, 4)), (4, 3), "layer_norm: expected samples whose last axes are (3, 4), got sample"),
        (nn.RMSNorm(4), (3,), "rms_norm: expected samples whose last axis is 4, got samples of shape (3,)"),
        (nn.SparseLinear(4, 2), (3, 2), "sparse_linear: expected samples of shape (4,), got samples of shap"),
        (nn.GroupNorm(2, 4), (3, 2), "group_norm: expected samples of shape (4, ...), got samples of shape"),
        (nn.BatchNorm(4), (3,), "batch_norm: expected samples of shape (4, ...), got samples of shape (3,)"),
        (
            nn.Residual(nn.Linear(4, 3)),
            (4,),
            "residual: expected a body that gives (4,), as the shortcut, got one that gives (3,). Give it a",
        ),
        (nn.Residual(nn.Linear(4, 4)), (3,), "body.linear: expected samples of shape (4,), got samples of s"),
        (
            nn.Parallel(nn.Linear(4, 3), nn.Linear(4, 2), combine="sum"),
            (4,),
            "parallel: expected branches that give (3), got (2,) from branches.1",
        ),
        (nn.Parallel(nn.Tanh(), nn.Linear(3, 2)), (4,), "branches.1.linear: expected samples of shape (3,),"),
        (nn.Reshape(2, 3), (5,), "reshape: expected samples of 6 elements for shape (2, 3), got samples of"),
        (nn.LearnedPositions(4, 3), (5, 3), "learned_positions: expected samples of shape (time up to 4, 3)"),
        (nn.SinusoidalPositions(4, 3), (4, 2), "sinusoidal_positions: expected samples of shape (time up to"),
    ],
)  # fmt: skip
def test_a_layer_that_does_not_fit_says_what_it_expected(layer: nn.Module, shape, message: str) -> None:
    model = nn.Sequential(nn.Tanh(), layer)
    for run in (lambda: model.output_shape(shape), lambda: model(Tensor(np.ones((2, *shape), np.float32)))):
        with pytest.raises(ChainruleError) as caught:
            run()
        assert str(caught.value).startswith("layers.1." + message)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Conv2d(4, 0, 3), "conv2d: expected filters of at least 1, got 0"),
        (lambda: nn.Conv2d(4, 3, 3, groups=2), "conv2d: expected groups that divide 4 channels and 3 filter"),
        (lambda: nn.Conv1d(4, 2, (3, 3)), "conv1d, argument kernel: expected 1 whole numbers of at least 1,"),
        (lambda: nn.LayerNorm(()), "layer_norm: expected axes of at least 1, got 0"),
        (lambda: nn.SparseLinear(4, 2, density=0), "sparse_linear: expected a density above 0 and up to 1"),
        (
            lambda: nn.SparseLinear(4, 2, mask=np.zeros((4, 2))),
            "sparse_linear, argument mask: expected a connection or more in shape (4, 2), got shape (4, 2)",
        ),
        (lambda: nn.GroupNorm(3, 4), "group_norm: expected groups that divide 4 channels, got 3"),
        (lambda: nn.BatchNorm(3, momentum=2), "batch_norm: expected momentum from 0 to 1, got 2"),
        (lambda: nn.Embedding(3, 2, padding=3), "embedding: expected padding from 0 to 2, got 3"),
        (lambda: nn.Parallel(), "parallel: expected at least one branch, got none"),
        (
            lambda: nn.Parallel(nn.Tanh(), combine="mean"),  # pyright: ignore[reportArgumentType]
            "parallel: expected combine to be concatenate or sum, got 'mean'",
        ),
    ],
)  # fmt: skip
def test_a_layer_that_cannot_be_is_refused_when_it_is_made(make, message: str) -> None:
    with pytest.raises(ChainruleError) as caught:
        make()
    assert str(caught.value).startswith(message)
