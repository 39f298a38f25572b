"""What networks are made of, compared with PyTorch: further operations, and layers with given parameters.

A case is a formula over a namespace `f`, as in oracle_cases.py; its name begins with that of what it is of.
"""

from __future__ import annotations

import numpy as np
from coverage_table import COMPOSED
from oracle_cases import Case

_ONE = ((8, 10),)
_TWO = ((8, 10), (8, 10))
MASK = np.random.default_rng(5).random((8, 10)) > 0.4
PICKS = np.random.default_rng(6).integers(0, 8, (5, 10))
ROWS = np.array([3, 0, 3, 1, 1, 7, 2, 5])
CONNECTIONS = tuple(np.array(places) for places in ([0, 2, 2, 5, 31, 7], [1, 0, 3, 3, 39, 20]))
"""Of a matrix that is zero elsewhere: rows and columns."""
DROPPED = 0.3

_IMAGES = ((2, 3, 6, 7),)
_LINEAR = ((8, 10), (10, 6), (6,))
_BRANCHES = (*_LINEAR, (10, 6), (6,))
MEL = "PyTorch's, with filters by O'Shaughnessy (1987)"

ARRAY_CASES: dict[str, Case] = {
    "where": Case(lambda f, a, b: f.where(MASK, a, b), _TWO),
    "clip": Case(lambda f, a: f.clip(a, -1.5, 1.2), _ONE),
    "minimum": Case(lambda f, a, b: f.minimum(a, b), _TWO),
    "expm1": Case(lambda f, a: f.expm1(a), _ONE),
    "sin": Case(lambda f, a: f.sin(a), _ONE),
    "cos": Case(lambda f, a: f.cos(a), _ONE),
    "var": Case(lambda f, a: f.var(a, 1), _ONE),
    "std": Case(lambda f, a: f.std(a, 1), _ONE),
    "softmax_along_an_axis": Case(lambda f, a: f.softmax(a, 1), ((2, 5, 3),)),
    "log_softmax_along_an_axis": Case(lambda f, a: f.log_softmax(a, 0), _ONE),
    "logsumexp_over_two_axes": Case(lambda f, a: f.logsumexp(a, (0, 2)), ((2, 5, 3),)),
    "getitem_masked": Case(lambda f, a: a[MASK] * a[ROWS][:, :3].sum(), _ONE),
    "min": Case(lambda f, a: f.min(a, 1), _ONE),
    "cumsum": Case(lambda f, a: f.cumsum(a, 0), _ONE),
    "concatenate": Case(lambda f, a, b: f.concatenate([a, b, a], 1), ((8, 10), (8, 3))),
    "stack": Case(lambda f, a, b: f.stack([a, b], 1), _TWO),
    "split": Case(lambda f, a: f.split(a, [3, 7], 1)[1] * 2, _ONE),
    "unstack": Case(lambda f, a: f.unstack(a, 1)[4], _ONE),
    "pad": Case(lambda f, a: f.pad(a, [(0, 0), (0, 0), (1, 2)]), ((2, 3, 5),)),
    "pad_reflect": Case(lambda f, a: f.pad_last(a, 3, 2, "reflect"), ((2, 3, 5),)),
    "pad_edge": Case(lambda f, a: f.pad_last(a, 3, 2, "edge"), ((2, 3, 5),)),
    "gather": Case(lambda f, a: f.gather(a, PICKS, 0), _ONE),
    "scatter_add": Case(lambda f, a: f.scatter_rows(a, ROWS, 9), _ONE),
    "einsum": Case(lambda f, a, b: f.einsum("bhid,bhjd->bhij", a, b), ((2, 3, 4, 5), (2, 3, 6, 5))),
    "einsum_three": Case(lambda f, a, b, c: f.einsum("ij,kj,k->i", a, b, c), ((4, 5), (3, 5), (3,))),
    "einsum_diagonal": Case(lambda f, a: f.einsum("iij->ji", a), ((4, 4, 3),)),
    "tensordot": Case(lambda f, a, b: f.tensordot(a, b, ([1, 2], [2, 0])), ((2, 3, 4), (4, 5, 3))),
    "normal_cdf": Case(lambda f, a: f.normal_cdf(a), _ONE, low=-4, high=4),
    **{
        name: Case(lambda f, a, name=name: getattr(f, name)(a), _ONE, low=-6, high=6)
        for name in (
            "elu", "leaky_relu", "selu", "silu", "gelu", "mish", "softsign", "log_sigmoid", "relu6",
            "hard_sigmoid", "hard_swish", "glu",
        )
    },
    "gelu_by_tanh": Case(lambda f, a: f.gelu_by_tanh(a), _ONE, low=-6, high=6),
    "leaky_relu_steep": Case(lambda f, a: f.leaky_relu(a, 0.3), _ONE),
    "elu_low": Case(lambda f, a: f.elu(a, 0.4), _ONE),
    "cast": Case(lambda f, a: f.cast(f.double(a) * 3, a.dtype), _ONE),
    **{
        name: Case(lambda f, a, name=name: a * f.cast(getattr(f, name)(a, f.clip(a, -1, 1)), a.dtype), _ONE)
        for name in ("greater", "greater_equal", "less", "less_equal", "equal", "not_equal")
    },
    **{
        name: Case(lambda f, a, name=name: f.cast(getattr(f, name)(a, 1), a.dtype) * f.sum(a, 1), _ONE)
        for name in ("argmax", "argmin")
    },
    "standardize": Case(lambda f, a: f.standardize(a, (0, 2)), ((4, 3, 5),)),
    "rms_normalize": Case(lambda f, a: f.rms_normalize(a, (1, 2)), ((4, 3, 5),), against=COMPOSED),
    "softmax_cross_entropy": Case(lambda f, a: f.softmax_cross_entropy(a, ROWS), _ONE),
    "sparse_matmul": Case(
        lambda f, x, w: f.sparse_matmul(x, w, *CONNECTIONS, 40), ((5, 40), (6,)), against=COMPOSED
    ),
    "sparse_matmul_dense": Case(
        lambda f, x, w: f.sparse_matmul(x, w, *np.nonzero(MASK), 10), ((5, 8), (int(MASK.sum()),)),
        against=COMPOSED,
    ),
}  # fmt: skip

