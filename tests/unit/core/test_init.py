"""Initialization by name: variances, bounds, orthogonality, keys. And penalties on weights."""

from __future__ import annotations

import hashlib
from statistics import NormalDist

import numpy as np
import pytest

from chainrule.core import ChainruleError, Tensor, grad, init, losses, nn

SHAPE = (300, 200)
KERNEL = (40, 30, 5, 5)


@pytest.mark.parametrize("name", init.INITIALIZERS)
def test_every_initializer_is_a_function_of_its_key_in_float32(name: str) -> None:
    for shape in ((6, 4), (4, 6), (3, 2, 2)):
        values = init.initial(name, shape, seed=3, index=2)
        assert values.shape == shape
        assert values.dtype == np.float32
        assert values.flags.c_contiguous
        assert values.tobytes() == init.initial(name, shape, seed=3, index=2).tobytes()
        if name not in ("zeros", "ones"):
            assert values.tobytes() != init.initial(name, shape, seed=3, index=1).tobytes()
            assert values.tobytes() != init.initial(name, shape, seed=2, index=2).tobytes()


@pytest.mark.parametrize(
    ("name", "of_weight", "of_kernel"),
    [
        ("xavier_uniform", 2 / 500, 2 / (25 * 70)),
        ("xavier_normal", 2 / 500, 2 / (25 * 70)),
        ("glorot_uniform", 2 / 500, 2 / (25 * 70)),
        ("he_uniform", 2 / 300, 2 / (25 * 30)),
        ("he_normal", 2 / 300, 2 / (25 * 30)),
        ("uniform", 0.1**2 / 12, 0.1**2 / 12),
        ("normal", 0.02**2, 0.02**2),
    ],
)
def test_variances_are_those_of_the_papers(name: str, of_weight: float, of_kernel: float) -> None:
    for shape, variance in ((SHAPE, of_weight), (KERNEL, of_kernel)):
        values = init.initial(name, shape).astype(np.float64)
        assert values.var() == pytest.approx(variance, rel=0.03)
        assert abs(values.mean()) < 4 * np.sqrt(variance / values.size)
        if "uniform" in name:
            assert np.abs(values).max() <= np.sqrt(3 * variance) * (1 + 1e-6)


def test_he_uniform_gives_the_bytes_that_jobs_have_always_begun_with() -> None:
    drawn = hashlib.sha256(init.he_uniform((64, 10), 5, 3).tobytes()).hexdigest()
    assert drawn == "1c34fb0c07541479e5ea2c346536be163457b856a5adc4dfdcae22ff818d7ea3"


def test_a_truncated_normal_is_the_normal_inside_its_bounds() -> None:
    values = init.truncated_normal(SHAPE, deviation=0.5, bound=1.5)
    assert np.abs(values).max() <= 0.75
    inside = np.sort(values.ravel().astype(np.float64) / 0.5)
    normal = NormalDist()
    below = normal.cdf(-1.5)
    for share in (0.01, 0.1, 0.25, 0.5, 0.8, 0.99):
        expected = normal.inv_cdf(below + share * (1 - 2 * below))
        assert inside[int(share * inside.size)] == pytest.approx(expected, abs=0.02)


def test_the_inverse_of_the_normal_distribution_is_right_to_8_digits() -> None:
    p = np.array([1e-9, 1e-3, 0.02, 0.025, 0.3, 0.5, 0.7, 0.975, 0.999])
    expected = [NormalDist().inv_cdf(value) for value in p]
    np.testing.assert_allclose(init._inverse_normal(p), expected, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("shape", [(7, 7), (20, 8), (8, 20), (6, 3, 2, 2), (1, 5)])
def test_orthogonal_weights_have_singular_values_of_their_gain(shape: tuple[int, ...]) -> None:
    matrix = init.orthogonal(shape, seed=1, gain=1.5).reshape(shape[0], -1)
    np.testing.assert_allclose(np.linalg.svd(matrix, compute_uv=False), 1.5, rtol=1e-6)


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda: init.initial("he", (2, 2)), "init: expected one of zeros, ones, uniform, .*, got 'he'"),
        (lambda: init.orthogonal((5,)), r"init: expected a weight .*, got shape \(5,\)"),
        (lambda: init.he_normal(()), r"init: expected a weight .*, got shape \(\)"),
    ],
)
def test_what_cannot_be_initialized_is_refused(run, message: str) -> None:
    with pytest.raises(ChainruleError, match=message):
        run()


W, V = (np.random.default_rng(seed).standard_normal(shape) for seed, shape in enumerate(((5, 3), (4, 2))))


def test_penalties_have_the_derivatives_of_their_values(check_derivatives) -> None:
    check_derivatives(lambda w, v: losses.l1([w, v], 0.3), W, V)
    check_derivatives(lambda w, v: losses.l2([w, v], 0.3), W, V)
    check_derivatives(lambda w, v: losses.max_norm([w, v], 0.3, 1.2), W, V)


def test_l2_added_to_a_loss_is_weight_decay() -> None:
    model = nn.Linear(3, 2)
    penalty = losses.l2([model.weight], 0.3)
    gradient = grad((model.weight * 2).sum() + penalty, [model.weight])[0]
    np.testing.assert_allclose(gradient.data, 2 + 0.3 * model.weight.data, rtol=1e-6)


@pytest.mark.parametrize("scale", [1e4, 0.0, 1e-40])
def test_penalties_of_extreme_weights_are_finite(scale: float) -> None:
    w = Tensor((W * scale).astype(np.float32), requires_grad=True)
    for penalty in (losses.l1([w], 0.1), losses.l2([w], 0.1), losses.max_norm([w], 0.1, 3.0)):
        assert np.isfinite(penalty.item())
        assert np.isfinite(grad(penalty, [w])[0].data).all()


def test_limited_norms_are_at_most_the_limit_and_shorter_ones_stay() -> None:
    lengths = np.linalg.norm(W, axis=0)
    limit = float(np.median(lengths))
    weight = Tensor(W.copy(), requires_grad=True)
    losses.limit_norms(weight, limit)
    np.testing.assert_allclose(np.linalg.norm(weight.data, axis=0), np.minimum(lengths, limit), rtol=1e-12)
    np.testing.assert_array_equal(weight.data[:, lengths < limit], W[:, lengths < limit])
    assert losses.max_norm([weight], 1.0, limit).item() == pytest.approx(0, abs=1e-20)


def test_the_norm_of_a_kernel_is_that_of_each_filter() -> None:
    kernel = Tensor(W.reshape(5, 1, 3).copy(), requires_grad=True)
    excess = np.maximum(np.linalg.norm(W, axis=1) - 1.0, 0)
    assert excess.any()
    assert losses.max_norm([kernel], 0.5, 1.0).item() == pytest.approx(0.5 * (excess**2).sum())
    losses.limit_norms(kernel, 1.0)
    np.testing.assert_allclose(
        np.linalg.norm(kernel.data, axis=2)[:, 0], np.minimum(np.linalg.norm(W, axis=1), 1), rtol=1e-12
    )
