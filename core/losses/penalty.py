"""Penalties on weights: nodes of the graph like any other, to be added to a loss. And max-norm as a limit.

A penalty's strength is for the loss that it is added to. Where gradients are summed over micro-batches
it belongs to the mini-batch once, not to each part.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add

from .. import ops
from ..array import array_module
from ..precision import wide
from ..settings import NOT_NEGATIVE, POSITIVE
from ..tensor import Tensor


def l1(parameters: Sequence[Tensor], strength: float) -> Tensor:
    """strength * the sum of |p|: weights of little use become 0."""
    NOT_NEGATIVE.check("l1", "strength", strength)
    return strength * reduce(add, [ops.sum(ops.absolute(p)) for p in map(wide, parameters)])


def l2(parameters: Sequence[Tensor], strength: float) -> Tensor:
    """strength / 2 * the sum of p², whose derivative is strength * p: the weight_decay of SGD."""
    NOT_NEGATIVE.check("l2", "strength", strength)
    return 0.5 * strength * reduce(add, [ops.sum(p * p) for p in map(wide, parameters)])


def max_norm(parameters: Sequence[Tensor], strength: float, limit: float) -> Tensor:
    """strength * the sum over units of max(0, |w| - limit)², w a unit's incoming weights.

    parameters: weights (inputs, units) or kernels (units, ...). `limit_norms` is the hard form of the same.
    """
    NOT_NEGATIVE.check("max_norm", "strength", strength)
    POSITIVE.check("max_norm", "limit", limit)
    # A unit within the limit is taken for one of length `limit`: no derivative, not even of a length of 0.
    squares = [ops.maximum(ops.sum(p * p, axis=_incoming(p)), limit * limit) for p in map(wide, parameters)]
    excesses = [ops.sqrt(square) - limit for square in squares]
    return strength * reduce(add, [ops.sum(excess * excess) for excess in excesses])


def limit_norms(weight: Tensor, limit: float) -> None:
    """Shorten each unit's incoming weights to a length of at most `limit`, in place, after a step.

    weight: (inputs, units) or a kernel (units, ...). Srivastava et al., JMLR 15 (2014), section 5.1.
    """
    POSITIVE.check("limit_norms", "limit", limit)
    values = weight.data
    xp = array_module(values)
    lengths = xp.sqrt((values * values).sum(axis=_incoming(weight), keepdims=True))
    values *= limit / xp.maximum(lengths, limit)


def _incoming(weight: Tensor) -> tuple[int, ...]:
    """The axes that a unit's incoming weights lie along."""
    return (0,) if weight.ndim <= 2 else tuple(range(1, weight.ndim))