SPATIAL_CASES: dict[str, Case] = {
    "conv_1d": Case(lambda f, x, w: f.conv(x, w, 2, 1, 2, 1), ((2, 3, 11), (4, 3, 3))),
    "conv": Case(lambda f, x, w: f.conv(x, w, 1, 0, 1, 1), ((2, 3, 7, 6), (4, 3, 3, 2))),
    "conv_all": Case(lambda f, x, w: f.conv(x, w, (2, 1), (1, 2), (1, 2), 2), ((2, 4, 7, 6), (6, 2, 3, 2))),
    "conv_depthwise": Case(lambda f, x, w: f.conv(x, w, 1, 1, 1, 4), ((2, 4, 5, 5), (4, 1, 3, 3))),
    "conv_strided": Case(lambda f, x, w: f.conv(x, w, 3, 0, 1, 1), ((2, 2, 8, 9), (3, 2, 2, 2))),
    "conv_transpose_1d": Case(lambda f, x, w: f.conv_transpose(x, w, 2, 1, 1, 1, 1), ((2, 3, 5), (3, 4, 3))),
    "conv_transpose": Case(
        lambda f, x, w: f.conv_transpose(x, w, (2, 3), 1, (2, 1), 2, (1, 0)), ((2, 4, 5, 3), (4, 3, 3, 2))
    ),
    "max_pool": Case(lambda f, x: f.max_pool(x, 2, 2, 0, 1), ((2, 3, 6, 7),)),
    "max_pool_1d": Case(lambda f, x: f.max_pool(x, 3, 1, 1, 2), ((2, 3, 9),)),
    "max_pool_padded": Case(lambda f, x: f.max_pool(x, 3, 2, 1, 2), ((2, 3, 9, 8),)),
    "max_pool_of_equals": Case(lambda f, x: f.max_pool(f.clip(x, 0, 1), 3, 2, 1, 1), ((2, 3, 7, 7),)),
    "average_pool": Case(lambda f, x: f.average_pool(x, 2, 2, 0, True), ((2, 3, 6, 7),)),
    "average_pool_padded": Case(lambda f, x: f.average_pool(x, 3, 2, 1, True), ((2, 3, 6, 7),)),
    "average_pool_uncounted": Case(lambda f, x: f.average_pool(x, 3, 2, 1, False), ((2, 3, 6, 7),)),
    "average_pool_1d": Case(lambda f, x: f.average_pool(x, 3, 1, 1, False), ((2, 3, 6),)),
    "global_average_pool": Case(lambda f, x: f.global_average_pool(x), ((2, 3, 6, 7),)),
    "global_max_pool": Case(lambda f, x: f.global_max_pool(x), ((2, 3, 6, 7),)),
    "adaptive_average_pool": Case(lambda f, x: f.adaptive_average_pool(x, (3, 4)), ((2, 3, 7, 6),)),
    "adaptive_max_pool": Case(lambda f, x: f.adaptive_max_pool(x, (3, 4)), ((2, 3, 7, 6),)),
    "rfft": Case(lambda f, x: f.rfft(x), ((3, 12),)),
    "rfft_odd": Case(lambda f, x: f.rfft(x), ((3, 9),)),
    "spectrogram": Case(lambda f, x: f.spectrogram(x, 16, 6), ((2, 60),)),
    "mel_spectrogram": Case(
        lambda f, x: f.mel_spectrogram(x, 4, 32, 10, 8000.0, 100.0, 3500.0), ((2, 90),), against=MEL
    ),
    "embedding": Case(lambda f, table: f.embedding(table, PICKS), ((8, 6),)),
}

