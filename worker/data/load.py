"""From a dataset's description to checked arrays: read, check, split, and work out the feature transform."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np

from ...core import random
from ..spec import DatasetSpec
from ..spec.losses import LossSpec, Targets
from .checks import check_same_length, checked_features, class_targets, regression_targets
from .csv import load_csv
from .dataset import Dataset
from .digits import digits_transform, load_digits
from .errors import DataError
from .idx import load_idx
from .images import load_images
from .npy import load_npy
from .npz import load_npz
from .parquet import load_parquet
from .prepare import fitted_pipeline, made_samples
from .remote import local_files
from .rows import Rows, SampleArray
from .samples import Samples
from .text import load_text
from .transform import FeatureTransform
from .wav import load_wav


def load_dataset(spec: DatasetSpec, *, loss: LossSpec, seed: int) -> Dataset:
    """Read and check all samples; the loss decides between class ids and quantities as targets.

    A held-out fraction is drawn by a permutation keyed by `seed`; both parts keep the file's order. Raises
    DataError, with the field of the job description to look at.
    """
    labelled = loss.targets is not Targets.NUMBERS
    with local_files(spec) as local:
        train, test = _read(local, text_labels=labelled)
    train, test, source = made_samples(
        spec, train, test, lambda samples: split(samples, spec.test_fraction, seed)[0]
    )
    train = replace(train, features=checked_features(train))
    check_same_length(train)
    if test is not None:
        test = replace(test, features=checked_features(test))
        check_same_length(test)
        _check_same_shape(train, test)
    classes = class_names = test_targets = None
    if labelled:
        train_targets, test_targets, classes, class_names = class_targets(train, test, loss)
    else:
        train_targets = regression_targets(train, loss)
        if test is not None:
            test_targets = regression_targets(test, loss)
    if test is not None and test_targets is not None:
        _check_same_width(train_targets, test_targets, test)
    if test is not None and test_targets is not None:
        parts = train.features, train_targets, test.features, test_targets
    else:
        kept, held_out = split(len(train.features), spec.test_fraction, seed)
        parts = (*_part(train.features, train_targets, kept), *_part(train.features, train_targets, held_out))
    return Dataset(
        *parts,
        classes=classes,
        transform=_transform(spec, parts[0]),
        class_names=class_names,
        feature_names=train.feature_names,
        label_name=train.label_name,
        categories=train.categories,
        pipeline=fitted_pipeline(spec, source, parts[0]),
    )


def split(samples: int, test_fraction: float, seed: int) -> tuple[slice | np.ndarray, slice | np.ndarray]:
    """Ascending indices of the kept and of the held-out samples, the latter at least one unless the fraction
    is 0."""
    if test_fraction == 0:
        return slice(None), slice(0, 0)
    held_out = max(1, round(samples * test_fraction))
    if held_out >= samples:
        raise DataError(
            "dataset.test_fraction",
            f"{test_fraction:g} of {samples} samples leaves none to train on: use a smaller fraction or more "
            "samples",
        )
    order = random.permutation(samples, seed, random.SPLIT, 0)
    return np.sort(order[held_out:]), np.sort(order[:held_out])


def _part(
    features: SampleArray, targets: SampleArray, rows: slice | np.ndarray
) -> tuple[SampleArray, SampleArray]:
    return _chosen(features, rows), _chosen(targets, rows)


def _chosen(array: SampleArray, rows: slice | np.ndarray) -> SampleArray:
    return array.select(rows) if isinstance(array, Rows) else array[rows]


_TABLES = {"csv": load_csv, "parquet": load_parquet}
_SOURCES = {
    "npz": load_npz,
    "npy": load_npy,
    "idx": load_idx,
    "images": load_images,
    "text": load_text,
    "wav": load_wav,
}


def _read(spec: DatasetSpec, *, text_labels: bool) -> tuple[Samples, Samples | None]:
    if spec.source == "digits":
        return load_digits(), None
    try:
        if spec.source in _TABLES:
            return _TABLES[spec.source](spec, text_labels=text_labels)
        return _SOURCES[spec.source](spec)
    except OSError as error:
        # A file that was checked and then taken away, or a disk that fails while it is read.
        what = error.filename or f"the {spec.source} file"
        raise DataError("dataset", f"cannot read {what} to its end: {error.strerror or error}") from error


def _transform(spec: DatasetSpec, train_features: SampleArray) -> FeatureTransform:
    if spec.normalize == "range":
        return FeatureTransform.to_unit_range(train_features)
    if spec.normalize == "standard":
        return FeatureTransform.to_standard(train_features)
    return digits_transform() if spec.source == "digits" else FeatureTransform.identity()


def _check_same_shape(train: Samples, test: Samples) -> None:
    expected, actual = train.features.shape[1:], test.features.shape[1:]
    if expected != actual:
        raise DataError(
            test.features_field,
            f"a test sample has shape {actual}, a training sample {expected}: they must be alike",
        )


def _check_same_width(train: SampleArray, test: SampleArray, samples: Samples) -> None:
    if train.shape[1:] != test.shape[1:]:
        counts = prod(test.shape[1:]), prod(train.shape[1:])
        raise DataError(
            samples.targets_field,
            f"a test sample has {counts[0]} target values, a training sample {counts[1]}: they must be alike",
        )
