"""A shard applies each gradient exactly once, in micro-batch order, and goes on only when all are there."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from chainrule.worker.parameter_server import ParameterServerShard, Push

SIZE = 48


def shard(step=0, micro_batches=4):
    return ParameterServerShard(step, lambda _: micro_batches)


def gradients(seed, micro_batches=4):
    return np.random.default_rng(seed).standard_normal((micro_batches, SIZE)).astype(np.float32)


def apply(server):
    total = server.total(np.empty(SIZE, np.float32), slice(0, SIZE), own=False)
    return total, server.complete()


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


def test_the_sum_is_over_all_micro_batches_and_so_is_the_loss():
    server, values = shard(), gradients(3)
    for m in range(4):
        server.push(0, m, float(m), values[m])
    total, loss = apply(server)
    np.testing.assert_allclose(total, values.sum(axis=0), rtol=1e-5, atol=1e-6)
    assert loss == 6.0


def test_a_sum_that_is_to_be_changed_is_no_worker_s_gradient():
    server, [value] = shard(micro_batches=1), gradients(4, 1)
    server.push(0, 0, 1.0, value)
    part = slice(16, 32)
    out = np.zeros(SIZE, np.float32)
    assert server.total(out, part, own=False) is value
    own = server.total(out, part, own=True)
    assert own is out
    np.testing.assert_array_equal(own[part], value[part])
