"""Gradient checkpointing: less memory, the same bytes."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from chainrule.core import Tensor, checkpoint, grad, gradcheck, losses, nn, ops
from chainrule.core.errors import GraphError
from chainrule.core.nn import ForwardContext
from chainrule.core.recomputation import recomputing

WIDTH, BATCH = 64, 32
TRAINING = ForwardContext(training=True, seed=4, step=9, first_sample=32)


def block() -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(WIDTH, WIDTH), nn.Tanh(), nn.Dropout(0.4), nn.Linear(WIDTH, WIDTH), nn.ReLU()
    )


def network(blocks: int) -> nn.Sequential:
    model = nn.Sequential(*(block() for _ in range(blocks)))
    nn.initialize(model, 1)
    return model


def gradients(model: nn.Sequential, x: Tensor, checkpointed: bool) -> list[bytes]:
    """Of all parameters and of the input."""
    y = x
    for layer in model.layers:
        y = checkpoint(layer, y, context=TRAINING) if checkpointed else layer(y, TRAINING)
    loss = losses.softmax_cross_entropy(y, np.arange(x.shape[0]) % WIDTH)
    loss.backward()
    found = [loss.data.tobytes()]
    for tensor in (*model.parameters().values(), x):
        assert tensor.grad is not None
        found.append(tensor.grad.data.tobytes())
        tensor.grad = None
    return found


def samples(rows: int = BATCH) -> Tensor:
    values = np.random.default_rng(0).standard_normal((rows, WIDTH), dtype=np.float32)
    return Tensor(values, requires_grad=True)


def test_gradients_have_the_same_bytes_as_without_also_through_dropout() -> None:
    model, x = network(3), samples()
    assert gradients(model, x, True) == gradients(model, x, False)


def test_it_keeps_one_array_a_block_and_recomputes_one_block_at_a_time() -> None:
    model, x = network(8), samples(2048)
    peaks = []
    for checkpointed in (False, True):
        gradients(model, x, checkpointed)
        tracemalloc.start()
        gradients(model, x, checkpointed)
        peaks.append(tracemalloc.get_traced_memory()[1] / x.data.nbytes)
        tracemalloc.stop()
    assert peaks[0] > 8 * 4
    assert peaks[1] < 8 + 4 + 8


def test_second_derivatives_pass_through_it() -> None:
    weight = np.random.default_rng(1).uniform(0.5, 1, (3, 2))

    def run(x: Tensor, w: Tensor) -> Tensor:
        inner = ops.exp(x * 0.5)
        return checkpoint(lambda a, b: ops.tanh(a @ b) * (b * b).sum(), inner, w) * w.sum()

    gradcheck(run, np.random.default_rng(2).standard_normal((4, 3)), weight)


def test_a_parameter_that_also_made_the_input_is_counted_once_on_each_way() -> None:
    def run(w: Tensor) -> Tensor:
        return checkpoint(lambda a: a * w, w * w, parameters=[w])

    gradcheck(run, np.array([1.5, -0.5]))


def test_a_tensor_that_was_not_declared_is_refused_in_the_walk_back() -> None:
    w = Tensor(np.ones(2), requires_grad=True)
    x = Tensor(np.ones(2), requires_grad=True)
    for create_graph in (False, True):
        output = checkpoint(lambda a: a * w, x).sum()
        with pytest.raises(
            GraphError, match=r"\(a leaf of shape \(2,\)\) and is neither among the inputs nor"
        ):
            grad(output, [x], create_graph=create_graph)
    made = w * 2
    with pytest.raises(GraphError, match=r"\(multiply\) and is neither"):
        checkpoint(lambda a: a * made, x).sum().backward()


def test_arguments_that_are_no_tensors_or_want_no_gradient_pass_through() -> None:
    x = Tensor(np.ones((2, 3)), requires_grad=True)
    mask = Tensor(np.array([[1.0, 0.0, 2.0]]))
    checkpoint(lambda a, m, times, by: a * m * times / by, x, mask, 3.0, by=2.0).sum().backward()
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.data, [[1.5, 0, 3]] * 2)
    assert not checkpoint(ops.exp, mask).requires_grad


def test_a_layer_can_tell_the_second_pass_from_the_first() -> None:
    seen = []

    def watched(x: Tensor) -> Tensor:
        seen.append(recomputing())
        return x * 2

    checkpoint(watched, Tensor(np.ones(2), requires_grad=True)).sum().backward()
    assert seen == [False, True]
    assert not recomputing()


def test_what_has_no_influence_gets_zeros() -> None:
    x, y = (Tensor(np.ones(2), requires_grad=True) for _ in range(2))
    checkpoint(lambda a, b: a * 2, x, y).sum().backward()
    assert y.grad is not None
    np.testing.assert_array_equal(y.grad.data, [0, 0])


def test_running_statistics_move_once_although_the_layer_runs_twice() -> None:
    plain, checkpointed = (nn.BatchNorm(WIDTH) for _ in range(2))
    plain(samples(), TRAINING).sum().backward()
    checkpoint(checkpointed, samples(), context=TRAINING).sum().backward()
    assert checkpointed.running_mean.data.tobytes() == plain.running_mean.data.tobytes()
    assert checkpointed.running_variance.data.tobytes() == plain.running_variance.data.tobytes()
