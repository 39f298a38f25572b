"""Estimates of the diagonal of the Hessian, for Sophia: Liu et al., ICLR 2024, section 2.3."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from .. import ops
from ..array import Array, accumulator, array_module
from ..graph import grad
from ..losses import softmax_cross_entropy
from ..precision import wide
from ..random import CURVATURE, normal, substream, uniform
from ..tensor import Tensor


def hutchinson(loss: Tensor, parameters: Sequence[Tensor], seed: int, step: int) -> list[Array]:
    """u * (H u) with u ~ N(0, 1): an unbiased estimate for any loss, at the price of a second derivative.

    loss: one element, the mean over a mini-batch. u is keyed by (seed, step). Gives an array a parameter.
    """
    gradients = grad(loss, parameters, create_graph=True)
    directions = [
        array_module(parameter.data).asarray(
            normal(seed, substream(CURVATURE, index), step, 0, prod(parameter.shape))
            .reshape(parameter.shape)
            .astype(accumulator(parameter.dtype))
        )
        for index, parameter in enumerate(parameters)
    ]
    slope = sum(ops.sum(gradient * u) for gradient, u in zip(gradients, directions, strict=True))
    assert isinstance(slope, Tensor)
    if not slope.requires_grad:  # a loss whose gradient is constant
        return [0 * direction for direction in directions]
    products = grad(slope, parameters)
    return [direction * product.data for direction, product in zip(directions, products, strict=True)]


def gauss_newton_bartlett(
    logits: Tensor,
    parameters: Sequence[Tensor],
    seed: int,
    step: int,
    first: int = 0,
    counted: Array | None = None,
) -> list[Array]:
    """n * g², g the gradient of the mean softmax cross-entropy at labels drawn from the model's own softmax.

    An estimate of the Gauss-Newton diagonal, never negative, for one more backward pass. logits:
    (n, classes), or (n, ..., classes) where each element of a sample has a label, of the samples `first` ..
    `first + n` of their mini-batch; the labels are keyed by (seed, step) and sample. counted: true in
    (n, ...) for what the loss does not ignore; n above is how many they are. Gives an array a parameter.
    """
    xp, each = array_module(logits.data), prod(logits.shape[1:-1])
    logits = ops.reshape(wide(logits), (-1, logits.shape[-1]))
    weights = None if counted is None else counted.reshape(-1).astype(logits.dtype)
    count = len(logits.data) if weights is None else max(1.0, float(weights.sum()))
    draws = xp.asarray(uniform(seed, substream(CURVATURE, 0), step, first * each, len(logits.data)))
    bounds = xp.cumsum(ops.softmax(logits.data), axis=-1)
    labels = xp.minimum((bounds <= draws[:, None] * bounds[:, -1:]).sum(axis=-1), bounds.shape[-1] - 1)
    loss = softmax_cross_entropy(logits, labels, reduction="sum", weights=weights)
    gradients = grad(loss * (1.0 / count), parameters)
    return [count * wide(gradient.data) ** 2 for gradient in gradients]
