"""What networks are made of, compared with PyTorch: further operations, and layers with given parameters.

A case is a formula over a namespace `f`, as in oracle_cases.py.
"""

from __future__ import annotations

import numpy as np
from oracle_cases import Case

_ONE = ((8, 10),)
_TWO = ((8, 10), (8, 10))
MASK = np.random.default_rng(5).random((8, 10)) > 0.4
PICKS = np.random.default_rng(6).integers(0, 8, (5, 10))
ROWS = np.array([3, 0, 3, 1, 1, 7, 2, 5])

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
    "masked": Case(lambda f, a: a[MASK] * a[ROWS][:, :3].sum(), _ONE),
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
    "embedding": Case(lambda f, table: f.embedding(table, PICKS), ((8, 6),)),
}

LAYER_CASES: dict[str, Case] = {
    "conv_layer": Case(lambda f, *all: f.conv_layer(*all), ((2, 4, 7, 6), (6, 2, 3, 2), (6,))),
    "conv_layer_1d": Case(lambda f, *all: f.conv_layer_1d(*all), ((2, 3, 7), (4, 3, 3), (4,))),
    "conv_transpose_layer": Case(
        lambda f, *all: f.conv_transpose_layer(*all), ((2, 4, 4, 3), (4, 3, 3, 3), (6,))
    ),
    "layer_norm": Case(lambda f, *all: f.layer_norm(*all), ((4, 5, 6), (5, 6), (5, 6))),
    "rms_norm": Case(lambda f, *all: f.rms_norm(*all), ((4, 5, 6), (6,))),
    "group_norm": Case(lambda f, *all: f.group_norm(*all), ((2, 6, 3, 4), (6,), (6,))),
    "batch_norm": Case(lambda f, *all: f.batch_norm(*all), ((8, 5), (5,), (5,))),
    "batch_norm_of_images": Case(lambda f, *all: f.batch_norm(*all), ((4, 3, 5, 4), (3,), (3,))),
    "batch_norm_evaluated": Case(lambda f, *all: f.batch_norm_evaluated(*all), ((4, 3, 5, 4), (3,), (3,))),
    "embedding_layer": Case(lambda f, table: f.embedding_layer(table), ((8, 6),)),
    "sparse_linear": Case(lambda f, *all: f.sparse_linear(*all), ((5, 8), (int(MASK.sum()),), (10,))),
    "residual": Case(lambda f, *all: f.residual(*all), ((8, 10), (10, 10), (10,))),
}

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

SEQUENCE_CASES: dict[str, Case] = {
    "rnn": Case(lambda f, *all: f.recurrent("RNN", *all), recurrent(1, 3, 4), low=-1, high=1),
    "rnn_relu": Case(lambda f, *all: f.recurrent("relu", *all), recurrent(1, 3, 4), low=-1, high=1),
    "lstm": Case(lambda f, *all: f.recurrent("LSTM", *all), recurrent(4, 3, 4), low=-1, high=1),
    "gru": Case(lambda f, *all: f.recurrent("GRU", *all), recurrent(3, 3, 4), low=-1, high=1),
    "rnn_deep": Case(lambda f, *all: f.recurrent_deep("RNN", *all), recurrent(1, 3, 4, 4), low=-1, high=1),
    "lstm_deep": Case(lambda f, *all: f.recurrent_deep("LSTM", *all), recurrent(4, 3, 4, 4), low=-1, high=1),
    "gru_deep": Case(lambda f, *all: f.recurrent_deep("GRU", *all), recurrent(3, 3, 4, 4), low=-1, high=1),
    "lstm_state": Case(lambda f, *all: f.recurrent_state("LSTM", *all), recurrent(4, 3, 4), low=-1, high=1),
    "gru_state": Case(lambda f, *all: f.recurrent_state("GRU", *all), recurrent(3, 3, 4), low=-1, high=1),
    "attention": Case(lambda f, *all: f.attention(False, *all), _ATTENTION, low=-1, high=1),
    "attention_causal": Case(lambda f, *all: f.attention(True, *all), _ATTENTION, low=-1, high=1),
    "transformer": Case(lambda f, *all: f.transformer(True, *all), _BLOCK, low=-0.5, high=0.5),
    "transformer_norm_last": Case(lambda f, *all: f.transformer(False, *all), _BLOCK, low=-0.5, high=0.5),
}
"""Deep ones have two layers, two directions and samples of LENGTHS; attention is padded by LENGTHS too."""

CASES: dict[str, Case] = {**ARRAY_CASES, **SPATIAL_CASES, **LAYER_CASES, **SEQUENCE_CASES}