LAYER_CASES: dict[str, Case] = {
    **{
        name: Case(lambda f, a, name=name: f.activation(name, a), _ONE, low=-6, high=6)
        for name in (
            "ELU", "GELU", "SELU", "HardSigmoid", "HardSwish", "LeakyReLU", "LogSigmoid", "LogSoftmax",
            "Mish", "ReLU", "ReLU6", "SiLU", "Sigmoid", "Softplus", "Softsign", "Tanh",
        )
    },
    "Softmax": Case(lambda f, a: f.activation("Softmax", a), _ONE, low=-1, high=1),
    "ELU low": Case(lambda f, a: f.activation("ELU", a, 0.4), _ONE),
    "LeakyReLU steep": Case(lambda f, a: f.activation("LeakyReLU", a, 0.3), _ONE),
    "GELU by tanh": Case(lambda f, a: f.activation("GELU", a, True), _ONE),
    "MaxPool": Case(lambda f, x: f.pool("MaxPool", x, 3, 2, 1), _IMAGES),
    "AvgPool": Case(lambda f, x: f.pool("AvgPool", x, 3, 2, 1), _IMAGES),
    "AdaptiveAvgPool": Case(lambda f, x: f.pool("AdaptiveAvgPool", x, (3, 4)), _IMAGES),
    "AdaptiveMaxPool": Case(lambda f, x: f.pool("AdaptiveMaxPool", x, (3, 4)), _IMAGES),
    "GlobalAvgPool": Case(lambda f, x: f.pool("GlobalAvgPool", x), _IMAGES),
    "GlobalMaxPool": Case(lambda f, x: f.pool("GlobalMaxPool", x), _IMAGES),
    "Linear": Case(lambda f, *all: f.linear_layer(*all), _LINEAR),
    "Linear without bias": Case(lambda f, *all: f.linear_layer(*all), _LINEAR[:2]),
    "TimeLinear": Case(lambda f, *all: f.time_linear(*all), ((2, 5, 10), (10, 6), (6,))),
    "Flatten": Case(lambda f, x: f.flatten(x) * 2, _IMAGES),
    "Reshape": Case(lambda f, x: f.reshape_layer(x, 6, 21) * 2, _IMAGES),
    "Permute": Case(lambda f, x: f.permute(x, 2, 0, 1) * 2, _IMAGES),
    "Dropout": Case(lambda f, x: f.dropout(x, True), _IMAGES, against=COMPOSED),
    "Dropout evaluated": Case(lambda f, x: f.dropout(x, False) * 2, _IMAGES),
    "Sequential": Case(lambda f, *all: f.sequential(*all), (*_LINEAR, (6, 3), (3,))),
    "Parallel": Case(lambda f, *all: f.parallel("concatenate", *all), _BRANCHES, against=COMPOSED),
    "Parallel sum": Case(lambda f, *all: f.parallel("sum", *all), _BRANCHES, against=COMPOSED),
    "Residual": Case(lambda f, *all: f.residual(*all), ((8, 10), (10, 10), (10,)), against=COMPOSED),
    "Residual with a shortcut": Case(lambda f, *all: f.residual(*all), _BRANCHES, against=COMPOSED),
    "Conv2d": Case(lambda f, *all: f.conv_layer(*all), ((2, 4, 7, 6), (6, 2, 3, 2), (6,))),
    "Conv1d": Case(lambda f, *all: f.conv_layer_1d(*all), ((2, 3, 7), (4, 3, 3), (4,))),
    "ConvTranspose2d": Case(lambda f, *all: f.conv_transpose_layer(*all), ((2, 4, 4, 3), (4, 3, 3, 3), (6,))),
    "LayerNorm": Case(lambda f, *all: f.layer_norm(*all), ((4, 5, 6), (5, 6), (5, 6))),
    "RMSNorm": Case(lambda f, *all: f.rms_norm(*all), ((4, 5, 6), (6,))),
    "GroupNorm": Case(lambda f, *all: f.group_norm(*all), ((2, 6, 3, 4), (6,), (6,))),
    "BatchNorm": Case(lambda f, *all: f.batch_norm(*all), ((8, 5), (5,), (5,))),
    "BatchNorm of images": Case(lambda f, *all: f.batch_norm(*all), ((4, 3, 5, 4), (3,), (3,))),
    "BatchNorm evaluated": Case(lambda f, *all: f.batch_norm_evaluated(*all), ((4, 3, 5, 4), (3,), (3,))),
    "Embedding": Case(lambda f, table: f.embedding_layer(table, None), ((8, 6),)),
    "Embedding with padding": Case(lambda f, table: f.embedding_layer(table, 3), ((8, 6),)),
    "LearnedPositions": Case(
        lambda f, *all: f.learned_positions(*all), ((2, 5, 6), (7, 6)), against=COMPOSED
    ),
    "SinusoidalPositions": Case(
        lambda f, x: f.sinusoidal_positions(x), ((2, 5, 6),), against="Vaswani et al. (2017)"
    ),
    "SparseLinear": Case(
        lambda f, *all: f.sparse_linear(*all), ((5, 8), (int(MASK.sum()),), (10,)), against=COMPOSED
    ),
    "Spectrogram": Case(lambda f, x: f.spectrogram_layer(x, 16, 6, False), ((2, 60),)),
    "Spectrogram log": Case(
        lambda f, x: f.spectrogram_layer(x, 16, 6, True), ((2, 60),), low=-0.01, high=0.01
    ),
    "MelSpectrogram": Case(
        lambda f, x: f.mel_layer(x, 4, 32, 10, 8000.0, 100.0, 3500.0), ((2, 90),), against=MEL
    ),
}  # fmt: skip

