"""Checks raw samples and brings targets into the form that the losses take."""

from __future__ import annotations

import numpy as np

from ..spec.losses import LossSpec, Targets
from .errors import DataError
from .rows import Rows, SampleArray
from .samples import Samples
from .transform import row_blocks

MAXIMUM_CLASSES = 100_000
_NUMERIC_KINDS = "biuf"


def checked_features(samples: Samples) -> SampleArray:
    """The features with at least two axes, all finite in float32; (n,) becomes (n, 1)."""
    features, field = samples.features, samples.features_field
    if features.dtype.kind not in _NUMERIC_KINDS:
        raise DataError(field, f"features must be numbers, got an array of {features.dtype}")
    if features.ndim == 0:
        raise DataError(field, "expected an array with one row a sample, got a single number")
    if features.size == 0:
        raise DataError(field, f"there are no features: the array has shape {features.shape}")
    check_finite(features, field, "features")
    if features.ndim > 1:
        return features
    return features.as_column() if isinstance(features, Rows) else features.reshape(-1, 1)


def check_same_length(samples: Samples) -> None:
    targets = samples.targets
    if targets.ndim == 0 or len(targets) != len(samples.features):
        count = len(targets) if targets.ndim else 1
        raise DataError(
            samples.targets_field,
            f"expected one label for each of the {len(samples.features)} samples, got {count} labels",
        )


def check_finite(array: SampleArray, field: str, what: str) -> None:
    """Refuse NaN, infinity and what overflows float32, naming the first; reads the array in blocks."""
    if array.dtype.kind != "f":
        return
    first = 0
    for block in row_blocks(array):
        with np.errstate(over="ignore"):
            finite = np.isfinite(block.astype(np.float32))
        if not finite.all():
            row, *place = np.argwhere(~finite)[0].tolist()
            value = block[(row, *place)]
            column = f", column {', '.join(map(str, place))}" if place else ""
            raise DataError(
                field,
                f"{what} hold {value} at row {first + row}{column} (counted from 0): expected finite numbers "
                "that "
                "fit float32; remove or replace such samples",
            )
        first += len(block)


def regression_targets(samples: Samples, loss: LossSpec) -> SampleArray:
    """Targets (n,) or (n, ...) of any numeric dtype -> float32 (n, outputs) or (n, ...), fit for the loss."""
    targets, field = samples.targets, samples.targets_field
    if targets.dtype.kind not in _NUMERIC_KINDS:
        raise DataError(
            field,
            f"loss {loss.kind} needs numbers as targets, got {_example(np.asarray(targets))}; for classes "
            "use loss: softmax_cross_entropy",
        )
    if 0 in targets.shape:
        raise DataError(
            field, f"expected targets of shape (samples,) or (samples, outputs), got {targets.shape}"
        )
    check_finite(targets, field, "targets")
    _check_range(targets, field, loss)
    if isinstance(targets, Rows):
        return targets.as_column().astype(np.float32)
    shape = targets.shape if targets.ndim > 1 else (-1, 1)
    return np.ascontiguousarray(targets.reshape(shape), dtype=np.float32)


_RANGES = {
    "binary_cross_entropy": ("numbers from 0 to 1", lambda block: (block < 0) | (block > 1)),
    "hinge": ("-1 and 1", lambda block: np.abs(block) != 1),
    "kl_divergence": ("probabilities, 0 or more", lambda block: block < 0),
}


def _check_range(targets: SampleArray, field: str, loss: LossSpec) -> None:
    """Refuse what the loss is not defined for, naming the first."""
    if loss.kind not in _RANGES:
        return
    expected, wrong = _RANGES[loss.kind]
    first = 0
    for block in row_blocks(targets):
        if (bad := wrong(block)).any():
            row, *place = np.argwhere(bad)[0].tolist()
            message = f"loss {loss.kind} needs {expected} as targets, got {block[(row, *place)]}"
            raise DataError(field, f"{message} at row {first + row} (counted from 0)")
        first += len(block)


def class_targets(
    train: Samples, test: Samples | None, loss: LossSpec
) -> tuple[SampleArray, SampleArray | None, int, tuple[str, ...] | None]:
    """Class ids (int64) of the training and the test samples, the number of classes, and names for text
    labels. (n,), or (n, time) where each element of a sequence has one; `loss` may have a label for none."""
    if train.class_names is not None:
        names = train.class_names
        _check_several(len(names), names[0], train)
        test_ids = None if test is None else test.targets.astype(np.int64)
        return train.targets.astype(np.int64), test_ids, len(names), names
    none = _none(loss)
    raw = _labels(train, loss.targets)
    raw_test = None if test is None else _labels(test, loss.targets)
    if raw.dtype.kind == "U":
        names = tuple(np.unique(raw).tolist())
        _check_several(len(names), names[0], train)
        test_ids = None if test is None or raw_test is None else _ids_by_name(raw_test, names, test)
        return _ids_by_name(raw, names, train), test_ids, len(names), names
    ids = _whole_numbers(raw, train, loss)
    test_ids = None if test is None or raw_test is None else _whole_numbers(raw_test, test, loss)
    present = np.unique(ids if none is None else ids[ids != none])
    _check_several(len(present), present[0] if len(present) else none, train)
    counted = [part if none is None else part[part != none] for part in (ids, test_ids) if part is not None]
    highest = max(int(part.max(initial=-1)) for part in counted)
    test_ids = None if test is None or test_ids is None else _kept_in_file(test_ids, test)
    return _kept_in_file(ids, train), test_ids, highest + 1, None


