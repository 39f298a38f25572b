"""The engine: what is recorded, what is walked, what is pruned, and what it refuses."""

from __future__ import annotations

import gc
import threading
import weakref

import numpy as np
import pytest

from chainrule.core import Tensor, grad, no_grad, ops, tensor
from chainrule.core.errors import DTypeError, GraphError, ShapeError
from chainrule.core.graph import primitive, vjp


def leaf(*values: float) -> Tensor:
    return tensor(list(values), requires_grad=True)


def test_a_chain_of_ten_thousand_nodes_is_walked_and_freed_without_recursion() -> None:
    x = leaf(1.0)
    y = x
    for _ in range(10_000):
        y = y + 0.5
    y.backward()
    del y
    assert x.grad is not None
    assert x.grad.item() == 1.0


def test_each_node_is_visited_once_though_paths_double_at_every_step() -> None:
    visits = []

    @primitive
    def twice(x):
        return x + x

    vjp(twice, lambda g, y, x: visits.append(1) or g + g)
    x = leaf(1.0)
    y = x
    for _ in range(30):
        y = twice(y) + y
    y.backward()
    assert len(visits) == 30
    assert x.grad is not None
    assert x.grad.item() == pytest.approx(3.0**30)


def test_backward_adds_to_gradients_that_are_there() -> None:
    x = leaf(1.0, 2.0)
    (x * x).sum().backward()
    (x * 3).sum().backward()
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.data, [5, 7])


def test_gradients_of_different_leaves_never_share_memory() -> None:
    a, b = leaf(1.0), leaf(2.0)
    (a + b).sum().backward()
    assert a.grad is not None
    assert b.grad is not None
    a.grad.data[...] = 9
    assert b.grad.item() == 1


def test_grad_leaves_grad_attributes_alone_and_gives_zeros_for_what_has_no_influence() -> None:
    x, y = leaf(1.0, 2.0), leaf(3.0)
    gradients = grad((x * x).sum(), [x, y])
    np.testing.assert_array_equal(gradients[0].data, [2, 4])
    np.testing.assert_array_equal(gradients[1].data, [0])
    assert x.grad is None


def test_grad_reaches_intermediate_tensors_and_stops_there() -> None:
    calls = []

    @primitive
    def watched(x):
        return x * 1.0

    vjp(watched, lambda g, y, x: calls.append(1) or g)
    x = leaf(2.0)
    middle = watched(x)
    (gradient,) = grad((middle * middle).sum(), [middle])
    assert gradient.item() == 4
    assert calls == []


def test_grad_with_a_seed_is_a_vector_jacobian_product() -> None:
    x = leaf(1.0, 2.0, 3.0)
    (gradient,) = grad(x * x, [x], seed=tensor([1.0, 0.0, -1.0]))
    np.testing.assert_array_equal(gradient.data, [2, 0, -6])


def test_third_derivatives_come_out_of_repeated_grad() -> None:
    x = leaf(2.0)
    y = (x**4).sum()
    for expected in (32, 48, 48):
        (y,) = grad(y, [x], create_graph=True)
        assert y.item() == pytest.approx(expected)


def test_nothing_is_recorded_under_no_grad_and_other_threads_do_not_notice() -> None:
    x = leaf(1.0)
    seen: list[bool] = []
    with no_grad():
        assert not (x * 2).requires_grad
        other = threading.Thread(target=lambda: seen.append((x * 2).requires_grad))
        other.start()
        other.join()
        with no_grad():
            pass
        assert not (x * 2).requires_grad
    assert seen == [True]
    assert (x * 2).requires_grad


def test_a_detached_tensor_shares_memory_and_passes_no_gradient() -> None:
    x = leaf(3.0)
    y = (x.detach() * x).sum()
    y.backward()
    assert x.grad is not None
    assert x.grad.item() == 3
    assert x.detach().data is x.data


def test_a_graph_is_freed_as_soon_as_its_output_is_dropped() -> None:
    gc.disable()
    try:
        x = leaf(1.0)
        middle = x * 2
        watch = weakref.ref(middle)
        output = (middle * middle).sum()
        output.backward()
        del middle, output
        assert watch() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("operation", [lambda x: x * 2.5, lambda x: 1 / x, lambda x: x**2, lambda x: x - 1])
@pytest.mark.parametrize("shape", [(), (3,)])
def test_python_numbers_never_widen_float32(operation, shape) -> None:
    x = Tensor(np.full(shape, 2, np.float32), requires_grad=True)
    y = operation(x)
    assert y.dtype == np.float32
    assert isinstance(y.data, np.ndarray)
    (gradient,) = grad(y.sum(), [x])
    assert gradient.dtype == np.float32


def test_a_wider_operand_leaves_the_gradient_in_the_tensors_own_dtype() -> None:
    x = leaf(1.0, 2.0)
    (x * np.array([1.5, 2.5])).sum().backward()
    assert x.grad is not None
    assert x.grad.dtype == np.float32


def test_iterating_over_a_tensor_gives_its_rows_and_ends() -> None:
    x = leaf(1.0, 2.0, 3.0)
    first, *_, last = x
    (first * last).backward()
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.data, [3, 0, 1])


