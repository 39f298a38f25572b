"""How a gradient lies in memory follows from how its arguments lie, not from their size.

From 256 KiB on NumPy writes over an operand that nobody else has, where it would otherwise make a new array.
A plan that records the step cannot tell, and what comes after may add up in another order.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from chainrule.core import Tensor, grad, ops

UNARY = [
    ops.relu, ops.sigmoid, ops.tanh, ops.softplus, ops.softsign, ops.leaky_relu, ops.elu, ops.relu6, ops.gelu,
    ops.silu, ops.mish, ops.hard_swish, ops.exp, ops.expm1, ops.log, ops.sin, ops.cos, ops.sqrt, ops.absolute,
    ops.softmax, ops.log_softmax, ops.standardize, ops.glu,
]  # fmt: skip
BINARY = [ops.add, ops.subtract, ops.multiply, ops.divide, ops.power, ops.maximum, ops.minimum]
ORDERS = {"rows first": (0, 1, 2, 3), "channels together": (0, 2, 3, 1), "images together": (3, 0, 2, 1)}


def lying(order: str, samples: int) -> np.ndarray:
    """Positive numbers, (samples, 8, 16, 16), in memory in this order of the axes."""
    axes = ORDERS[order]
    shape = (samples, 8, 16, 16)
    values = np.random.default_rng(0).uniform(0.5, 2, [shape[axis] for axis in axes]).astype(np.float32)
    return values.transpose(np.argsort(axes))


def orders(function: Callable[..., Tensor], of: tuple[str, ...], g: str, samples: int) -> list[list[int]]:
    """The axes of each argument's gradient, from the outermost in memory to the innermost."""
    arguments = [Tensor(lying(order, samples), requires_grad=True) for order in of]
    y = function(*arguments)
    seed = Tensor(lying(g, samples)[:, : y.shape[1], :, : y.shape[3]])
    found = grad(y, arguments, seed=seed)
    return [sorted(range(4), key=lambda axis, x=x: -x.data.strides[axis]) for x in found]


@pytest.mark.parametrize("g", ORDERS)
@pytest.mark.parametrize("x", ORDERS)
@pytest.mark.parametrize("function", UNARY, ids=lambda function: function.__name__)
def test_the_gradient_of_an_elementwise_function(function: Callable[..., Tensor], x: str, g: str) -> None:
    assert orders(function, (x,), g, 4) == orders(function, (x,), g, 64)


@pytest.mark.parametrize("g", ORDERS)
@pytest.mark.parametrize("b", ORDERS)
@pytest.mark.parametrize("a", ORDERS)
@pytest.mark.parametrize("function", BINARY, ids=lambda function: function.__name__)
def test_the_gradients_of_a_function_of_two(function: Callable[..., Tensor], a: str, b: str, g: str) -> None:
    assert orders(function, (a, b), g, 4) == orders(function, (a, b), g, 64)
