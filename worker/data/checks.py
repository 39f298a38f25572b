"""Checks raw samples and brings targets into the form that the losses take."""

from __future__ import annotations

import numpy as np

from .errors import DataError
from .samples import Samples
from .transform import row_blocks

MAXIMUM_CLASSES = 100_000
_NUMERIC_KINDS = "biuf"


def checked_features(samples: Samples) -> np.ndarray:
    """The features with at least two axes, all finite in float32; (n,) becomes (n, 1)."""
    features, field = samples.features, samples.features_field
    if features.dtype.kind not in _NUMERIC_KINDS:
        raise DataError(field, f"features must be numbers, got an array of {features.dtype}")
    if features.ndim == 0:
        raise DataError(field, "expected an array with one row a sample, got a single number")
    if features.size == 0:
        raise DataError(field, f"there are no features: the array has shape {features.shape}")
    check_finite(features, field, "features")
    return features.reshape(-1, 1) if features.ndim == 1 else features


def check_same_length(samples: Samples) -> None:
    targets = samples.targets
    if targets.ndim == 0 or len(targets) != len(samples.features):
        count = len(targets) if targets.ndim else 1
        raise DataError(
            samples.targets_field,
            f"expected one label for each of the {len(samples.features)} samples, got {count} labels",
        )


def check_finite(array: np.ndarray, field: str, what: str) -> None:
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


def regression_targets(samples: Samples) -> np.ndarray:
    """Targets (n,) or (n, outputs) of any numeric dtype -> float32 (n, outputs)."""
    targets, field = samples.targets, samples.targets_field
    if targets.dtype.kind not in _NUMERIC_KINDS:
        raise DataError(
            field,
            f"loss squared_error needs numbers as targets, got {_example(targets)}; for classes use "
            "loss: softmax_cross_entropy",
        )
    if targets.ndim > 2 or 0 in targets.shape:
        raise DataError(
            field, f"expected targets of shape (samples,) or (samples, outputs), got {targets.shape}"
        )
    check_finite(targets, field, "targets")
    return np.ascontiguousarray(targets.reshape(len(targets), -1), dtype=np.float32)


def class_targets(
    train: Samples, test: Samples | None
) -> tuple[np.ndarray, np.ndarray | None, int, tuple[str, ...] | None]:
    """Class ids (int64) of the training and the test samples, the number of classes, and names for text
    labels."""
    raw = _flat_labels(train)
    raw_test = None if test is None else _flat_labels(test)
    if raw.dtype.kind == "U":
        names = tuple(np.unique(raw).tolist())
        _check_several(len(names), names[0], train)
        test_ids = None if test is None or raw_test is None else _ids_by_name(raw_test, names, test)
        return _ids_by_name(raw, names, train), test_ids, len(names), names
    ids = _whole_numbers(raw, train)
    test_ids = None if test is None or raw_test is None else _whole_numbers(raw_test, test)
    _check_several(len(np.unique(ids)), ids[0], train)
    highest = max(int(ids.max()), -1 if test_ids is None else int(test_ids.max(initial=-1)))
    return ids, test_ids, highest + 1, None


def _check_several(distinct: int, example: object, samples: Samples) -> None:
    if distinct < 2:
        raise DataError(
            samples.targets_field, f"expected labels of at least 2 classes, every label is {example}"
        )


def _flat_labels(samples: Samples) -> np.ndarray:
    labels, field = samples.targets, samples.targets_field
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise DataError(
            field,
            f"expected one class label a sample, shape ({len(labels)},), got shape {labels.shape}: for "
            "one-hot rows "
            "save labels.argmax(axis=1); if these are the features, swap features and labels",
        )
    if labels.dtype.kind not in _NUMERIC_KINDS + "U":
        raise DataError(field, f"labels must be whole numbers or text, got an array of {labels.dtype}")
    return labels


def _whole_numbers(labels: np.ndarray, samples: Samples) -> np.ndarray:
    field = samples.targets_field
    if labels.dtype.kind == "U":
        raise DataError(field, f"the training labels are numbers, these are text, such as {_example(labels)}")
    check_finite(labels, field, "labels")
    checks = (
        (
            labels != np.floor(labels) if labels.dtype.kind == "f" else np.zeros(len(labels), bool),
            "a whole number",
        ),
        (labels < 0, "0 or more"),
        (
            labels >= MAXIMUM_CLASSES,
            f"a class id, 0 to the number of classes - 1 (at most {MAXIMUM_CLASSES - 1})",
        ),
    )
    for bad, expected in checks:
        if bad.any():
            row = int(bad.argmax())
            raise DataError(
                field,
                f"label {labels[row]} at row {row} (counted from 0): expected {expected}; to predict "
                "quantities use "
                "loss: squared_error",
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