def _kept_in_file(ids: np.ndarray, samples: Samples) -> SampleArray:
    """Large targets stay where they are, now that they are known to be ids."""
    stored = samples.targets
    return stored.astype(np.int64) if isinstance(stored, Rows) and stored.shape == ids.shape else ids


def _none(loss: LossSpec) -> int | None:
    return getattr(loss, "ignored", getattr(loss, "padding", None))


def _check_several(distinct: int, example: object, samples: Samples) -> None:
    if distinct < 2:
        raise DataError(
            samples.targets_field, f"expected labels of at least 2 classes, every label is {example}"
        )


def _labels(samples: Samples, targets: Targets) -> np.ndarray:
    """One label a sample, (n,), or sequences of them, (n, time), where these make sense."""
    labels, field = np.asarray(samples.targets), samples.targets_field
    if targets is Targets.SEQUENCE and labels.ndim == 1:
        labels = labels[:, None]
    elif targets is not Targets.SEQUENCE and labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 and not (targets is not Targets.LABEL and _are_sequences(labels)):
        raise DataError(
            field,
            f"expected one class label a sample, shape ({len(labels)},), got shape {labels.shape}: for "
            "one-hot rows "
            "save labels.argmax(axis=1); if these are the features, swap features and labels",
        )
    if labels.dtype.kind not in _NUMERIC_KINDS + "U":
        raise DataError(field, f"labels must be whole numbers or text, got an array of {labels.dtype}")
    return labels


def _are_sequences(labels: np.ndarray) -> bool:
    """Whether these are a whole number for each element, and not one-hot rows, each with a single 1."""
    if labels.dtype.kind not in "iu" or labels.size == 0:
        return False
    one_hot = labels.shape[-1] > 1 and np.isin(labels, (0, 1)).all() and (labels.sum(axis=-1) == 1).all()
    return not one_hot


def _advice(loss: LossSpec) -> str:
    none = next((name for name in ("ignored", "padding") if hasattr(loss, name)), None)
    return "" if none is None else f"; what is no label belongs under loss.{loss.kind}.{none}"


def _whole_numbers(labels: np.ndarray, samples: Samples, loss: LossSpec) -> np.ndarray:
    """Class ids, and what stands for no label in the loss, which may be any number."""
    field, none = samples.targets_field, _none(loss)
    if labels.dtype.kind == "U":
        raise DataError(field, f"the training labels are numbers, these are text, such as {_example(labels)}")
    check_finite(labels, field, "labels")
    checks = (
        (
            labels != np.floor(labels) if labels.dtype.kind == "f" else np.zeros(labels.shape, bool),
            "a whole number",
        ),
        (labels < 0, "0 or more"),
        (
            labels >= MAXIMUM_CLASSES,
            f"a class id, 0 to the number of classes - 1 (at most {MAXIMUM_CLASSES - 1})",
        ),
    )
    for bad, expected in checks:
        if none is not None:
            bad = bad & (labels != none)
        if bad.any():
            row, *place = np.argwhere(bad)[0].tolist()
            raise DataError(
                field,
                f"label {labels[(row, *place)]} at row {row} (counted from 0): expected {expected}; to "
                f"predict quantities use loss: squared_error{_advice(loss)}",
            )
    return np.ascontiguousarray(labels, dtype=np.int64)


def _ids_by_name(labels: np.ndarray, names: tuple[str, ...], samples: Samples) -> np.ndarray:
    known = np.array(names)
    labels = labels.astype(np.str_)
    ids = np.minimum(np.searchsorted(known, labels), len(known) - 1)
    unknown = known[ids] != labels
    if unknown.any():
        row = int(unknown.argmax())
        raise DataError(
            samples.targets_field,
            f"label '{labels[row]}' at row {row} (counted from 0) is not among the training labels: "
            f"{', '.join(names[:20])}{', ...' if len(names) > 20 else ''}",
        )
    return ids.astype(np.int64)


def _example(labels: np.ndarray) -> str:
    return (
        f"'{labels.flat[0]}'" if labels.dtype.kind in "US" and labels.size else f"an array of {labels.dtype}"
    )
