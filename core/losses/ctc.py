"""Connectionist temporal classification: labels without their places in time."""

from __future__ import annotations

import numpy as np

from .. import ops
from ..array import Array, array_module, to_numpy
from ..errors import ShapeError
from ..ops.constant import value
from ..precision import wide
from ..tensor import Tensor
from .reduction import Reduction, reduced

_NEVER = -1e30
"""The logarithm of a probability of 0, finite so that differences of two are."""


def ctc(
    logits: Tensor,
    labels: Array,
    reduction: Reduction = "mean",
    weights: Array | None = None,
    logit_lengths: Array | None = None,
    label_lengths: Array | None = None,
    blank: int = 0,
) -> Tensor:
    """-log of the probability of all paths that spell the labels: Graves et al., ICML 2006.

    logits: (n, steps, classes), softmax still to come; labels: integers (n, longest), whatever they hold
    beyond a sample's label_lengths (n,). logit_lengths (n,): how many steps of each sample count. "mean" is
    over samples; PyTorch's divides each loss by its sample's number of labels before.
    """
    logits = wide(logits)
    ids, steps, sizes = _checked(logits, labels, logit_lengths, label_lengths, blank)
    xp = array_module(logits.data)
    count, longest = ids.shape
    extended = np.full((count, 2 * longest + 1), blank)
    extended[:, 1::2] = np.where(np.arange(longest) < sizes[:, None], ids, blank)
    # From two places back only to a label, and not to the same label as there: a blank must lie between.
    skips = np.zeros(extended.shape, bool)
    skips[:, 2:] = (extended[:, 2:] != blank) & (extended[:, 2:] != extended[:, :-2])
    barred = xp.asarray(np.where(skips, 0.0, _NEVER)).astype(logits.dtype)

    # (steps, n, places): the log-probability of each place's symbol at each step.
    emitted = ops.log_softmax(logits)[
        xp.arange(count)[None, :, None], xp.arange(logits.shape[1])[:, None, None], xp.asarray(extended)[None]
    ]
    start = np.full(extended.shape, _NEVER)
    start[:, :2] = 0.0
    forward = emitted[0] + xp.asarray(start).astype(logits.dtype)
    wall = xp.full((count, 2), _NEVER, logits.dtype)
    for step in range(1, int(steps.max(initial=1))):
        padded = ops.concatenate([wall, forward], axis=1)
        ways = [forward, padded[:, 1:-1], padded[:, :-2] + barred]
        following = ops.logsumexp(ops.stack(ways, axis=-1)) + emitted[step]
        going_on = xp.asarray(step < steps)[:, None]
        forward = ops.where(going_on, following, forward)
    rows = xp.arange(count)
    last = forward[rows, xp.asarray(2 * sizes)]
    before = forward[rows, xp.asarray(np.maximum(2 * sizes - 1, 0))]
    before = before + xp.asarray(np.where(sizes > 0, 0.0, _NEVER)).astype(logits.dtype)
    return reduced("ctc", -ops.logsumexp(ops.stack([last, before], axis=-1)), reduction, weights)


def _checked(
    logits: Tensor, labels: Array, logit_lengths: Array | None, label_lengths: Array | None, blank: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, steps and numbers of labels in host memory, all fit to be used."""
    ids = to_numpy(value(labels))
    if logits.ndim != 3 or 0 in logits.shape[1:]:
        raise ShapeError("ctc, argument logits", "shape (n, steps, classes)", f"shape {logits.shape}")
    count, frames, classes = logits.shape
    if ids.ndim != 2 or len(ids) != count:
        raise ShapeError("ctc, argument labels", f"shape ({count}, labels)", f"shape {ids.shape}")
    if ids.dtype.kind not in "iu":
        raise ShapeError("ctc, argument labels", "integers", f"{ids.dtype}")
    if not isinstance(blank, int) or not 0 <= blank < classes:
        raise ShapeError("ctc, argument blank", f"a class from 0 to {classes - 1}", f"{blank}")
    steps = _lengths("logit_lengths", logit_lengths, count, 1, frames)
    sizes = _lengths("label_lengths", label_lengths, count, 0, ids.shape[1])
    for sample, (own, available) in enumerate(zip(sizes, steps, strict=True)):
        spelled = ids[sample, :own]
        if own and (spelled.min() < 0 or spelled.max() >= classes or (spelled == blank).any()):
            expected = f"class ids from 0 to {classes - 1} other than the blank {blank}"
            raise ShapeError(f"ctc, argument labels, sample {sample}", expected, f"{spelled.tolist()}")
        needed = own + int((spelled[1:] == spelled[:-1]).sum())
        if needed > available:
            raise ShapeError(
                f"ctc, argument logits, sample {sample}",
                f"at least {needed} steps for its {own} labels and a blank between equal ones",
                f"{available}",
            )
    return ids, steps, sizes


def _lengths(name: str, lengths: Array | None, count: int, least: int, most: int) -> np.ndarray:
    if lengths is None:
        return np.full(count, most)
    checked = to_numpy(value(lengths))
    if checked.dtype.kind not in "iu":
        raise ShapeError(f"ctc, argument {name}", "integers", f"{checked.dtype}")
    if checked.shape != (count,):
        raise ShapeError(f"ctc, argument {name}", f"shape ({count},)", f"shape {checked.shape}")
    if count and (checked.min() < least or checked.max() > most):
        raise ShapeError(
            f"ctc, argument {name}",
            f"lengths from {least} to {most}",
            f"lengths from {checked.min()} to {checked.max()}",
        )
    return checked
