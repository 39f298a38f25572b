"""Softmax and its relatives, over the last axis, where classes are, or over others."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import native
from ..array import Array, array_module, limits, readable
from ..cuda import fused
from ..graph import explain, primitive, vjp
from ..native.ids import kind_of
from ..tensor import Tensor
from .arithmetic import multiply
from .constant import value, with_kept_axes
from .reduction import Axis, sum
from .shape import reshape

_LOWEST = float(limits(np.dtype(np.float32)).min)
"""Taken for the largest of a row of -inf alone, from which -inf is not to be subtracted."""


@primitive
def softmax(x: Array, axis: Axis = -1) -> Array:
    """exp(x) / sum(exp(x)) over `axis`; zeros where all of x is -inf. Any shape -> same shape."""
    if _in_rows(axis, x):
        y = native.empty(x, x.shape)
        native.launch("softmax_f32", (y,), (x,), _rows(x))
        return y
    xp = array_module(x)
    y = xp.exp(x - xp.maximum(x.max(axis=axis, keepdims=True), _LOWEST))
    y /= xp.maximum(y.sum(axis=axis, keepdims=True), 1)  # below 1 it is only where all is -inf
    return y


def _softmax_vjp(g: Any, y: Any, x: Any, axis: Axis = -1) -> Any:
    if g.__class__ is not Tensor and y.__class__ is not Tensor and _in_rows(axis, y, g):
        out = native.empty(y, y.shape)
        native.launch("softmax_backward_f32", (out,), (g, y), _rows(y))
        return out
    return multiply(y, g - sum(g * y, axis=axis, keepdims=True))


vjp(softmax, _softmax_vjp)


def _in_rows(axis: Axis, x: Array, *others: Array) -> bool:
    """Whether the kernels take these: arrays of one shape whose last axis, in one piece, is what is meant."""
    return (
        x.ndim > 0
        and x.size > 0
        and axis in (-1, x.ndim - 1, (-1,))
        and native.suits(x, *others)
        and all(other.shape == x.shape for other in others)
    )


def _rows(x: Array) -> tuple[int, int]:
    return x.size // x.shape[-1], x.shape[-1]


@primitive
def log_softmax(x: Array, axis: Axis = -1) -> Array:
    """log(softmax(x)) over `axis`. Any shape -> same shape."""
    xp = array_module(x)
    shifted = x - xp.maximum(x.max(axis=axis, keepdims=True), _LOWEST)
    return shifted - xp.log(xp.maximum(xp.exp(shifted).sum(axis=axis, keepdims=True), 1))


vjp(
    log_softmax,
    lambda g, y, x, axis=-1: g - multiply(softmax(x, axis=axis), sum(g, axis=axis, keepdims=True)),
)


@primitive
def logsumexp(x: Array, axis: Axis = -1) -> Array:
    """log(sum(exp(x))) over `axis`, which goes."""
    xp = array_module(x)
    largest = x.max(axis=axis, keepdims=True)
    largest = xp.where(xp.isfinite(largest), largest, 0)
    with np.errstate(divide="ignore"):
        total = xp.log(xp.exp(x - largest).sum(axis=axis, keepdims=True)) + largest
    return total.squeeze(tuple(range(x.ndim)) if axis is None else axis)


def _logsumexp_vjp(g: Any, y: Any, x: Any, axis: Axis = -1) -> Any:
    return reshape(g, with_kept_axes(x.shape, axis)) * softmax(x, axis=axis)


vjp(logsumexp, _logsumexp_vjp)
for _call in (softmax, log_softmax, logsumexp):
    explain(_call, lambda x, axis=-1: ("axis", f"nonempty axes of {x.shape}", f"{axis}"))


@primitive
def softmax_cross_entropy(logits: Array, labels: Array) -> Array:
    """-log(softmax(logits)[label]), summed. logits: (n, classes), labels: class ids (n,) -> ()."""
    if _labelled_rows(logits, labels):
        total = native.empty(logits, ())
        if native.launch("cross_entropy_f32", (total,), (logits, labels), (*logits.shape, kind_of(labels))):
            raise IndexError("labels are no class ids")
        return total
    xp = array_module(logits)
    if labels.dtype.kind not in "iu" or (
        labels.size and readable(labels) and not 0 <= labels.min() <= labels.max() < logits.shape[-1]
    ):
        raise IndexError("labels are no class ids")
    if logits.ndim == 2 and labels.shape == logits.shape[:1] and fused.suits(logits):
        return fused.cross_entropy(logits, labels)
    shifted = logits - logits.max(axis=-1, keepdims=True)
    picked = shifted[xp.arange(len(logits)), labels]
    return (xp.log(xp.exp(shifted).sum(axis=-1)) - picked).sum()


def _cross_entropy_vjp(g: Any, y: Any, logits: Any, labels: Any) -> Any:
    if g.__class__ is not Tensor and _labelled_rows(logits, labels):
        out, g = native.empty(logits, logits.shape), np.asarray(g, logits.dtype) if np.isscalar(g) else g
        sizes = (*logits.shape, kind_of(labels))
        if native.launch("cross_entropy_backward_f32", (out,), (g, logits, labels), sizes):
            raise IndexError("labels are no class ids")
        return out
    if g.__class__ is not Tensor and fused.suits(g, logits):
        return fused.cross_entropy_gradient(g, logits, value(labels))
    return (softmax(logits) - _one_hot(labels, logits)) * g


def _labelled_rows(logits: Any, labels: Any) -> bool:
    """Whether the kernels take these: logits (n, classes), and labels (n,) that are integers of any kind."""
    return (
        logits.__class__ is not Tensor
        and logits.ndim == 2
        and kind_of(labels) != 0
        and labels.shape == logits.shape[:1]
        and logits.size > 0
        and native.suits(logits)
    )


def _one_hot(labels: Any, logits: Any) -> Array:
    """1 at each sample's label, else 0, in the shape and dtype of the logits."""
    xp = array_module(value(logits))
    return (xp.asarray(value(labels))[:, None] == xp.arange(logits.shape[-1])).astype(logits.dtype)


vjp(softmax_cross_entropy, _cross_entropy_vjp, None)


def _explain_cross_entropy(logits: Array, labels: Array) -> tuple[str, str, str]:
    if logits.ndim != 2:
        return "logits", "shape (n, classes)", f"shape {logits.shape}"
    if labels.shape != logits.shape[:1]:
        return "labels", f"shape ({len(logits)},)", f"shape {labels.shape}"
    if labels.dtype.kind not in "iu":
        return "labels", "integers", f"{labels.dtype}"
    return (
        "labels",
        f"class ids from 0 to {logits.shape[1] - 1}",
        f"ids from {labels.min()} to {labels.max()}",
    )


explain(softmax_cross_entropy, _explain_cross_entropy)
