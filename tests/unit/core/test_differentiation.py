"""Products with Jacobians and Hessians, against the matrices written out."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.core import Tensor, grad, hvp, jvp, losses, nn, ops, vjp
from chainrule.core.errors import GraphError, ShapeError
from chainrule.core.gradcheck import numerical_gradient

RNG = np.random.default_rng(0)


def random(*shape: int, requires_grad: bool = False) -> Tensor:
    return Tensor(RNG.standard_normal(shape), requires_grad=requires_grad)


def function(a: Tensor, b: Tensor) -> Tensor:
    """(3,), (2, 3) -> (2,): neither linear nor elementwise."""
    return ops.tanh(b @ a) * ops.exp(a[:2]) + ops.softplus(b.sum(axis=1))


def jacobian(which: int, a: Tensor, b: Tensor) -> np.ndarray:
    """(2, elements of the argument), by finite differences."""
    rows = [
        numerical_gradient(
            lambda x, y, row=row: function(Tensor(x), Tensor(y)).data[row], [a.data, b.data], which
        )
        for row in range(2)
    ]
    return np.stack(rows).reshape(2, -1)


def test_vjp_is_the_cotangent_times_the_jacobian() -> None:
    a, b, cotangent = random(3, requires_grad=True), random(2, 3, requires_grad=True), random(2)
    for which, result in enumerate(vjp(function(a, b), [a, b], cotangent)):
        expected = cotangent.data @ jacobian(which, a, b)
        np.testing.assert_allclose(result.data.reshape(-1), expected, rtol=1e-7, atol=1e-9)


def test_jvp_is_the_jacobian_times_the_tangents() -> None:
    a, b = random(3, requires_grad=True), random(2, 3, requires_grad=True)
    tangents = [random(3), random(2, 3)]
    result = jvp(function(a, b), [a, b], tangents)
    expected = sum(jacobian(which, a, b) @ tangent.data.reshape(-1) for which, tangent in enumerate(tangents))
    np.testing.assert_allclose(result.data, expected, rtol=1e-7, atol=1e-9)


def test_a_jvp_can_be_differentiated_again() -> None:
    x = Tensor(np.array([2.0]), requires_grad=True)
    one = Tensor(np.ones(1))
    tangent = jvp(x**3, [x], [one], create_graph=True)
    (second,) = grad(tangent.sum(), [x], create_graph=True)
    (third,) = grad(second.sum(), [x])
    assert (tangent.item(), second.item(), third.item()) == (12, 12, 6)


def test_hvp_of_a_quadratic_is_its_matrix_times_the_vector() -> None:
    matrix, x, v = random(4, 4), random(4, requires_grad=True), random(4)
    (result,) = hvp(x @ matrix @ x, [x], [v])
    np.testing.assert_allclose(result.data, (matrix.data + matrix.data.T) @ v.data, rtol=1e-12)


def test_hvp_of_a_network_agrees_with_differences_of_its_gradient() -> None:
    model = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 4))
    nn.initialize(model, 0)
    parameters = list(model.parameters().values())
    for parameter in parameters:
        parameter.data = parameter.data.astype(np.float64)
    vectors = [random(*parameter.shape) for parameter in parameters]
    x, labels = random(6, 3), np.array([0, 1, 2, 3, 0, 1])

    def gradients(steps: float) -> list[np.ndarray]:
        starts = [parameter.data for parameter in parameters]
        for parameter, vector in zip(parameters, vectors, strict=True):
            parameter.data = parameter.data + steps * vector.data
        found = grad(losses.softmax_cross_entropy(model(x), labels), parameters)
        for parameter, start in zip(parameters, starts, strict=True):
            parameter.data = start
        return [gradient.data for gradient in found]

    results = hvp(losses.softmax_cross_entropy(model(x), labels), parameters, vectors)
    step = 1e-5
    for result, after, before in zip(results, gradients(step), gradients(-step), strict=True):
        np.testing.assert_allclose(result.data, (after - before) / (2 * step), rtol=1e-6, atol=1e-8)


def test_the_hessian_of_something_linear_and_the_jvp_of_a_constant_are_zero() -> None:
    x = random(3, requires_grad=True)
    other = random(3, requires_grad=True)
    (result,) = hvp((x * 2).sum(), [x], [random(3)])
    np.testing.assert_array_equal(result.data, np.zeros(3))
    np.testing.assert_array_equal(jvp(x * 2, [other], [random(3)]).data, np.zeros(3))


def test_directions_that_do_not_fit_are_refused() -> None:
    x = random(3, requires_grad=True)
    with pytest.raises(ShapeError, match=r"hvp, direction 0: expected its input's shape \(3,\), got \(2,\)"):
        hvp((x * x).sum(), [x], [random(2)])
    with pytest.raises(GraphError, match="jvp: expected one direction an input, got 0 for 1"):
        jvp(x * x, [x], [])
    with pytest.raises(GraphError, match=r"seed: expected the output's shape \(3,\), got \(2,\)"):
        vjp(x * x, [x], random(2))
