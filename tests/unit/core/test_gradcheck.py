"""gradcheck: passes what is right, and names the worst element of what is not."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.core import ops
from chainrule.core.gradcheck import GradientError, gradcheck
from chainrule.core.graph import primitive, vjp

X = np.array([[0.5, -1.0, 2.0], [1.5, -0.25, 3.0]])


@primitive
def cube(x):
    return x**3


vjp(cube, lambda g, y, x: 3 * g * x * x)


def test_right_derivatives_pass_and_the_worst_errors_are_returned() -> None:
    found = gradcheck(lambda a, b: cube(a) * b, X, X + 0.1)
    assert [(worst.order, worst.argument) for worst in found] == [(1, 0), (1, 1), (2, 0), (2, 1)]
    assert all(worst.error < 1e-8 for worst in found)


def test_a_wrong_first_derivative_is_shown_at_its_worst_element() -> None:
    @primitive
    def cube_but_wrong(x):
        return x**3

    vjp(cube_but_wrong, lambda g, y, x: 3 * g * x * abs(x))
    with pytest.raises(GradientError) as caught:
        gradcheck(cube_but_wrong, X, second=False)
    message = str(caught.value)
    assert message.startswith("cube_but_wrong: first derivative with respect to argument 0[0, 1]: got -")
    assert "finite differences give 4.35" in message
    assert "relative error" in message


def test_a_rule_that_is_right_but_cannot_be_differentiated_again_fails_in_second_order_only() -> None:
    @primitive
    def halted(x):
        return x**3

    vjp(halted, lambda g, y, x: g * (3 * x.shape[0] / x.shape[0]) * ops.multiply(_data(x), _data(x)))
    gradcheck(halted, X, second=False)
    with pytest.raises(GradientError, match=r"second derivative with respect to argument 0\[1, 2\]"):
        gradcheck(halted, X)


def _data(x):
    return x.data if hasattr(x, "requires_grad") else x


def test_a_derivative_that_depends_on_the_order_in_memory_is_found() -> None:
    @primitive
    def flat_in_memory(x):
        return x * 1.0

    vjp(flat_in_memory, lambda g, y, x: g * (1.0 if x.flags.c_contiguous else 1.1))
    with pytest.raises(GradientError, match="argument 0: its derivative depends on the order"):
        gradcheck(flat_in_memory, X, second=False)


def test_a_derivative_that_is_not_a_number_is_never_within_tolerance() -> None:
    with pytest.raises(GradientError, match=r"got nan|give nan"), np.errstate(all="ignore"):
        gradcheck(ops.log, -np.ones(2), second=False)


def test_empty_and_single_element_arguments_are_checked_too() -> None:
    assert gradcheck(lambda a, b: ops.sum(a) + b, np.zeros((0, 3)), 2.0, second=False)[0].argument == 1


def test_a_constant_has_derivative_zero() -> None:
    assert gradcheck(lambda x: ops.sum(x * 0.0), X)[0].derivative == 0