LENGTHS = np.array([4, 2, 5])


def recurrent(gates: int, inputs: int, units: int, cells: int = 1) -> tuple[tuple[int, ...], ...]:
    """The shapes of a recurrent layer's input and parameters; a second layer takes the units of two ways."""
    shapes: list[tuple[int, ...]] = [(3, 5, inputs)]
    for cell in range(cells):
        wide = gates * units
        shapes += [(inputs if cell < 2 else 2 * units, wide), (units, wide), (wide,), (wide,)]
    return tuple(shapes)


_ATTENTION = ((2, 5, 8), *((8, 8), (8,)) * 4)
_BLOCK = (*_ATTENTION, (8,), (8,), (8, 12), (12,), (12, 8), (8,), (8,), (8,))

_HEADS = ((2, 2, 5, 4), (2, 2, 6, 4), (2, 2, 6, 3))
HEAD_MASK = np.random.default_rng(8).random((2, 1, 5, 6)) > 0.3

SEQUENCE_CASES: dict[str, Case] = {
    "RNN": Case(lambda f, *all: f.recurrent("RNN", *all), recurrent(1, 3, 4), low=-1, high=1),
    "RNN relu": Case(lambda f, *all: f.recurrent("relu", *all), recurrent(1, 3, 4), low=-1, high=1),
    "LSTM": Case(lambda f, *all: f.recurrent("LSTM", *all), recurrent(4, 3, 4), low=-1, high=1),
    "GRU": Case(lambda f, *all: f.recurrent("GRU", *all), recurrent(3, 3, 4), low=-1, high=1),
    "RNN deep": Case(lambda f, *all: f.recurrent_deep("RNN", *all), recurrent(1, 3, 4, 4), low=-1, high=1),
    "LSTM deep": Case(lambda f, *all: f.recurrent_deep("LSTM", *all), recurrent(4, 3, 4, 4), low=-1, high=1),
    "GRU deep": Case(lambda f, *all: f.recurrent_deep("GRU", *all), recurrent(3, 3, 4, 4), low=-1, high=1),
    "LSTM state": Case(lambda f, *all: f.recurrent_state("LSTM", *all), recurrent(4, 3, 4), low=-1, high=1),
    "GRU state": Case(lambda f, *all: f.recurrent_state("GRU", *all), recurrent(3, 3, 4), low=-1, high=1),
    "MultiHeadAttention": Case(lambda f, *all: f.attention(False, *all), _ATTENTION, low=-1, high=1),
    "MultiHeadAttention causal": Case(lambda f, *all: f.attention(True, *all), _ATTENTION, low=-1, high=1),
    "MultiHeadAttention of memory": Case(
        lambda f, *all: f.attention_of_memory(*all), ((2, 3, 8), *_ATTENTION), low=-0.5, high=0.5
    ),
    "attention": Case(lambda f, q, k, v: f.attend(q, k, v, None), _HEADS),
    "attention masked": Case(lambda f, q, k, v: f.attend(q, k, v, HEAD_MASK), _HEADS),
    "TransformerBlock": Case(lambda f, *all: f.transformer(True, *all), _BLOCK, low=-0.5, high=0.5),
    "TransformerBlock norm last": Case(
        lambda f, *all: f.transformer(False, *all), _BLOCK, low=-0.5, high=0.5
    ),
}
"""Deep ones have two layers, two directions and samples of LENGTHS; attention is padded by LENGTHS too."""

OPERATION_CASES: dict[str, Case] = {**ARRAY_CASES, **SPATIAL_CASES}
CASES: dict[str, Case] = {**OPERATION_CASES, **LAYER_CASES, **SEQUENCE_CASES}
