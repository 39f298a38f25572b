"""Every layer in bfloat16 and float16: computed in float32 and rounded, forward and backward."""

from __future__ import annotations

import numpy as np
import pytest
from cases.layers import LAYERS, SEQUENCE_LAYERS, SEQUENCES
from cases.samples import numbers
from cases.substitution import parameters_of, runner
from half_precision import NAMES, check_half

from chainrule.core import Tensor, nn
from chainrule.core.nn import EVALUATION, ForwardContext

ALL = {**LAYERS, **{name: (layer, SEQUENCES) for name, layer in SEQUENCE_LAYERS.items()}}
# Not of two units, as there: normalized those are ±1 whatever they were, and gradients before that rounding.
ALL["TransformerBlock, norm last"] = nn.TransformerBlock(4, 2, 3, norm_first=False), (2, 3, 4)


@pytest.mark.parametrize("dtype", NAMES)
@pytest.mark.parametrize("name", ALL)
def test_values_and_gradients_are_those_of_float64_to_a_few_roundings(name: str, dtype: str) -> None:
    layer, shape = ALL[name]
    arrays = [numbers(*shape), *parameters_of(layer)]
    check_half(runner(layer), arrays, dtype, np.dtype(dtype), units=8)


@pytest.mark.parametrize("dtype", NAMES)
def test_batch_norm_observes_and_keeps_statistics_in_float32(dtype: str) -> None:
    x = np.random.default_rng(0).normal(300, 1, (4000, 2)).astype(dtype)
    layer = nn.BatchNorm(2, momentum=1.0)
    nn.cast(layer, dtype)
    assert layer(Tensor(x), ForwardContext(training=True)).dtype == np.dtype(dtype)
    exact = x.astype(np.float64)
    for buffer, expected in (
        (layer.running_mean, exact.mean(axis=0)),
        (layer.running_variance, exact.var(axis=0, ddof=1)),
    ):
        assert buffer.dtype == np.float32
        np.testing.assert_allclose(buffer.data, expected, rtol=1e-4)
    assert layer(Tensor(x), EVALUATION).dtype == np.dtype(dtype)


@pytest.mark.parametrize("scale", [0, 1e-3, 100])
def test_the_logarithm_of_a_spectrogram_is_that_of_what_float16_cannot_hold(scale: float) -> None:
    x = (scale * np.random.default_rng(0).standard_normal((1, 200))).astype(np.float16)
    check_half(nn.Spectrogram(64, 32, log=True), [x], "float16", np.dtype(np.float16), units=8)
