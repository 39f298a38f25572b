"""What layers say when they cannot be made, or do not fit, each message in full."""
# pyright: reportArgumentType=false, reportCallIssue=false, reportOperatorIssue=false

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from chainrule.core import ChainruleError, Tensor, nn, ops

NAN = float("nan")
X = Tensor(np.ones((3, 4)))
V = Tensor(np.ones(3))
SCALAR = Tensor(np.ones(()))
IMAGES = Tensor(np.ones((2, 3, 5, 6)))
SEQUENCES = Tensor(np.ones((2, 3, 2)))
TRAINING = nn.ForwardContext(training=True)
REFUSALS: list[tuple[Callable[[], object], str]] = [
    (lambda: nn.Linear(0, 3), "linear: expected inputs of at least 1, got 0"),
    (lambda: nn.Linear("a", 3), "linear: expected a whole number of inputs, got 'a'"),
    (lambda: nn.Linear(-1, 3), "linear: expected inputs of at least 1, got -1"),
    (lambda: nn.Linear(4, 2)(X[0]), "linear: expected samples of shape (4,), got samples of shape ()"),
    (lambda: nn.Linear(3, 2)(X), "linear: expected samples of shape (3,), got samples of shape (4,)"),
    (lambda: nn.Linear(4, 2)("a"), "tensor: expected numbers, got <U1"),
    (lambda: nn.Linear(4, 2)(SCALAR), "linear: expected samples of shape (4,), got samples of shape ()"),
    (
        lambda: nn.Conv2d(3, 2, 0),
        "conv2d, argument kernel: expected 2 whole numbers of at least 1, or one for all, got 0",
    ),
    (
        lambda: nn.Conv2d(3, 2, 2.5),
        "conv2d, argument kernel: expected 2 whole numbers of at least 1, or one for all, got 2.5",
    ),
    (
        lambda: nn.Conv2d(3, 2, 3, stride=-1),
        "conv2d, argument stride: expected 2 whole numbers of at least 1, or one for all, got -1",
    ),
    (
        lambda: nn.Conv2d(3, 2, 3, padding=-1),
        "conv2d, argument padding: expected 2 whole numbers of at least 0, or one for all, got -1",
    ),
    (
        lambda: nn.Conv2d(3, 2, 3, dilation=0),
        "conv2d, argument dilation: expected 2 whole numbers of at least 1, or one for all, got 0",
    ),
    (lambda: nn.Conv2d(3, 2, 3, groups=0), "conv2d: expected groups of at least 1, got 0"),
    (lambda: nn.Conv2d(3, 2, 3, groups=1.5), "conv2d: expected a whole number of groups, got 1.5"),
    (lambda: nn.Conv2d(3.0, 2, 3), "conv2d: expected a whole number of channels, got 3.0"),
    (
        lambda: nn.Conv2d(3, 2, 3)(Tensor(np.ones((2, 3, 9)))),
        "conv2d: expected samples of shape (3, height, width), got samples of shape (3, 9)",
    ),
    (
        lambda: nn.Conv2d(3, 2, 3)(Tensor(np.ones(3))),
        "conv2d: expected samples of shape (3, height, width), got samples of shape ()",
    ),
    (
        lambda: nn.Conv2d(4, 2, 3)(IMAGES),
        "conv2d: expected samples of shape (4, height, width), got samples of shape (3, 5, 6)",
    ),
    (
        lambda: nn.ConvTranspose2d(3, 2, 3, output_padding=-1),
        (
            "conv_transpose2d, argument output_padding: expected 2 whole numbers of at least 0, or one for "
            "all, got -1"
        ),
    ),
    (
        lambda: nn.MaxPool(0),
        "max_pool, argument kernel: expected 1 whole numbers of at least 1, or one for all, got 0",
    ),
    (
        lambda: nn.MaxPool(2.5),
        "max_pool, argument kernel: expected 1 whole numbers of at least 1, or one for all, got 2.5",
    ),
    (
        lambda: nn.MaxPool(2, stride=0),
        "max_pool, argument stride: expected 1 whole numbers of at least 1, or one for all, got 0",
    ),
    (
        lambda: nn.MaxPool(2)(X),
        "max_pool: expected samples of shape (channels, size, ...), got samples of shape (4,)",
    ),
    (
        lambda: nn.AvgPool(-1),
        "avg_pool, argument kernel: expected 1 whole numbers of at least 1, or one for all, got -1",
    ),
    (
        lambda: nn.AvgPool(2, padding=-1),
        "avg_pool, argument padding: expected 1 whole numbers of at least 0, or one for all, got -1",
    ),
    (
        lambda: nn.AdaptiveAvgPool(0),
        "adaptive_avg_pool, argument output: expected 1 whole numbers of at least 1, or one for all, got 0",
    ),
    (
        lambda: nn.AdaptiveMaxPool("a"),
        "adaptive_max_pool, argument output: expected 1 whole numbers of at least 1, or one for all, got a",
    ),
    (
        lambda: nn.AdaptiveAvgPool(0)(IMAGES),
        "adaptive_avg_pool, argument output: expected 1 whole numbers of at least 1, or one for all, got 0",
    ),
    (
        lambda: nn.MaxPool(0)(IMAGES),
        "max_pool, argument kernel: expected 1 whole numbers of at least 1, or one for all, got 0",
    ),
    (
        lambda: nn.MaxPool(2, padding=5)(IMAGES),
        "max_pool, argument padding: expected at most half the kernel (2, 2), got 5",
    ),
    (lambda: nn.LayerNorm(0), "layer_norm: expected shape[0] of at least 1, got 0"),
    (lambda: nn.LayerNorm(4, epsilon=-1), "layer_norm: expected epsilon finite and above 0, got -1"),
    (lambda: nn.LayerNorm(4, epsilon=0), "layer_norm: expected epsilon finite and above 0, got 0"),
    (lambda: nn.LayerNorm(4, epsilon=NAN), "layer_norm: expected epsilon finite and above 0, got nan"),
    (lambda: nn.LayerNorm("a"), "layer_norm: expected a whole number of shape[0], got 'a'"),
    (lambda: nn.LayerNorm(4.0), "layer_norm: expected a whole number of shape[0], got 4.0"),
    (lambda: nn.RMSNorm(4, epsilon=-1), "rms_norm: expected epsilon finite and above 0, got -1"),
    (lambda: nn.GroupNorm(2, 4, epsilon=-1), "group_norm: expected epsilon finite and above 0, got -1"),
    (lambda: nn.GroupNorm(0, 4), "group_norm: expected groups of at least 1, got 0"),
    (lambda: nn.BatchNorm(4, epsilon=-1), "batch_norm: expected epsilon finite and above 0, got -1"),
    (lambda: nn.BatchNorm(4, momentum=NAN), "batch_norm: expected momentum from 0 to 1, got nan"),
    (lambda: nn.BatchNorm(4, momentum="a"), "batch_norm: expected momentum from 0 to 1, got 'a'"),
    (lambda: nn.BatchNorm(4)(V), "batch_norm: expected samples of shape (4, ...), got samples of shape ()"),
    (
        lambda: nn.BatchNorm(4)(X[:0], TRAINING),
        "batch_norm: expected at least one element to take statistics of, got shape (0, 4)",
    ),
    (lambda: nn.Dropout(1.5), "dropout: expected rate at least 0 and below 1, got 1.5"),
    (lambda: nn.Dropout(-0.1), "dropout: expected rate at least 0 and below 1, got -0.1"),
    (lambda: nn.Dropout(NAN), "dropout: expected rate at least 0 and below 1, got nan"),
    (lambda: nn.Dropout("a"), "dropout: expected rate at least 0 and below 1, got 'a'"),
    (lambda: nn.LeakyReLU(NAN), "leaky_relu: expected slope finite, got nan"),
    (lambda: nn.LeakyReLU(float("inf")), "leaky_relu: expected slope finite, got inf"),
    (lambda: nn.LeakyReLU("a"), "leaky_relu: expected slope finite, got 'a'"),
    (lambda: nn.ELU(NAN), "elu: expected alpha finite, got nan"),
    (lambda: nn.ELU("a"), "elu: expected alpha finite, got 'a'"),
    (lambda: nn.Embedding(0, 2), "embedding: expected rows of at least 1, got 0"),
    (lambda: nn.Embedding(3, 2, padding=5), "embedding: expected padding from 0 to 2, got 5"),
    (lambda: nn.Embedding(3, 2, padding=-1), "embedding: expected padding from 0 to 2, got -1"),
    (
        lambda: nn.Embedding(3, 2)(Tensor(np.array([[0.0, 1.0]]))),
        "embedding, argument ids: expected integers, got float64",
    ),
    (
        lambda: nn.Embedding(3, 2)(Tensor(np.array([[0, 3]]))),
        "embedding, argument ids: expected numbers from 0 to 2, got numbers from 0 to 3",
    ),
    (
        lambda: nn.Embedding(3, 2)(Tensor(np.array([[0, -1]]))),
        "embedding, argument ids: expected numbers from 0 to 2, got numbers from -1 to 0",
    ),
    (
        lambda: nn.Sequential(nn.Embedding(3, 2), nn.Flatten())(Tensor(np.array([[0, -1]]))),
        "layers.0.embedding, argument ids: expected numbers from 0 to 2, got numbers from -1 to 0",
    ),
    (
        lambda: nn.Residual(nn.Sequential(nn.Embedding(3, 2)))(Tensor(np.array([[0, -1]]))),
        (
            "residual: expected a body that gives (2,), as the shortcut, got one that gives (2, 2). Give "
            "it a shortcut layer that makes them equal"
        ),
    ),
    (
        lambda: nn.Sequential(nn.Residual(nn.Sequential(nn.Linear(4, 4), nn.Linear(3, 4))))(X),
        "layers.0.body.layers.1.linear: expected samples of shape (3,), got samples of shape (4,)",
    ),
    (
        lambda: nn.Sequential(nn.Parallel(nn.Sequential(nn.Linear(4, 4), nn.Conv2d(1, 2, 3))))(X),
        (
            "layers.0.branches.0.layers.1.conv2d: expected samples of shape (1, height, width), got "
            "samples of shape (4,)"
        ),
    ),
    (
        lambda: nn.Sequential(nn.Residual(nn.Sequential(nn.Tanh(), nn.Embedding(4, 4))))(X),
        (
            "layers.0.residual: expected a body that gives (4,), as the shortcut, got one that gives (4, "
            "4). Give it a shortcut layer that makes them equal"
        ),
    ),
    (lambda: nn.LearnedPositions(0, 2), "learned_positions: expected length of at least 1, got 0"),
    (
        lambda: nn.LearnedPositions(2, 4)(Tensor(np.ones((1, 3, 4)))),
        "learned_positions: expected samples of shape (time up to 2, 4), got samples of shape (3, 4)",
    ),
    (lambda: nn.SinusoidalPositions(4, 0), "sinusoidal_positions: expected units of at least 1, got 0"),
    (lambda: nn.RNN(2, 3, layers=0), "rnn: expected layers of at least 1, got 0"),
    (lambda: nn.RNN(2, 3, activation="x"), "rnn: expected activation tanh or relu, got 'x'"),
    (lambda: nn.LSTM(2, 3, outputs="x"), "lstm: expected outputs all or last, got 'x'"),
    (lambda: nn.LSTM(2, 3)(X), "lstm: expected samples of shape (time, 2), got samples of shape (4,)"),
    (
        lambda: nn.GRU(2, 3)(Tensor(np.ones((2, 0, 2)))),
        "gru: expected samples of shape (time, 2), got samples of shape (0, 2)",
    ),
    (
        lambda: nn.GRU(2, 3).run(SEQUENCES, lengths=np.array([1.5, 2])),
        "gru, argument lengths: expected integers, got float64",
    ),
    (
        lambda: nn.GRU(2, 3).run(SEQUENCES, lengths=np.array([1, 4])),
        "gru, argument lengths: expected shape (2,), from 0 to 3, got shape (2,), from 1 to 4",
    ),
    (lambda: nn.MultiHeadAttention(4, 3), "multi_head_attention: expected heads that divide 4 units, got 3"),
    (lambda: nn.MultiHeadAttention(4, 0), "multi_head_attention: expected heads of at least 1, got 0"),
    (lambda: nn.MultiHeadAttention(4, 2, dropout=2), "dropout: expected rate at least 0 and below 1, got 2"),
    (
        lambda: nn.MultiHeadAttention(4, 2)(X),
        "multi_head_attention: expected samples of shape (time, 4), got samples of shape (4,)",
    ),
    (lambda: nn.TransformerBlock(4, 2, 0), "transformer_block: expected hidden of at least 1, got 0"),
    (lambda: nn.TransformerBlock(4, 2, 8, dropout=1), "dropout: expected rate at least 0 and below 1, got 1"),
    (
        lambda: nn.TransformerBlock(4, 2, 8)(X),
        "attention.multi_head_attention: expected samples of shape (time, 4), got samples of shape (4,)",
    ),
    (lambda: nn.attention(X, V, X), "attention, argument key: expected (..., from, 4), got (3,)"),
    (lambda: nn.attention(X, X, X[:2]), "attention, argument value: expected (..., 3, others), got (2, 4)"),
    (
        lambda: nn.attention(X, X, X, np.ones((2, 2), bool)),
        "where, argument condition: expected a shape that broadcasts with (3, 3) and (), got (2, 2)",
    ),
    (lambda: nn.Reshape(-1, 2), "reshape: expected shape[0] of at least 1, got -1"),
    (lambda: nn.Reshape(2, 2.5), "reshape: expected a whole number of shape[1], got 2.5"),
    (
        lambda: nn.Reshape(2, 3)(X),
        "reshape: expected samples of 6 elements for shape (2, 3), got samples of shape (4,)",
    ),
    (lambda: nn.Parallel(), "parallel: expected at least one branch, got none"),
    (
        lambda: nn.Parallel(nn.Tanh(), combine="x"),
        "parallel: expected combine to be concatenate or sum, got 'x'",
    ),
    (
        lambda: nn.Residual(nn.Linear(4, 3))(X),
        (
            "residual: expected a body that gives (4,), as the shortcut, got one that gives (3,). Give it "
            "a shortcut layer that makes them equal"
        ),
    ),
    (lambda: nn.Sequential("a"), "sequential: expected a module for layers.0, got 'a'"),
    (
        lambda: nn.SparseLinear(4, 2, density=0),
        "sparse_linear: expected a density above 0 and up to 1, got 0",
    ),
    (
        lambda: nn.SparseLinear(4, 2, density=NAN),
        "sparse_linear: expected a density above 0 and up to 1, got nan",
    ),
    (
        lambda: nn.SparseLinear(4, 2, mask=np.ones((2, 2))),
        (
            "sparse_linear, argument mask: expected a connection or more in shape (4, 2), got shape (2, 2) "
            "with 4"
        ),
    ),
    (
        lambda: nn.SparseLinear(4, 2)(IMAGES),
        (
            "sparse_linear: expected samples of shape (4,), got samples of shape (3, 5, 6). Put a flatten "
            "layer before it"
        ),
    ),
    (lambda: nn.Spectrogram(0, 1), "spectrogram: expected size of at least 1, got 0"),
    (lambda: nn.Spectrogram(4, 0), "spectrogram: expected hop of at least 1, got 0"),
    (
        lambda: nn.Spectrogram(4, 2)(V),
        "spectrogram: expected samples of shape (..., at least 4), got samples of shape ()",
    ),
    (
        lambda: nn.MelSpectrogram(0, 8, 4, 8000.0),
        (
            "mel_filters: expected at least 1 band and sample, and 0 <= low < high <= half the rate, "
            "4000.0, got 0 bands of 8 samples from 0.0 to 4000.0"
        ),
    ),
    (
        lambda: nn.MelSpectrogram(3, 8, 4, 8000.0, low=9000),
        (
            "mel_filters: expected at least 1 band and sample, and 0 <= low < high <= half the rate, "
            "4000.0, got 3 bands of 8 samples from 9000 to 4000.0"
        ),
    ),
    (lambda: nn.TimeLinear(0, 2), "time_linear: expected inputs of at least 1, got 0"),
    (
        lambda: nn.TimeLinear(4, 2)(X),
        "time_linear: expected samples of shape (time, 4), got samples of shape (4,)",
    ),
    (
        lambda: nn.cast(nn.Linear(2, 2), "int8"),
        "dtype: expected one of float64, float32, bfloat16, float16, got int8",
    ),
    (
        lambda: nn.Softmax()(Tensor(np.ones((3, 0)))),
        "softmax, argument axis: expected nonempty axes of (3, 0), got -1",
    ),
    (
        lambda: nn.GlobalAvgPool()(X),
        "global_avg_pool: expected samples of shape (channels, size, ...), got samples of shape (4,)",
    ),
]


