"""A shard applies each gradient exactly once, in micro-batch order, wherever the shard boundaries lie."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from chainrule.core.optim import SGD, Adam
from chainrule.worker.parameter_server import ParameterServerShard, Push

SIZE = 48


def shard(rule=None, step=0, micro_batches=4):
    return ParameterServerShard(rule or SGD(learning_rate=0.1), step, lambda _: micro_batches)


def gradients(seed, micro_batches=4):
    return np.random.default_rng(seed).standard_normal((micro_batches, SIZE)).astype(np.float32)


def apply(server, slots=0):
    parameters = np.ones(SIZE, np.float32)
    state = np.zeros((slots, SIZE), np.float32)
    out, out_state = np.empty_like(parameters), np.empty_like(state)
    loss = server.apply(parameters, list(state), out, list(out_state))
    return out, loss


def test_a_repeated_gradient_is_refused_and_changes_nothing():
    once, twice = shard(), shard()
    for m, gradient in enumerate(gradients(0)):
        once.push(0, m, 1.0, gradient)
        assert twice.push(0, m, 1.0, gradient) is Push.ACCEPTED
        assert twice.push(0, m, 99.0, gradient * 5) is Push.REPEATED
    np.testing.assert_array_equal(apply(once)[0], apply(twice)[0])


def test_late_and_early_gradients_are_refused():
    server = shard(step=5)
    assert server.push(4, 0, 1.0, gradients(0)[0]) is Push.LATE
    assert server.push(6, 0, 1.0, gradients(0)[0]) is Push.EARLY
    assert server.missing() == [0, 1, 2, 3]


def test_after_an_update_the_same_gradient_is_late():
    server = shard(micro_batches=1)
    server.push(0, 0, 1.0, gradients(0)[0])
    apply(server)
    assert server.step == 1
    assert server.push(0, 0, 1.0, gradients(0)[0]) is Push.LATE


@given(order=st.permutations(range(4)), seed=st.integers(0, 1000))
def test_the_order_of_arrival_does_not_change_a_byte(order, seed):
    straight, shuffled = shard(), shard()
    values = gradients(seed)
    for m in range(4):
        straight.push(0, m, 0.1 * m, values[m])
    for m in order:
        shuffled.push(0, m, 0.1 * m, values[m])
    (a, loss_a), (b, loss_b) = apply(straight), apply(shuffled)
    assert a.tobytes() == b.tobytes() and loss_a == loss_b


@given(cut=st.integers(0, SIZE), seed=st.integers(0, 1000))
def test_the_shard_boundary_does_not_change_a_byte(cut, seed):
    rule = Adam(learning_rate=0.01)
    values = gradients(seed)
    parameters = np.linspace(-1, 1, SIZE, dtype=np.float32)
    results = []
    for parts in ([slice(0, SIZE)], [slice(0, cut), slice(cut, SIZE)]):
        out, state = np.empty_like(parameters), np.zeros((2, SIZE), np.float32)
        for part in parts:
            server = shard(rule)
            for m in range(4):
                server.push(0, m, 1.0, values[m, part])
            server.apply(parameters[part], list(state[:, part]), out[part], list(state[:, part]))
        results.append(out.tobytes() + state.tobytes())
    assert results[0] == results[1]


def test_an_update_is_the_optimizer_s_step_on_the_summed_gradient():
    server, values = shard(), gradients(3)
    for m in range(4):
        server.push(0, m, float(m), values[m])
    out, loss = apply(server)
    np.testing.assert_allclose(out, 1 - 0.1 * values.sum(axis=0), rtol=1e-6)
    assert loss == 6.0
