"""From one value a sample to one number: mean, sum, none, with sample weights. And what arguments must be."""

from __future__ import annotations

from math import prod
from typing import Any, Literal

from .. import ops
from ..array import Array, array_module
from ..errors import ChainruleError, DTypeError, ShapeError
from ..graph import described
from ..ops.constant import value
from ..precision import wide
from ..tensor import Tensor

Reduction = Literal["mean", "sum", "none"]


def reduced(
    loss: str, values: Any, reduction: Reduction, weights: Array | None = None, own: Array | None = None
) -> Tensor:
    """Reduce one value a sample. weights: one a value, or None for 1 each.

    own: what each value counts already, for the "mean". Of no weight at all the mean is 0.
    """
    counts: Any = 1.0
    if weights is not None:
        counts = constant(weights, values, f"{loss}, argument weights", values.shape)
        values = values * counts
    if reduction == "none":
        return values
    if reduction == "sum":
        return ops.sum(values)
    if reduction != "mean":
        raise ChainruleError(f"{loss}: expected the reduction mean, sum or none, got {reduction!r}")
    if own is not None:
        counts = own * counts
    total = float(values.size if weights is None and own is None else counts.sum())
    return ops.sum(values) * (1.0 / total if total else 0.0)


def constant(x: Any, like: Any, where: str = "loss", shape: tuple[int, ...] | None = None) -> Array:
    """x as an array of the dtype and on the device of `like`; `where` names what has another `shape`."""
    try:
        array = array_module(value(like)).asarray(value(x), dtype=like.dtype)
    except (TypeError, ValueError) as error:
        came = described(value(x))
        raise DTypeError(f"{where}: expected numbers on the outputs' device, got {came}") from error
    if shape is not None:
        _require_shape(where, shape, array)
    return array


def mean_of_outputs(values: Any) -> Any:
    """The mean over each sample's outputs: (n, ...) -> (n,)."""
    outputs = prod(values.shape[1:])
    return ops.sum(ops.reshape(values, (values.shape[0], outputs)), axis=1) * (1.0 / max(outputs, 1))


def compared(loss: str, argument: str, outputs: Any, other: Any) -> tuple[Any, Any]:
    """Outputs, and what of their shape they are compared with; no halves, and arrays of their dtype."""
    outputs, other = wide(outputs), wide(other)
    _require_shape(f"{loss}, argument {argument}", outputs.shape, other)
    return outputs, other if isinstance(other, Tensor) else constant(other, outputs)


def _require_shape(where: str, shape: tuple[int, ...], x: Any) -> None:
    """Refuse what would only broadcast."""
    if not hasattr(x, "shape"):
        raise DTypeError(f"{where}: expected an array or a tensor, got {x!r}")
    if x.shape != shape:
        raise ShapeError(where, f"shape {shape}", f"shape {x.shape}")


def require_labels(
    loss: str, argument: str, outputs: Any, labels: Any, ignored: int | None = None
) -> tuple[Array, Array]:
    """Class ids for outputs (..., classes), and where they count; 0 takes the place of an ignored one.

    argument: what the loss calls the outputs. labels: integers 0 .. classes - 1, or `ignored`, (...).
    """
    labels = value(labels)
    if outputs.ndim < 2:
        raise ShapeError(f"{loss}, argument {argument}", "shape (n, classes)", f"shape {outputs.shape}")
    _require_shape(f"{loss}, argument labels", outputs.shape[:-1], labels)
    if labels.dtype.kind not in "iu":
        raise ShapeError(f"{loss}, argument labels", "integers", f"{labels.dtype}")
    xp = array_module(labels)
    counted = xp.ones(labels.shape, bool) if ignored is None else labels != ignored
    labels = xp.where(counted, labels, 0)
    if labels.size and not (labels.min() >= 0 and labels.max() < outputs.shape[-1]):
        raise ShapeError(
            f"{loss}, argument labels",
            f"class ids from 0 to {outputs.shape[-1] - 1}",
            f"ids from {labels.min()} to {labels.max()}",
        )
    return labels, counted


def picked(outputs: Any, labels: Array) -> Any:
    """Each sample's output at its label. outputs: (..., classes), labels: (...) -> (...)."""
    rows = ops.reshape(outputs, (labels.size, outputs.shape[-1]))
    index = (array_module(labels).arange(labels.size), labels.reshape(-1))
    return ops.reshape(ops.getitem(rows, index=index), labels.shape)
