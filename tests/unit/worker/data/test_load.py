"""Checks, splits and targets: from raw arrays to a dataset that a model can train on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.worker.data import DataError, load_dataset
from chainrule.worker.data.load import split
from chainrule.worker.data.rows import Rows
from chainrule.worker.spec import DatasetSpec
from chainrule.worker.spec.losses import LOSSES

X = np.arange(30, dtype=np.float32).reshape(10, 3)
Y = np.arange(10) % 3


def load(
    folder: Path, x: np.ndarray, y: np.ndarray, loss: str = "softmax_cross_entropy", **fields: Any
) -> Any:
    """What comes of two arrays saved as .npy files; `test` is another pair."""
    test = fields.pop("test", None)
    arrays = {"features": x, "labels": y}
    if test is not None:
        arrays |= {"test_features": test[0], "test_labels": test[1]}
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
        fields[name] = str(folder / f"{name}.npy")
    return load_dataset(DatasetSpec(source="npy", **fields), loss=LOSSES[loss](), seed=fields.pop("seed", 0))


def refusal(
    folder: Path, x: np.ndarray, y: np.ndarray, loss: str = "softmax_cross_entropy", **fields: Any
) -> DataError:
    with pytest.raises(DataError) as caught:
        load(folder, x, y, loss, **fields)
    return caught.value


@given(st.integers(2, 300), st.floats(0.001, 0.99), st.integers(0, 2**63 - 1))
def test_a_split_takes_every_sample_once_and_leaves_none_of_the_parts_empty(
    samples: int, fraction: float, seed: int
) -> None:
    if round(samples * fraction) >= samples:
        with pytest.raises(DataError, match=r"dataset\.test_fraction: .* leaves none to train on"):
            split(samples, fraction, seed)
        return
    kept, held_out = split(samples, fraction, seed)
    assert isinstance(kept, np.ndarray)
    assert isinstance(held_out, np.ndarray)
    assert len(kept) >= 1
    assert len(held_out) == max(1, round(samples * fraction))
    assert sorted([*kept.tolist(), *held_out.tolist()]) == list(range(samples))


def test_a_split_depends_on_the_seed_alone_and_keeps_the_order_of_the_file() -> None:
    def parts(seed: int) -> list[list[int]]:
        return [np.arange(100)[rows].tolist() for rows in split(100, 0.25, seed)]

    assert parts(3) == parts(3)
    assert parts(3) != parts(4)
    assert parts(3) == [sorted(part) for part in parts(3)]


def test_features_and_targets_are_split_alike(tmp_path: Path) -> None:
    x = np.stack([np.arange(50), np.arange(50)], axis=1)
    dataset = load(tmp_path, x, np.arange(50), "squared_error", test_fraction=0.3)
    assert (dataset.train_samples, dataset.test_samples) == (35, 15)
    assert np.array_equal(dataset.train_features[:, 0], dataset.train_targets[:, 0])
    assert np.array_equal(dataset.test_features[:, 0], dataset.test_targets[:, 0])


def test_without_a_test_split_all_samples_train_and_the_test_arrays_have_no_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chainrule.worker.data.files.MAPPED_FROM_BYTES", 1)
    dataset = load(tmp_path, X, Y, test_fraction=0)
    assert dataset.train_samples == 10
    assert dataset.test_features.shape == (0, 3)
    assert dataset.test_targets.shape == (0,)
    assert isinstance(dataset.train_features, Rows) and dataset.train_features.index is None


def test_a_fraction_that_leaves_nothing_to_train_on_is_refused(tmp_path: Path) -> None:
    error = refusal(tmp_path, X[:2], Y[:2], test_fraction=0.9)
    assert error.field == "dataset.test_fraction"
    assert error.message.startswith("0.9 of 2 samples leaves none to train on")


def test_the_transform_is_worked_out_on_the_training_samples_only(tmp_path: Path) -> None:
    test = np.full((4, 3), 1e6, np.float32), np.zeros(4, int)
    dataset = load(tmp_path, X, Y, test=test, normalize="range")
    assert dataset.transform.apply(X).max() == 1
    assert load(tmp_path, X, Y, test=test).transform.apply(X).tolist() == X.tolist()


@pytest.mark.parametrize("labels", [Y.astype("u1"), Y.astype("f4"), Y.reshape(-1, 1), Y.astype(">i8"), Y > 0])
def test_class_ids_of_any_numeric_dtype_become_int64(tmp_path: Path, labels: np.ndarray) -> None:
    dataset = load(tmp_path, X, labels, test_fraction=0)
    assert dataset.train_targets.dtype == np.dtype("int64")
    assert dataset.train_targets.tolist() == labels.reshape(-1).astype(int).tolist()


def test_text_labels_in_an_array_become_classes(tmp_path: Path) -> None:
    dataset = load(tmp_path, X, np.array(["no", "yes"] * 5), test_fraction=0)
    assert dataset.class_names == ("no", "yes")


def test_quantities_become_float32_with_one_column_an_output(tmp_path: Path) -> None:
    assert load(tmp_path, X, Y, "squared_error", test_fraction=0).train_targets.shape == (10, 1)
    wide = load(tmp_path, X, X[:, :2].astype("f8"), "squared_error", test_fraction=0)
    assert wide.train_targets.shape == (10, 2)
    assert wide.train_targets.dtype == np.float32


def test_one_number_a_sample_is_one_feature(tmp_path: Path) -> None:
    assert load(tmp_path, X[:, 0], Y).feature_shape == (1,)


def test_nan_in_the_features_is_named_by_row_and_column(tmp_path: Path) -> None:
    x = X.copy()
    x[7, 2] = np.nan
    error = refusal(tmp_path, x, Y)
    assert error.field == "dataset.features"
    assert "features hold nan at row 7, column 2 (counted from 0): expected finite numbers" in error.message


def test_infinity_deep_in_images_and_overflow_are_named(tmp_path: Path) -> None:
    images = np.zeros((400, 80, 80), np.float32)
    images[399, 5, 6] = -np.inf
    labels = np.arange(400) % 2
    assert "hold -inf at row 399, column 5, 6" in refusal(tmp_path, images, labels).message
    assert "hold 1e+300 at row 0, column 0" in refusal(tmp_path, np.full((10, 3), 1e300), Y).message


def test_nan_in_targets_is_named(tmp_path: Path) -> None:
    y = Y.astype(float)
    y[4] = np.nan
    for loss, what in (("softmax_cross_entropy", "labels"), ("squared_error", "targets")):
        error = refusal(tmp_path, X, y, loss)
        assert error.field == "dataset.labels"
        assert f"{what} hold nan at row 4" in error.message


def test_nan_in_the_test_features_names_the_test_features(tmp_path: Path) -> None:
    assert refusal(tmp_path, X, Y, test=(X * np.nan, Y)).field == "dataset.test_features"


@pytest.mark.parametrize(
    ("x", "y", "field", "message"),
    [
        (X, Y[:9], "labels", "expected one label for each of the 10 samples, got 9 labels"),
        (X, np.int64(3), "labels", "expected one label for each of the 10 samples, got 1 labels"),
        (X[:0], Y[:0], "features", "there are no features: the array has shape (0, 3)"),
        (X[:, :0], Y, "features", "there are no features: the array has shape (10, 0)"),
        (np.float32(3), Y, "features", "expected an array with one row a sample, got a single number"),
        (X.astype(str), Y, "features", "features must be numbers, got an array of <U"),
        (X.astype("c8"), Y, "features", "features must be numbers, got an array of complex64"),
        (np.zeros(10, [("a", "f4")]), Y, "features", "features must be numbers"),
        (X, -Y, "labels", "label -1 at row 1 (counted from 0): expected 0 or more"),
        (
            X,
            Y * 0.5,
            "labels",
            "label 0.5 at row 1 (counted from 0): expected a whole number; to predict quantities",
        ),
        (X, Y * 10**6, "labels", "label 1000000 at row 1 (counted from 0): expected a class id"),
        (X, np.eye(10)[Y], "labels", "for one-hot rows save labels.argmax(axis=1)"),
        (X, Y * 0 + 4, "labels", "expected labels of at least 2 classes, every label is 4"),
        (X, Y.astype("c8"), "labels", "labels must be whole numbers or text, got an array of complex64"),
    ],
)
def test_arrays_that_cannot_be_used_are_named(
    tmp_path: Path, x: np.ndarray, y: np.ndarray, field: str, message: str
) -> None:
    error = refusal(tmp_path, x, y)
    assert error.field == f"dataset.{field}"
    assert message in error.message


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.array(["far"] * 10), "loss squared_error needs numbers as targets, got 'far'"),
        (np.zeros((10, 0)), "expected targets of shape (samples,) or (samples, outputs), got (10, 0)"),
    ],
)
def test_targets_that_are_no_quantities_are_named(tmp_path: Path, y: np.ndarray, message: str) -> None:
    assert message in refusal(tmp_path, X, y, "squared_error").message


@pytest.mark.parametrize(
    ("test", "loss", "field", "message"),
    [
        ((X[:, :2], Y), "softmax_cross_entropy", "test_features", "shape (2,), a training sample (3,)"),
        ((X, Y[:3]), "softmax_cross_entropy", "test_labels", "for each of the 10 samples, got 3 labels"),
        (
            (X, Y.astype(str)),
            "softmax_cross_entropy",
            "test_labels",
            "the training labels are numbers, these are text",
        ),
        (
            (X, X),
            "squared_error",
            "test_labels",
            "has 3 target values, a training sample 1: they must be alike",
        ),
        ((X[:0], Y[:0]), "softmax_cross_entropy", "test_features", "there are no features"),
    ],
)
def test_a_test_set_unlike_the_training_set_is_refused(
    tmp_path: Path, test: tuple[np.ndarray, np.ndarray], loss: str, field: str, message: str
) -> None:
    error = refusal(tmp_path, X, Y, loss, test=test)
    assert error.field == f"dataset.{field}"
    assert message in error.message


def test_a_class_that_only_the_test_set_has_counts(tmp_path: Path) -> None:
    assert load(tmp_path, X, Y, test=(X[:1], np.array([7]))).classes == 8
