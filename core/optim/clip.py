"""Gradient clipping, by value and by global norm, in place on the flat gradient.

The norm is over the whole gradient. Where shards own it in parts, each sums the squares of the blocks
(NORM_BLOCK elements, counted from the start of the flat buffer) that begin in its part; `norm_of` all shards'
sums in the order of the buffer is the norm, the same to the last bit for every cut, and `norm_factor` is what
each multiplies its part with.
"""

from __future__ import annotations

from math import isfinite

from ..array import Array, array_module
from ..settings import ABOVE_0
from .norm import norm_of, squared_sums


def clip_by_value(gradient: Array, limit: float) -> None:
    """Bring every element of `gradient` into -limit .. limit, in place."""
    ABOVE_0.check("clip_by_value", "limit", limit)
    array_module(gradient).clip(gradient, -limit, limit, out=gradient)


def clip_by_norm(gradient: Array, limit: float) -> float:
    """Scale `gradient` (n,) in place to a Euclidean norm of at most `limit`; returns the norm it had.

    A gradient whose norm is not finite is left as it is, to be seen.
    """
    norm = norm_of(squared_sums(gradient))
    factor = norm_factor(norm, limit)
    if factor < 1:
        gradient *= gradient.dtype.type(factor)
    return norm


def norm_factor(norm: float, limit: float) -> float:
    """What a gradient of this norm is multiplied by: limit / norm, at most 1. Pascanu et al., ICML 2013."""
    ABOVE_0.check("clip_by_norm", "limit", limit)
    if not isfinite(norm) or norm <= limit:
        return 1.0
    return limit / norm
