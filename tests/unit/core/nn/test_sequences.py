"""Recurrent layers, attention and the transformer block."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from cases.layers import LENGTHS, SEQUENCES, values_of
from cases.layers import SEQUENCE_LAYERS as LAYERS
from cases.samples import numbers
from cases.substitution import TRAINING, with_parameters

from chainrule.core import ChainruleError, Tensor, grad, nn, ops
from chainrule.core.nn import EVALUATION


def ended(layer: Any, x: Tensor, *values: Tensor) -> Tensor:
    """All that a recurrent layer gives for sequences of LENGTHS."""
    y, state = with_parameters(layer, values).run(x, lengths=LENGTHS)  # pyright: ignore[reportAttributeAccessIssue]
    return ops.concatenate([ops.reshape(part, (-1,)) for part in [y, *sum(state, ())]])


@pytest.mark.parametrize("layer", [nn.LSTM(2, 1, bidirectional=True), nn.GRU(2, 2)], ids=["lstm", "gru"])
def test_derivatives_agree_for_sequences_of_different_lengths(layer, check_derivatives) -> None:
    check_derivatives(lambda x, *values: ended(layer, x, *values), numbers(*SEQUENCES), *values_of(layer))


@pytest.mark.parametrize("name", LAYERS)
def test_the_shape_rule_says_what_forward_gives_in_float32(name: str) -> None:
    layer = LAYERS[name]
    y = layer(Tensor(numbers(*SEQUENCES).astype(np.float32)), TRAINING)
    assert y.shape == (2, *layer.output_shape(SEQUENCES[1:]))
    assert y.dtype == np.float32


@pytest.mark.parametrize("layer", [nn.RNN(2, 3), nn.LSTM(2, 3), nn.GRU(2, 3)], ids=lambda layer: layer.kind)
def test_carried_state_makes_parts_of_a_sequence_the_whole_and_detaching_cuts_derivatives(layer) -> None:
    x = Tensor(numbers(2, 6, 2), requires_grad=True)
    whole, end = layer.run(x)
    first, state = layer.run(x[:, :4])
    second, last = layer.run(x[:, 4:], state)
    np.testing.assert_allclose(ops.concatenate([first, second], axis=1).data, whole.data, rtol=1e-12)
    for part, other in zip(end[0], last[0], strict=True):
        np.testing.assert_allclose(part.data, other.data, rtol=1e-12)
    assert grad(second.sum(), [x])[0].data[:, :4].all()
    cut, _ = layer.run(x[:, 4:], nn.detached(state))
    np.testing.assert_array_equal(cut.data, second.data)
    gradient = grad(cut.sum(), [x])[0].data
    assert not gradient[:, :4].any()
    assert gradient[:, 4:].all()


def test_what_lies_behind_the_length_of_a_sequence_changes_nothing() -> None:
    layer = nn.LSTM(2, 3, layers=2, bidirectional=True)
    x = numbers(2, 5, 2)
    y, state = layer.run(Tensor(x), lengths=np.array([5, 2]))
    alone, alone_state = layer.run(Tensor(x[1:, :2]))
    np.testing.assert_allclose(y.data[1, :2], alone.data[0], rtol=1e-12)
    assert not y.data[1, 2:].any()
    for parts, others in zip(state, alone_state, strict=True):
        for part, other in zip(parts, others, strict=True):
            np.testing.assert_allclose(part.data[1], other.data[0], rtol=1e-12)


def test_no_derivative_reaches_a_later_element_through_causal_attention() -> None:
    layer = nn.Sequential(
        nn.TransformerBlock(4, 2, 8, causal=True), nn.TransformerBlock(4, 1, 8, causal=True)
    )
    x = Tensor(numbers(1, 5, 4), requires_grad=True)
    gradient = grad((layer(x)[:, 2] * numbers(1, 4)).sum(), [x])[0].data
    assert gradient[:, :3].all()
    assert not gradient[:, 3:].any()


def test_padding_changes_nothing_in_attention_and_a_sample_of_padding_takes_zeros() -> None:
    layer = nn.MultiHeadAttention(4, 2)
    x = numbers(2, 5, 4)
    y = layer.attend(Tensor(x), EVALUATION, lengths=np.array([5, 3])).data
    np.testing.assert_allclose(y[1, :3], layer(Tensor(x[1:, :3])).data[0], rtol=1e-12)
    nothing = layer.attend(Tensor(x), EVALUATION, lengths=np.array([5, 0])).data[1]
    np.testing.assert_array_equal(nothing, np.zeros((5, 4)) + layer.output.bias.data)


def test_dropout_of_micro_batches_through_a_block_is_that_of_the_mini_batch_cut_up() -> None:
    model = nn.Sequential(nn.TransformerBlock(4, 2, 8, dropout=0.4), nn.MultiHeadAttention(4, 2, dropout=0.3))
    x = numbers(5, 3, 4)
    whole = model(Tensor(x), replace(TRAINING, first_sample=0)).data
    for start, stop in ((0, 2), (2, 5)):
        part = model(Tensor(x[start:stop]), replace(TRAINING, first_sample=start)).data
        np.testing.assert_allclose(part, whole[start:stop], rtol=1e-12)
    assert not np.allclose(whole, model(Tensor(x)).data)


def test_attention_drops_weights_whole_and_enlarges_the_others() -> None:
    seen: list[np.ndarray] = []
    query, key, value = (Tensor(numbers(2, 6, 3, seed=seed)) for seed in range(3))
    layer = nn.Dropout(0.5)

    def drop(weights: Tensor) -> Tensor:
        seen.extend((weights.data, layer(weights, TRAINING).data))
        return layer(weights, TRAINING)

    y = nn.attention(query, key, value, np.tri(6, dtype=bool), drop)
    weights, dropped = seen
    np.testing.assert_allclose(weights.sum(axis=-1), 1, rtol=1e-12)
    np.testing.assert_allclose(dropped[dropped != 0], 2 * weights[dropped != 0], rtol=1e-6)
    np.testing.assert_allclose(y.data, dropped @ value.data, rtol=1e-12)


def test_the_three_dropouts_of_a_block_draw_different_numbers() -> None:
    block = nn.TransformerBlock(4, 2, 8, dropout=0.5)
    layers = [block.attention.dropout, block.first_dropout, block.second_dropout]
    ones = Tensor(np.ones((20, 4)))
    assert len({layer(ones, TRAINING).data.tobytes() for layer in layers}) == 3


@pytest.mark.parametrize(
    "layers",
    [
        (nn.MultiHeadAttention(4, 2), nn.TransformerBlock(4, 2, 8, causal=True)),
        (nn.GRU(4, 3, layers=2, bidirectional=True), nn.LSTM(6, 2, bidirectional=True, outputs="last")),
        (nn.Residual(nn.Sequential(nn.TransformerBlock(4, 2, 8))), nn.RNN(4, 3, outputs="last")),
    ],
    ids=["attention", "recurrent", "nested"],
)
def test_padding_ids_of_an_embedding_change_nothing_for_the_layers_after_it(layers) -> None:
    model = nn.Sequential(nn.Embedding(9, 4, padding=0), nn.SinusoidalPositions(9, 4), *layers)
    nn.initialize(model, seed=1)
    ids = np.array([[3, 1, 4, 1], [5, 2, 0, 0]])
    alone, longer = model(Tensor(ids[1:, :2])).data, model(Tensor(np.pad(ids, ((0, 0), (0, 3))))).data
    if alone.ndim == 3:
        longer = longer[:, :2]
    np.testing.assert_allclose(longer[1:], alone, rtol=1e-5, atol=1e-6)
    other = nn.Sequential(nn.Embedding(9, 4), *model.layers[1:])
    for name, parameter in other.parameters().items():
        parameter.data = model.parameters()[name].data
    if not isinstance(layers[0], nn.MultiHeadAttention):
        assert not np.allclose(other(Tensor(ids[1:])).data, alone, atol=1e-3)


def test_attention_to_a_memory_takes_from_it_only(check_derivatives) -> None:
    layer = nn.MultiHeadAttention(2, 1)
    parameters = [Tensor(values) for values in values_of(layer)]

    def attend(x: Tensor, memory: Tensor) -> Tensor:
        return with_parameters(layer, tuple(parameters)).attend(x, EVALUATION, memory=memory)  # pyright: ignore[reportAttributeAccessIssue]

    check_derivatives(attend, numbers(1, 2, 2), numbers(1, 3, 2, seed=1))


X = Tensor(numbers(2, 3, 2))


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda: nn.LSTM(3, 2)(X), "lstm: expected samples of shape (time, 3), got samples of shape (3, 2)"),
        (
            lambda: nn.GRU(2, 2)(X[:, :0]),
            "gru: expected samples of shape (time, 2), got samples of shape (0, 2)",
        ),
        (
            lambda: nn.RNN(2, 2).run(X, lengths=np.array([4, 1])),
            "rnn, argument lengths: expected shape (2,), from 0 to 3, got shape (2,), from 1 to 4",
        ),
        (
            lambda: nn.LSTM(2, 2).run(X, nn.GRU(2, 2).run(X)[1]),
            "lstm, argument state: expected 1 of 2 arrays of shape (2, 2), got shapes [(2, 2)]",
        ),
        (lambda: nn.RNN(2, 0), "rnn: expected units of at least 1, got 0"),
        (lambda: nn.RNN(2, 2, activation="sin"), "rnn: expected activation tanh or relu, got 'sin'"),
        (lambda: nn.RNN(2, 2, outputs="first"), "rnn: expected outputs all or last, got 'first'"),  # pyright: ignore[reportArgumentType]
        (
            lambda: nn.MultiHeadAttention(4, 3),
            "multi_head_attention: expected heads that divide 4 units, got 3",
        ),
        (
            lambda: nn.MultiHeadAttention(4, 2)(X),
            "multi_head_attention: expected samples of shape (time, 4), got samples of",
        ),
        (
            lambda: nn.MultiHeadAttention(2, 2).attend(X, EVALUATION, memory=X[:1]),
            "multi_head_attention, argument memory: expected shape (2, time, 2), got shape (1, 3, 2)",
        ),
        (
            lambda: nn.MultiHeadAttention(2, 2).attend(X, EVALUATION, lengths=LENGTHS[:1]),
            "multi_head_attention, argument lengths: expected shape (2,), from 0 to 3, got shape (1,)",
        ),
        (
            lambda: nn.Sequential(nn.TransformerBlock(4, 2, 8))(X),
            "layers.0.attention.multi_head_attention: expected samples of shape (time, 4), got samples",
        ),
        (lambda: nn.TimeLinear(3, 2)(X), "time_linear: expected samples of shape (time, 3), got samples of"),
    ],
)
def test_what_does_not_fit_says_what_it_expected(run, message: str) -> None:
    with pytest.raises(ChainruleError) as caught:
        run()
    assert str(caught.value).startswith(message)
