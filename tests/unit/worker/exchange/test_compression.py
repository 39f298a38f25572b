"""Each compression: what comes back, what is left out, and that nothing but the gradient and the key
matters."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from chainrule.core import native
from chainrule.core.flat import FlatLayout
from chainrule.worker.exchange.compression import (
    Bfloat16,
    Float16,
    Int8,
    Key,
    OneBit,
    PowerSGD,
    RandomK,
    TopK,
    compress,
)
from chainrule.worker.exchange.compression.sparse import largest

LAYOUT = FlatLayout.of({"a": (150, 301), "b": (301,), "c": (3, 5, 7), "d": ()})
METHODS = {
    "fp16": Float16(LAYOUT),
    "bf16": Bfloat16(LAYOUT),
    "int8": Int8(LAYOUT),
    "top_k": TopK(LAYOUT, 0.01),
    "random_k": RandomK(LAYOUT, 0.1),
    "one_bit": OneBit(LAYOUT),
    "power_sgd": PowerSGD(LAYOUT, 2),
}
KEY = Key(seed=3, step=14, micro_batch=1)


@pytest.fixture(params=METHODS)
def method(request):
    return METHODS[request.param]


def a_gradient(seed=0):
    """With numbers where parameters are and zeros between them."""
    flat, rng = np.zeros(LAYOUT.size, np.float32), np.random.default_rng(seed)
    for view in LAYOUT.views(flat).values():
        view[...] = rng.standard_normal(view.shape) * np.exp(rng.standard_normal(view.shape)) * 1e-3
    return flat


def encoded(method, gradient, key=KEY):
    payload = np.zeros(method.payload_bytes, np.uint8)
    method.encode(gradient, payload, key)
    return payload


def decoded(method, gradient, key=KEY):
    out = np.full(LAYOUT.size, 5, np.float32)
    method.decode(encoded(method, gradient, key), out, key)
    return out


def error(method, gradient):
    return np.linalg.norm(decoded(method, gradient) - gradient) / np.linalg.norm(gradient)


@pytest.mark.parametrize(
    ("name", "ratio", "bound"),
    [
        ("fp16", 0.5, 2**-11),
        ("bf16", 0.5, 2**-8),
        ("int8", 0.255, 0.03),
        ("top_k", 0.0201, 0.93),
        ("random_k", 0.1001, 0.98),
        ("one_bit", 0.0355, 0.9),
        ("power_sgd", 0.031, 0.999),
    ],
)
def test_a_payload_is_as_small_and_as_exact_as_is_said(name, ratio, bound):
    method = METHODS[name]
    assert method.ratio <= ratio
    assert method.ratio == method.payload_bytes / (4 * LAYOUT.size)
    assert error(method, a_gradient()) <= bound


def test_what_was_decoded_and_what_is_left_out_add_up_to_all_gradients(method):
    residual, following = np.zeros(LAYOUT.size, np.float32), np.full(LAYOUT.size, np.nan, np.float32)
    payload = np.zeros(method.payload_bytes, np.uint8)
    sum_of_gradients, sum_of_decoded = np.zeros(LAYOUT.size), np.zeros(LAYOUT.size)
    for step in range(20):
        gradient = a_gradient(step)
        sum_of_gradients += gradient
        compress(method, gradient, residual, Key(0, step, 0), payload, following)
        sum_of_decoded += gradient
        residual, following = following, residual
    np.testing.assert_allclose(sum_of_decoded + residual, sum_of_gradients, atol=1e-6)
    assert np.linalg.norm(residual) < 20 * np.linalg.norm(a_gradient())


def test_the_receiver_decodes_what_the_sender_goes_on_with(method):
    gradient, payload = a_gradient(), np.zeros(method.payload_bytes, np.uint8)
    received, following = np.empty(LAYOUT.size, np.float32), np.empty(LAYOUT.size, np.float32)
    compress(method, gradient, a_gradient(1), KEY, payload, following)
    method.decode(payload, received, KEY)
    assert received.tobytes() == gradient.tobytes()


def test_a_loss_scale_comes_out_of_what_is_left_out(method):
    plain, scaled = a_gradient(), a_gradient() * np.float32(64)
    payload = np.zeros(method.payload_bytes, np.uint8)
    left_out = [np.empty(LAYOUT.size, np.float32) for _ in range(2)]
    compress(method, plain, a_gradient(1), KEY, payload, left_out[0])
    compress(method, scaled, a_gradient(1), KEY, payload, left_out[1], scale=64.0)
    # Halves have fewer bits for numbers near zero, so a scale changes what is rounded there.
    np.testing.assert_allclose(scaled / 64, plain, atol=1e-7)
    np.testing.assert_allclose(left_out[1], left_out[0], atol=1e-7)


def test_the_residual_that_a_step_reads_stays_as_it_was(method):
    residual = a_gradient(1)
    before = residual.copy()
    payload, following = np.zeros(method.payload_bytes, np.uint8), np.empty(LAYOUT.size, np.float32)
    compress(method, a_gradient(), residual, KEY, payload, following)
    np.testing.assert_array_equal(residual, before)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["a", "b", "d"])
def test_what_is_not_finite_is_not_finite_after_decoding(method, name, value):
    gradient = a_gradient()
    LAYOUT.views(gradient)[name].reshape(-1)[-1:] = value
    with np.errstate(all="ignore"):
        assert not np.isfinite(decoded(method, gradient)).all()


def test_nothing_lies_between_two_parameters(method):
    gap = np.ones(LAYOUT.size, bool)
    for view in LAYOUT.views(gap).values():
        view[...] = False
    assert gap.any()
    assert not decoded(method, a_gradient())[gap].any()


def test_a_gradient_of_zeros_comes_back_as_zeros(method):
    assert not decoded(method, np.zeros(LAYOUT.size, np.float32)).any()


def test_the_number_of_threads_and_what_was_before_change_no_byte(method):
    found = []
    for threads in (1, 2):
        native.use_threads(threads)
        found.append((encoded(method, a_gradient()).tobytes(), decoded(method, a_gradient()).tobytes()))
        decoded(method, a_gradient(1))
    native.use_threads(native.available_threads())
    assert found[0] == found[1]


def test_kernels_give_the_bytes_that_numpy_gives(method, monkeypatch):
    special = a_gradient()
    special[:6] = [1e5, -1e5, 65519, 1e-31, 0, -0.0]
    for gradient in (a_gradient(), special):
        by_kernel = encoded(method, gradient), decoded(method, gradient)
        with monkeypatch.context() as without:
            without.setattr(native, "library", None)
            by_numpy = encoded(method, gradient), decoded(method, gradient)
        for kernel, numpy in zip(by_kernel, by_numpy, strict=True):
            assert kernel.tobytes() == numpy.tobytes()


def test_float16_keeps_finite_numbers_finite_and_leaves_the_rest_to_the_next_steps():
    gradient = np.full(LAYOUT.size, 70_000, np.float32)
    payload, following = np.zeros(METHODS["fp16"].payload_bytes, np.uint8), np.empty(LAYOUT.size, np.float32)
    compress(METHODS["fp16"], gradient, np.zeros_like(gradient), KEY, payload, following)
    weights = LAYOUT.views(gradient)["a"], LAYOUT.views(following)["a"]
    assert (weights[0] == 65_504).all() and (weights[1] == 70_000 - 65_504).all()


def test_random_places_differ_with_each_part_of_the_key():
    method, ones = METHODS["random_k"], np.ones(LAYOUT.size, np.float32)
    first = decoded(method, ones)
    for other in (replace(KEY, seed=4), replace(KEY, step=15), replace(KEY, micro_batch=2)):
        assert (decoded(method, ones, other) != first).any()
    np.testing.assert_array_equal(decoded(RandomK(LAYOUT, 0.1), ones), first)


def test_every_place_has_its_turn_once_in_as_many_steps_as_a_stretch_is_long():
    method = RandomK(LAYOUT, 0.1)
    ones = np.ones(LAYOUT.size, np.float32)
    visits = sum(decoded(method, ones, Key(3, step, 1)) for step in range(5, 16))  # stretches of 10 and 11
    for view in LAYOUT.views(visits).values():
        assert view.min() >= 1 and view.max() <= 2
    assert 1 <= LAYOUT.views(visits)["a"].mean() < 1.11


@pytest.mark.parametrize("count", [1, 7, 600, 39_999, 40_000])
@pytest.mark.parametrize("kind", ["numbers", "ties", "mostly zeros"])
def test_the_largest_are_those_that_sorting_finds(count, kind):
    rng = np.random.default_rng(count)
    x = rng.standard_normal(40_000).astype(np.float32)
    if kind == "ties":
        x = np.round(x)
    elif kind == "mostly zeros":
        x[rng.random(40_000) < 0.99] = 0
    expected = np.sort(np.argsort(-np.abs(x), kind="stable")[:count])
    np.testing.assert_array_equal(largest(x, count), expected)


def test_a_matrix_of_low_rank_is_found_again_by_power_sgd():
    gradient, rng = np.zeros(LAYOUT.size, np.float32), np.random.default_rng(0)
    views = LAYOUT.views(gradient)
    views["a"][...] = rng.standard_normal((150, 2)) @ rng.standard_normal((2, 301))
    views["b"][...] = rng.standard_normal(301)
    np.testing.assert_allclose(decoded(METHODS["power_sgd"], gradient), gradient, atol=1e-4)