def test_arrays_on_the_left_defer_to_the_tensor() -> None:
    x = leaf(1.0, 2.0)
    for output in (np.ones(2) * x, np.ones(2) + x, np.ones(2) - x, np.ones(2) / x, np.ones(2) @ x):
        assert isinstance(output, Tensor)


def test_ties_share_the_derivative_of_maximum_and_max() -> None:
    x, y = leaf(1.0, 2.0), leaf(1.0, 0.0)
    gradients = grad(ops.maximum(x, y).sum(), [x, y])
    np.testing.assert_array_equal(gradients[0].data, [0.5, 1])
    np.testing.assert_array_equal(gradients[1].data, [0.5, 0])
    z = leaf(3.0, 1.0, 3.0)
    np.testing.assert_array_equal(grad(z.max(), [z])[0].data, [0.5, 0, 0.5])


def test_a_power_of_zero_at_zero_has_derivative_zero() -> None:
    x = leaf(0.0)
    assert grad((x**0).sum(), [x])[0].item() == 0
    assert grad((x**1).sum(), [x])[0].item() == 1


def test_extreme_inputs_stay_finite_and_raise_no_warning() -> None:
    with np.errstate(all="raise", under="ignore"):
        x = leaf(-1000.0, 0.0, 1000.0)
        for operation in (ops.sigmoid, ops.softplus, ops.softmax, ops.log_softmax, ops.logsumexp, ops.tanh):
            (gradient,) = grad(operation(x).sum(), [x])
            assert np.isfinite(operation(x).data).all()
            assert np.isfinite(gradient.data).all()


def test_backward_from_several_elements_is_refused_with_the_shape() -> None:
    with pytest.raises(GraphError, match=r"expected one element, got shape \(2,\); reduce it first"):
        (leaf(1.0, 2.0) * 2).backward()


def test_backward_from_what_depends_on_nothing_is_refused() -> None:
    with pytest.raises(GraphError, match="requires_grad=True"):
        tensor(1.0).backward()


def test_grad_for_an_input_without_requires_grad_names_it() -> None:
    x = leaf(1.0)
    with pytest.raises(GraphError, match=r"input 1 of shape \(1,\)"):
        grad((x * 2).sum(), [x, tensor([1.0])])


def test_a_missing_rule_names_the_operation_and_the_argument() -> None:
    @primitive
    def opaque(x):
        return x + 1

    with pytest.raises(GraphError, match="opaque: no derivative with respect to argument 0"):
        opaque(leaf(1.0)).sum().backward()


def test_integers_cannot_require_a_gradient() -> None:
    with pytest.raises(DTypeError, match=r"expected a floating dtype.*int64"):
        tensor([1, 2], requires_grad=True)


def test_an_array_keeps_its_dtype_and_lists_of_numbers_become_float32() -> None:
    assert tensor(np.zeros(2)).dtype == np.float64
    assert tensor([1.0]).dtype == np.float32
    assert tensor(2.0).dtype == np.float32
    assert tensor([1.0], dtype=np.float64).dtype == np.float64


ONES = Tensor(np.ones((8, 64), np.float32))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: ONES + np.ones((8, 63)),
            "add, argument b: expected a shape that broadcasts with (8, 64), got (8, 63)",
        ),
        (
            lambda: ONES @ np.ones((32, 10)),
            "matmul, argument b: expected 64 rows, as a (8, 64) has columns, got shape (32, 10)",
        ),
        (
            lambda: ops.linear(ONES, np.ones((32, 10)), np.ones(10)),
            "linear, argument x: expected shape (n, 32), got shape (8, 64)",
        ),
        (
            lambda: ops.linear(ONES, np.ones((64, 10)), np.ones(9)),
            "linear, argument bias: expected shape (10,), got shape (9,)",
        ),
        (
            lambda: ops.linear(Tensor(np.ones((2, 8, 64))), np.ones((64, 10)), np.ones(10)),
            "linear, argument x: expected shape (n, 64), got shape (2, 8, 64)",
        ),
        (
            lambda: ONES.reshape(5, 5),
            "reshape, argument shape: expected one of 512 elements, as (8, 64) has, got (5, 5)",
        ),
        (lambda: ONES.transpose(0, 0), "transpose, argument axes: expected an order of the 2 axes"),
        (lambda: ONES.sum(axis=2), "sum, argument axis: expected different axes of (8, 64), got 2"),
        (lambda: ONES[:0].max(), "max, argument x: expected at least one element, got shape (0, 64)"),
        (lambda: ONES[np.array([9])], "getitem, argument index: expected positions inside shape (8, 64)"),
        (
            lambda: ops.broadcast_to(ONES, (3, 3)),
            "broadcast_to, argument shape: expected one that (8, 64) broadcasts to, got (3, 3)",
        ),
        (
            lambda: ops.softmax_cross_entropy(ONES, np.full(8, 64)),
            "softmax_cross_entropy, argument labels: expected class ids from 0 to 63, got ids from 64 to 64",
        ),
        (
            lambda: ops.softmax_cross_entropy(ONES, np.zeros(7, int)),
            "softmax_cross_entropy, argument labels: expected shape (8,), got shape (7,)",
        ),
    ],
)
def test_shapes_that_do_not_fit_name_op_argument_expected_and_actual(call, message: str) -> None:
    with pytest.raises(ShapeError) as caught:
        call()
    assert str(caught.value).startswith(message)
