"""Operations of the user's own: differentiated like ours, and refused with the name of what is wrong."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.core import Tensor, custom_op, grad, gradcheck, ops, tensor
from chainrule.core.errors import GraphError, ShapeError

X = np.array([[0.5, -1.0], [2.0, 0.25]])


def sine(x):
    return np.sin(x)


smooth = custom_op(
    lambda x, scale: np.log1p(np.exp(x)) * scale,
    lambda g, y, x, scale: g * ops.sigmoid(x) * scale,
    lambda g, y, x, scale: g * ops.softplus(x),
)
first_only = custom_op(sine, lambda g, y, x: g * np.sqrt(1 - y * y) * np.copysign(1, np.sin(x + np.pi / 2)))
by_numpy = custom_op(sine, lambda g, y, x: g * np.cos(x))


def test_a_custom_operation_has_first_and_second_derivatives_and_broadcasts() -> None:
    gradcheck(smooth, X, X + 1)
    gradcheck(smooth, X, np.array([2.0, 3.0]))


def test_it_is_named_by_its_formula() -> None:
    output = first_only(tensor([1.0], requires_grad=True))
    assert repr(output).endswith("made by sine)")


def test_functions_of_numpy_that_are_operations_too_have_second_derivatives() -> None:
    gradcheck(by_numpy, X)


def test_options_reach_formula_and_rule() -> None:
    scaled = custom_op(lambda x, by=1.0: x * by, lambda g, y, x, by=1.0: g * by)
    gradcheck(lambda x: scaled(x, by=3.0) * x, X)


def test_a_rule_in_numpy_gives_first_derivatives_and_refuses_second_ones() -> None:
    gradcheck(first_only, X, second=False)
    x = Tensor(X, requires_grad=True)
    with pytest.raises(GraphError, match=r"custom_op sine, rule for argument 0: it works on arrays only"):
        grad(first_only(x).sum(), [x], create_graph=True)


def test_a_rule_that_hides_arrays_from_tensors_is_refused_rather_than_taken_for_a_constant() -> None:
    hidden = custom_op(sine, lambda g, y, x: np.asarray(g) * np.cos(np.asarray(x)))
    x = Tensor(X, requires_grad=True)
    with pytest.raises(GraphError, match="it works on arrays only"):
        grad(hidden(x).sum(), [x], create_graph=True)


def test_a_missing_rule_is_refused_when_the_operation_is_made() -> None:
    def f(a, b):
        return a + b

    with pytest.raises(GraphError, match="expected a rule for each of the arguments a, b, got 1"):
        custom_op(f, lambda g, y, a, b: g)


def test_an_argument_declared_without_derivative_is_refused_when_one_is_wanted() -> None:
    picked = custom_op(lambda x, mask: x * mask, lambda g, y, x, mask: g * mask, None)
    mask = Tensor(np.ones((2, 2)), requires_grad=True)
    with pytest.raises(GraphError, match="no derivative with respect to argument 1"):
        picked(X, mask).sum().backward()


@pytest.mark.parametrize(
    ("rule", "error", "message"),
    [
        (
            lambda g, y, x: g.sum(axis=0),
            ShapeError,
            "custom_op sine, rule for argument 0: expected a gradient of the argument's shape (2, 2), got",
        ),
        (
            lambda g, y, x: None,
            GraphError,
            "custom_op sine, rule for argument 0: expected it to return an",
        ),
        (
            lambda g, y, x: [1.0],
            GraphError,
            "custom_op sine, rule for argument 0: expected it to return an",
        ),
    ],
)
def test_a_rule_that_returns_something_else_is_named(rule, error, message: str) -> None:
    with pytest.raises(error) as caught:
        custom_op(sine, rule)(Tensor(X, requires_grad=True)).sum().backward()
    assert str(caught.value).startswith(message)


def test_a_formula_that_returns_no_array_is_named() -> None:
    def f(x):
        return [1.0]

    broken = custom_op(f, lambda g, y, x: g)
    with pytest.raises(GraphError, match="f: expected its formula to return an array, got a list"):
        broken(tensor([1.0]))


def test_a_rule_of_the_engine_that_returns_a_wrong_shape_is_named_too() -> None:
    from chainrule.core.graph import primitive, vjp

    @primitive
    def odd(x):
        return x * 1.0

    vjp(odd, lambda g, y, x: g[0])
    with pytest.raises(
        GraphError, match=r"odd: expected the derivative with respect to argument 0 to have that"
    ):
        odd(Tensor(X, requires_grad=True)).sum().backward()


def test_what_a_rule_does_not_read_is_not_kept() -> None:
    output = custom_op(sine, lambda g, y, x: g * y)(tensor([1.0], requires_grad=True) * 2)
    assert output.node is not None
    assert not hasattr(output.node.values[0], "data")