@pytest.mark.parametrize(("call", "message"), REFUSALS, ids=[message for _, message in REFUSALS])
def test_the_message_says_where_what_was_expected_and_what_came(
    call: Callable[[], object], message: str
) -> None:
    with pytest.raises(ChainruleError) as caught:
        call()
    assert str(caught.value) == message


def inside(layer: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Tanh(), nn.Residual(nn.Sequential(nn.ReLU(), layer)))


class Own(nn.Module):
    """A user's layer: no shape rule, and another layer that it calls."""

    kind = "own"

    def __init__(self, inner: nn.Module) -> None:
        self.inner = inner

    def forward(self, x: Tensor, context: nn.ForwardContext) -> Tensor:
        return ops.matmul(self.inner(x, context), Tensor(np.ones((5, 2))))


IDS = Tensor(np.array([[0, 9]]))
NESTED: list[tuple[Callable[[], object], str]] = [
    (
        lambda: nn.Sequential(nn.Parallel(nn.Sequential(nn.Embedding(3, 2))))(IDS),
        (
            "layers.0.branches.0.layers.0.embedding, argument ids: expected numbers from 0 to 2, "
            "got numbers from 0 to 9"
        ),
    ),
    (
        lambda: nn.Sequential(nn.Sequential(nn.Embedding(3, 2)))(Tensor(np.ones((1, 2)))),
        "layers.0.layers.0.embedding, argument ids: expected integers, got float64",
    ),
    (
        lambda: inside(nn.MaxPool(2, padding=2))(IMAGES),
        "layers.1.body.layers.1.max_pool, argument padding: expected at most half the kernel (2, 2), got 2",
    ),
    (
        lambda: inside(nn.Linear(3, 4))(X),
        "layers.1.body.layers.1.linear: expected samples of shape (3,), got samples of shape (4,)",
    ),
    (
        lambda: nn.Sequential(nn.BatchNorm(4))(X[:0], TRAINING),
        "layers.0.batch_norm: expected at least one element to take statistics of, got shape (0, 4)",
    ),
    (
        lambda: nn.Sequential(Own(nn.Tanh()))(X),
        "layers.0.matmul, argument b: expected 4 rows, as a (3, 4) has columns, got shape (5, 2)",
    ),
    (
        lambda: nn.Sequential(Own(nn.Sequential(nn.Tanh(), nn.Embedding(3, 2))))(X),
        "layers.0.inner.layers.1.embedding, argument ids: expected integers, got float64",
    ),
]


@pytest.mark.parametrize(("call", "message"), NESTED, ids=[message for _, message in NESTED])
def test_the_message_names_the_place_in_a_nested_model(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ChainruleError) as caught:
        call()
    assert str(caught.value) == message
