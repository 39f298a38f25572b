"""Losses: derivatives, reductions and sample weights for each, extreme inputs, and what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations, product
from typing import Any

import numpy as np
import pytest
from cases.losses import CASES, FRAMES, LABELS, PAIRS, RNG, SPELLED, A, C, N

from chainrule.core import ChainruleError, Tensor, grad, losses
from chainrule.core.losses.triplets import find_triplets


def tensors(arrays: list[np.ndarray]) -> list[Tensor]:
    return [Tensor(array, requires_grad=True) for array in arrays]


@pytest.mark.parametrize("reduction", ["sum", "none"])
@pytest.mark.parametrize("name", CASES)
def test_derivatives_of_other_reductions_than_the_mean_agree_too(
    name: str, reduction: str, check_derivatives
) -> None:
    loss, arrays, _ = CASES[name]
    check_derivatives(lambda *inputs: loss(*inputs, reduction=reduction), *arrays, second=False)


@pytest.mark.parametrize("name", CASES)
def test_sum_adds_up_the_values_of_none_and_mean_divides_by_their_weight(name: str) -> None:
    loss, arrays, count = CASES[name]
    values = loss(*tensors(arrays), reduction="none").data
    assert values.shape == (count,)
    assert loss(*tensors(arrays), reduction="sum").item() == pytest.approx(values.sum(), rel=1e-12)
    if "all options" not in name and "likelihood" not in name:
        assert loss(*tensors(arrays)).item() == pytest.approx(values.mean(), rel=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_a_sample_of_weight_2_counts_as_if_it_were_there_twice(name: str) -> None:
    loss, arrays, count = CASES[name]
    samples = len(arrays[0])
    weights = np.arange(samples) % 3 + 0.5
    values = loss(*tensors(arrays), reduction="none").data
    weighted = loss(*tensors(arrays), reduction="none", weights=weights).data
    if count == samples:
        np.testing.assert_allclose(weighted, weights * values, rtol=1e-12)
    same = loss(*tensors(arrays), weights=np.full(samples, 3.0)).item()
    assert same == pytest.approx(loss(*tensors(arrays)).item(), rel=1e-12)
    assert loss(*tensors(arrays), weights=np.zeros(samples)).item() == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [1e4, -1e4, 0.0, 1e-40])
@pytest.mark.parametrize("name", CASES)
def test_extreme_inputs_give_finite_values_and_gradients(name: str, scale: float, dtype: type) -> None:
    loss, arrays, _ = CASES[name]
    with np.errstate(under="ignore"):
        inputs = tensors([(array * scale).astype(dtype) for array in arrays])
    if name == "kl_divergence" or (name == "binary_cross_entropy"):
        inputs[1] = Tensor(arrays[1].astype(dtype), requires_grad=True)
    output = loss(*inputs)
    assert output.dtype == dtype
    assert np.isfinite(output.item())
    for gradient in grad(output, inputs):
        assert gradient.dtype == dtype
        assert np.isfinite(gradient.data).all()


@pytest.mark.parametrize("name", CASES)
def test_a_gradient_in_float32_is_that_in_float64(name: str) -> None:
    loss, arrays, _ = CASES[name]
    double = tensors(arrays)
    single = tensors([array.astype(np.float32) for array in arrays])
    pairs = zip(grad(loss(*double), double), grad(loss(*single), single), strict=True)
    for expected, actual in pairs:
        np.testing.assert_allclose(actual.data, expected.data, rtol=1e-4, atol=1e-6)


def test_an_ignored_sample_is_as_if_it_were_not_there() -> None:
    labels = np.where(LABELS == 3, -100, LABELS)
    kept = labels != -100
    ignored = losses.softmax_cross_entropy(Tensor(A), labels, ignored=-100)
    assert ignored.item() == pytest.approx(losses.softmax_cross_entropy(Tensor(A[kept]), LABELS[kept]).item())
    assert losses.softmax_cross_entropy(Tensor(A), np.full(N, -100), ignored=-100).item() == 0


def test_every_position_of_a_sequence_can_be_a_sample() -> None:
    logits, labels = RNG.standard_normal((2, 3, C)), np.array([[0, 1, 2], [3, 3, 0]])
    values = losses.softmax_cross_entropy(Tensor(logits), labels, "none")
    assert values.shape == (2, 3)
    flat = losses.softmax_cross_entropy(Tensor(logits.reshape(6, C)), labels.ravel())
    assert losses.softmax_cross_entropy(Tensor(logits), labels).item() == pytest.approx(
        flat.item(), rel=1e-14
    )


NO_LABELS = np.zeros(0, int)
OF_NOTHING: dict[str, Callable[[Tensor], Tensor]] = {
    "squared_error": lambda x: losses.squared_error(x, x),
    "absolute_error": lambda x: losses.absolute_error(x, x),
    "huber": lambda x: losses.huber(x, x),
    "softmax_cross_entropy": lambda x: losses.softmax_cross_entropy(x, NO_LABELS),
    "softmax_cross_entropy, smoothed": lambda x: losses.softmax_cross_entropy(
        x, NO_LABELS, label_smoothing=0.1
    ),
    "negative_log_likelihood": lambda x: losses.negative_log_likelihood(x, NO_LABELS),
    "binary_cross_entropy": lambda x: losses.binary_cross_entropy(x, x),
    "kl_divergence": lambda x: losses.kl_divergence(x, x),
    "hinge": lambda x: losses.hinge(x, x),
    "multiclass_hinge": lambda x: losses.multiclass_hinge(x, NO_LABELS),
    "cosine": lambda x: losses.cosine(x, x, NO_LABELS),
    "contrastive": lambda x: losses.contrastive(x, x, NO_LABELS),
    "triplet_margin": lambda x: losses.triplet_margin(x, x, x),
    "mined, hard": lambda x: losses.mined_triplet_margin(x, NO_LABELS, mining="hard"),
    "mined, semi-hard": lambda x: losses.mined_triplet_margin(x, NO_LABELS, mining="semi_hard"),
    "mined, all": lambda x: losses.mined_triplet_margin(x, NO_LABELS, mining="all"),
    "ctc": lambda x: losses.ctc(x.reshape(0, 2, 2), NO_LABELS.reshape(0, 1)),
}


@pytest.mark.parametrize("name", OF_NOTHING)
def test_a_batch_of_no_samples_has_the_loss_0(name: str) -> None:
    x = Tensor(np.zeros((0, C)), requires_grad=True)
    loss = OF_NOTHING[name](x)
    assert loss.item() == 0
    assert grad(loss, [x])[0].shape == (0, C)


def test_ctc_is_the_sum_over_all_paths() -> None:
    logits = RNG.standard_normal((1, 4, 3))
    p = np.exp(logits[0]) / np.exp(logits[0]).sum(axis=1, keepdims=True)
    for spelled in ([1], [1, 2], [2, 2], [1, 2, 1], []):
        total = 0.0
        for path in product(range(3), repeat=4):
            merged = [c for at, c in enumerate(path) if at == 0 or path[at - 1] != c]
            if [c for c in merged if c] == spelled:
                total += float(np.prod(p[np.arange(4), path]))
        labels = np.array([spelled], dtype=int).reshape(1, -1)
        assert losses.ctc(Tensor(logits), labels).item() == pytest.approx(-np.log(total), rel=1e-12)


def all_triplets(labels: np.ndarray) -> set[tuple[int, ...]]:
    return {
        (a, p, n) for a, p, n in permutations(range(len(labels)), 3) if labels[a] == labels[p] != labels[n]
    }


def test_mined_triplets_are_those_of_their_definitions() -> None:
    x = RNG.standard_normal((7, 3)).astype(np.float32)
    labels = np.array([0, 1, 0, 2, 1, 0, 3])
    d = np.linalg.norm(x[:, None] - x, axis=2)
    triplets = all_triplets(labels)
    found: Any = {mining: list(zip(*map(list, find_triplets(x, labels, mining)), strict=True))
                  for mining in ("hard", "semi_hard", "all")}  # fmt: skip
    assert len(found["all"]) == len(triplets)
    assert set(found["all"]) == triplets
    for a, p, n in found["hard"]:
        own = [triplet for triplet in triplets if triplet[0] == a]
        assert d[a, p] == max(d[a, t[1]] for t in own)
        assert d[a, n] == min(d[a, t[2]] for t in own)
    assert [t[0] for t in found["hard"]] == [0, 1, 2, 4, 5]
    assert {t[:2] for t in found["semi_hard"]} == {t[:2] for t in triplets}
    for a, p, n in found["semi_hard"]:
        others = [d[a, t[2]] for t in triplets if t[:2] == (a, p)]
        beyond = [distance for distance in others if distance > d[a, p]]
        assert d[a, n] == (min(beyond) if beyond else max(others))


@pytest.mark.parametrize("mining", ["hard", "semi_hard", "all"])
def test_a_batch_without_triplets_has_the_loss_0_and_no_gradient(mining: losses.Mining) -> None:
    for labels in (np.zeros(N, int), np.arange(N)):
        x = Tensor(A, requires_grad=True)
        loss = losses.mined_triplet_margin(x, labels, mining=mining)
        assert loss.item() == 0
        assert not grad(loss, [x])[0].data.any()


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda x: losses.huber(x, np.zeros(3)), r"huber, argument target: expected shape \(5, 4\)"),
        (
            lambda x: losses.squared_error(x, A, weights=np.ones((N, 1))),
            r"squared_error, argument weights: expected shape \(5,\), got shape \(5, 1\)",
        ),
        (lambda x: losses.huber(x, A, "all"), "huber: expected the reduction mean, sum or none, got 'all'"),  # pyright: ignore[reportArgumentType]
        (lambda x: losses.multiclass_hinge(x, LABELS + 1), "class ids from 0 to 3, got ids from 1 to 4"),
        (lambda x: losses.multiclass_hinge(x, LABELS - 1), "class ids from 0 to 3, got ids from -1 to 2"),
        (lambda x: losses.multiclass_hinge(x, LABELS * 1.0), "labels: expected integers, got float64"),
        (lambda x: losses.multiclass_hinge(x, LABELS[:3]), r"labels: expected shape \(5,\), got"),
        (lambda x: losses.cosine(x, A, PAIRS[:2]), r"cosine, argument target: expected shape \(5,\)"),
        (lambda x: losses.mined_triplet_margin(x, LABELS, mining="soft"), "mining hard, semi_hard or all"),  # pyright: ignore[reportArgumentType]
        (lambda x: losses.ctc(x, SPELLED), r"ctc, argument logits: expected shape \(n, steps, classes\)"),
        (
            lambda x: losses.ctc(Tensor(FRAMES[:1, :3]), SPELLED[:1]),
            "sample 0: expected at least 4 steps for its 3 labels and a blank between equal ones, got 3",
        ),
        (
            lambda x: losses.ctc(Tensor(FRAMES), SPELLED),
            "labels, sample 1: expected class ids from 0 to 3 other than the blank 0",
        ),
        (
            lambda x: losses.ctc(Tensor(FRAMES), SPELLED, label_lengths=np.array([4, 1, 1])),
            "label_lengths: expected lengths from 0 to 3, got lengths from 1 to 4",
        ),
    ],
)  # fmt: skip
def test_arguments_that_do_not_fit_are_refused(run, message: str) -> None:
    with pytest.raises(ChainruleError, match=message):
        run(Tensor(A))
