"""Parquet files: columns, categories, missing values, and the cache behind them."""

from __future__ import annotations

import datetime
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from chainrule.worker.data import DataError, Dataset, load_dataset
from chainrule.worker.data.parquet import read_parquet
from chainrule.worker.spec import DatasetSpec
from chainrule.worker.spec.losses import LOSSES

TABLE = {
    "age": [30, 40, 50, 60],
    "tall": [True, False, True, True],
    "city": ["Rome", "Oslo", "Rome", "Bern"],
    "income": [1.5, 2.5, 3.5, 4.5],
    "kind": ["dog", "cat", "cat", "dog"],
}


def saved(path: Path, table: Any = TABLE, **options: Any) -> Path:
    pq.write_table(pa.table(table), path, **options)
    return path


def load(path: Path, loss: str = "softmax_cross_entropy", **fields: Any) -> Dataset:
    fields = {"test_fraction": 0, **fields}
    return load_dataset(DatasetSpec(source="parquet", path=str(path), **fields), loss=LOSSES[loss](), seed=0)


def refused(path: Path, **fields: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        load(path, **fields)
    return caught.value


def test_numbers_booleans_and_categories_become_features_and_names_become_ids(tmp_path: Path) -> None:
    dataset = load(saved(tmp_path / "a.parquet"))
    assert dataset.feature_names == ("age", "tall", "city", "income")
    expected = [[30, 1, 2, 1.5], [40, 0, 1, 2.5], [50, 1, 2, 3.5], [60, 1, 0, 4.5]]
    np.testing.assert_array_equal(dataset.train_features, expected)
    np.testing.assert_array_equal(dataset.train_targets, [1, 0, 0, 1])
    assert (dataset.class_names, dataset.label_name) == (("cat", "dog"), "kind")
    assert dataset.categories == {"city": ("Bern", "Oslo", "Rome")}


def test_row_groups_and_dictionaries_do_not_change_what_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chainrule.worker.data.parquet._BLOCK_ROWS", 3)
    table = {**TABLE, "city": pa.array(TABLE["city"]).dictionary_encode()}
    plain = load(saved(tmp_path / "a.parquet"))
    grouped = load(saved(tmp_path / "b.parquet", table, row_group_size=1))
    np.testing.assert_array_equal(grouped.train_features, plain.train_features)
    np.testing.assert_array_equal(grouped.train_targets, plain.train_targets)


def test_columns_are_chosen_by_name_and_pattern(tmp_path: Path) -> None:
    dataset = load(saved(tmp_path / "a.parquet"), "squared_error", columns=["inc*", "age"], labels="tall")
    assert dataset.feature_names == ("age", "income")
    np.testing.assert_array_equal(dataset.train_targets, [[1], [0], [1], [1]])


def test_the_test_set_uses_the_ids_of_the_training_set(tmp_path: Path) -> None:
    few = {name: values[1:2] for name, values in TABLE.items()}
    dataset = load(saved(tmp_path / "a.parquet"), test_path=str(saved(tmp_path / "b.parquet", few)))
    np.testing.assert_array_equal(dataset.test_features, [[40, 0, 1, 2.5]])
    np.testing.assert_array_equal(dataset.test_targets, [0])
    other = saved(tmp_path / "c.parquet", {**few, "city": ["Paris"]})
    error = refused(tmp_path / "a.parquet", test_path=str(other))
    assert (
        error.field == "dataset.test_path"
        and "holds 'Paris', which is not in the training set" in error.message
    )


def test_missing_values_are_counted_or_dropped(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.parquet", {**TABLE, "age": [30, None, 50, None]})
    assert "has 2 missing values in column 'age' among rows 0 to 3" in refused(path).message
    np.testing.assert_array_equal(load(path, missing="drop", columns=["age"]).train_features, [[30], [50]])
    assert load(path, columns=["income"]).train_samples == 4


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"labels": "none"}, "dataset.labels", "has no column 'none'; its columns: age, tall"),
        ({"columns": ["x*"]}, "dataset.columns", "has no column that fits 'x*'; its columns: age"),
        (
            {"columns": ["kind"]},
            "dataset.columns",
            "no column is left for the features beside the label 'kind'",
        ),
    ],
)
def test_columns_that_are_not_there_are_named(
    tmp_path: Path, fields: dict[str, Any], field: str, message: str
) -> None:
    error = refused(saved(tmp_path / "a.parquet"), **fields)
    assert error.field == field and message in error.message


def test_times_are_refused_with_what_to_do(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.parquet", {"when": [datetime.datetime(2020, 1, 1)], "y": ["a"]})
    message = refused(path).message
    assert "column 'when'" in message and "timestamp[us]" in message and "such as the hour" in message


@pytest.mark.parametrize("cut", [4, 200, -10])
def test_a_torn_file_is_refused_and_leaves_nothing_in_the_cache(
    tmp_path: Path, cache: Path, cut: int
) -> None:
    path = saved(tmp_path / "a.parquet")
    path.write_bytes(path.read_bytes()[:cut])
    assert "is no whole Parquet file" in refused(path).message
    assert not list(cache.glob("*/entry.json"))


def test_a_file_is_converted_once_and_again_when_it_has_changed(tmp_path: Path, cache: Path) -> None:
    path = saved(tmp_path / "a.parquet")
    load(path)
    [entry] = [found.parent for found in cache.glob("*/entry.json")]
    before = (entry / "features").stat()
    assert load(path).train_samples == 4
    assert (entry / "features").stat().st_mtime_ns == before.st_mtime_ns
    saved(path, {name: values[:3] for name, values in TABLE.items()})
    assert load(path).train_samples == 3


def test_a_file_to_predict_on_gives_the_ids_of_the_model(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.parquet", {"income": [1.5], "city": ["Oslo"]})
    read = read_parquet(path, "inputs", ("city", "income"), {"city": ("Bern", "Oslo")})
    np.testing.assert_array_equal(read, [[1, 1.5]])
    with pytest.raises(DataError, match="lacks columns that the model was trained on: age"):
        read_parquet(path, "inputs", ("age",), {})


def test_without_pyarrow_the_line_that_installs_it_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path / "a.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert "pip install 'chainrule[data]'" in refused(path).message
