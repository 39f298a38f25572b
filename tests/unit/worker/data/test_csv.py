"""CSV files: headers, labels as numbers or names, and errors that name line and column."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule.worker.data import DataError, load_dataset
from chainrule.worker.data.rows import Rows
from chainrule.worker.spec import DatasetSpec
from chainrule.worker.spec.losses import LOSSES


def load(path: Path, loss: str = "softmax_cross_entropy", **fields: Any) -> Any:
    fields = {"test_fraction": 0, **fields} if "test_path" not in fields else fields
    return load_dataset(DatasetSpec(source="csv", path=str(path), **fields), loss=LOSSES[loss](), seed=0)


def table(folder: Path, text: str | bytes, name: str = "table.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def refusal(path: Path, loss: str = "softmax_cross_entropy", **fields: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        load(path, loss, **fields)
    return caught.value


def test_a_header_names_the_columns_and_the_last_one_is_the_label(tmp_path: Path) -> None:
    dataset = load(table(tmp_path, "width,height,kind\n1,2.5,0\n3,4e1,1\n"))
    assert dataset.train_features.tolist() == [[1, 2.5], [3, 40]]
    assert dataset.train_features.dtype == np.float32
    assert dataset.train_targets.tolist() == [0, 1]
    assert dataset.feature_names == ("width", "height")
    assert dataset.label_name == "kind"
    assert dataset.class_names is None


def test_a_first_line_with_a_number_is_data(tmp_path: Path) -> None:
    dataset = load(table(tmp_path, "1,2,cat\n3,4,dog\n"))
    assert dataset.train_samples == 2
    assert dataset.feature_names == ("column_1", "column_2")


def test_labels_as_text_become_classes_in_the_order_of_their_names(tmp_path: Path) -> None:
    dataset = load(table(tmp_path, "kind,w\ndog,1\ncat, 2\nant,3\ndog,4\n"), labels="kind")
    assert dataset.class_names == ("ant", "cat", "dog")
    assert dataset.train_targets.tolist() == [2, 1, 0, 2]
    assert dataset.train_features.tolist() == [[1], [2], [3], [4]]


def test_a_column_of_quantities_is_a_target_for_regression(tmp_path: Path) -> None:
    dataset = load(table(tmp_path, "x,y\n1,2.5\n2,-1\n"), "squared_error")
    assert dataset.train_targets.tolist() == [[2.5], [-1]]
    assert dataset.train_targets.dtype == np.float32
    assert dataset.classes is None


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_semicolons_and_tabs_separate_cells_too(tmp_path: Path, delimiter: str) -> None:
    text = "a,b,c\n1,2,0\n3,4,1\n".replace(",", delimiter)
    assert load(table(tmp_path, text)).train_features.tolist() == [[1, 2], [3, 4]]


def test_quotes_blank_lines_carriage_returns_and_a_byte_order_mark_are_accepted(tmp_path: Path) -> None:
    text = b'\xef\xbb\xbf"first, quoted",kind\r\n"1","x"\r\n\r\n2,y\r\n'
    dataset = load(table(tmp_path, text))
    assert dataset.feature_names == ("first, quoted",)
    assert dataset.train_features.tolist() == [[1], [2]]


def test_more_rows_than_one_block_are_read_in_order(tmp_path: Path) -> None:
    rows = "".join(f"{number},{number % 2}\n" for number in range(3000))
    dataset = load(table(tmp_path, "n,odd\n" + rows))
    assert dataset.train_features[:, 0].tolist() == list(range(3000))
    assert dataset.train_targets.tolist() == [number % 2 for number in range(3000)]


def test_a_test_file_has_the_same_columns_and_classes(tmp_path: Path) -> None:
    train = table(tmp_path, "w,h,kind\n1,2,cat\n3,4,dog\n")
    test = table(tmp_path, "w,h,kind\n5,6,dog\n", "test.csv")
    dataset = load(train, test_path=str(test))
    assert dataset.test_targets.tolist() == [1]
    assert dataset.test_features.tolist() == [[5, 6]]


def test_a_test_file_with_other_columns_or_an_unknown_class_is_refused(tmp_path: Path) -> None:
    train = table(tmp_path, "w,h,kind\n1,2,cat\n3,4,dog\n")
    other = table(tmp_path, "h,w,kind\n5,6,dog\n", "other.csv")
    error = refusal(train, test_path=str(other))
    assert error.field == "dataset.test_path"
    assert "expected features w, h, got h, w" in error.message
    unknown = table(tmp_path, "w,h,kind\n5,6,cow\n", "unknown.csv")
    message = refusal(train, test_path=str(unknown)).message
    assert "label 'cow' at row 0 (counted from 0) is not among the training labels: cat, dog" in message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b,y\n1,x,0\n2,3,1\n", "line 2, column 'b': expected a number, got 'x'"),
        ("a,b,y\n1,2,0\n,3,1\n", "line 3, column 'a': the cell is empty: fill it in or remove the row"),
        (
            "a,b,y\n1,nan,0\n2,3,1\n",
            "line 2, column 'b': expected a finite number that fits float32, got nan",
        ),
        (
            "a,b,y\n1,2,0\n2,-inf,1\n",
            "line 3, column 'b': expected a finite number that fits float32, got -inf",
        ),
        (
            "a,b,y\n1,1e39,0\n2,3,1\n",
            "line 2, column 'b': expected a finite number that fits float32, got 1e39",
        ),
        ("a,b,y\n1,2,0\n2,3\n", "line 3: expected 3 cells as in the first line, got 2"),
        ("a,b,y\n\n1,2,0\n2,3,1,4\n", "line 4: expected 3 cells as in the first line, got 4"),
        ("a,b,y\n1,2,cat\n2,3,\n", "line 3, column 'y': the label is missing"),
        ("a,b,y\n", "holds a header line and no rows below it"),
        ("\n\n", "holds no rows"),
        ("a\n1\n", "has one column: expected features and a label"),
        ('a,y\n"1,0\n2,1\n', "unexpected end of data"),
        (b"a,y\n1,\xff\n", "is not UTF-8 text (invalid start byte at b'\\xff'): save it as UTF-8"),
        ("a,y\n1,0\n2,0\n", "expected labels of at least 2 classes, every label is 0"),
        ("a,y\n1,cat\n2,cat\n", "expected labels of at least 2 classes, every label is cat"),
        ("a,y\n1,0\n2,1.5\n", "label 1.5 at row 1 (counted from 0): expected a whole number"),
        ("a,y\n1,0\n2,-1\n", "label -1.0 at row 1 (counted from 0): expected 0 or more"),
    ],
)
def test_what_cannot_be_used_is_named_by_line_and_column(
    tmp_path: Path, text: str | bytes, message: str
) -> None:
    error = refusal(table(tmp_path, text))
    assert error.field == "dataset.path"
    assert message in error.message


def test_text_as_a_quantity_is_named_by_line(tmp_path: Path) -> None:
    path = table(tmp_path, "a,y\n1,2\n2,far\n")
    assert "line 3, column 'y': expected a number, got 'far'" in refusal(path, "squared_error").message


def test_a_label_column_that_does_not_exist_gets_the_list_of_those_that_do(tmp_path: Path) -> None:
    error = refusal(table(tmp_path, "a,b\n1,0\n2,1\n"), labels="kind")
    assert error.field == "dataset.labels"
    assert "has no column 'kind'; its columns: a, b" in error.message
    message = refusal(table(tmp_path, "1,0\n2,1\n"), labels="kind").message
    assert "it has no header line, so its columns are called column_1, column_2" in message


def test_a_label_column_named_twice_is_refused(tmp_path: Path) -> None:
    message = refusal(table(tmp_path, "a,kind,kind\n1,0,0\n2,1,1\n"), labels="kind").message
    assert "has 2 columns named 'kind'" in message


def test_a_line_that_does_not_end_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    path = table(tmp_path, "a,b\n1,2\n")
    os.truncate(path, 1 << 30)  # with zeros, which take no space
    assert "line 3 has more than 16,777,216 characters" in str(refusal(path))


def test_a_zero_byte_is_no_label(tmp_path: Path) -> None:
    assert "line 2 holds a zero byte" in str(refusal(table(tmp_path, b"1,a\n2,\x00\n")))


LARGE = [
    ("a,b,y\n1,2.5,cat\n3,40,dog\n-1e3,0,cat\n", "softmax_cross_entropy"),
    ("1;2;3\n4;5;0\n7; 8 ;1\n", "softmax_cross_entropy"),
    ("a\ty\n1\t2.5\n2\t-1\n", "squared_error"),
]


@pytest.mark.parametrize(("text", "loss"), LARGE)
def test_a_large_file_gives_the_same_samples_by_way_of_the_cache(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, text: str, loss: str
) -> None:
    path = table(tmp_path, text)
    small = load(path, loss, test_fraction=0)
    monkeypatch.setattr("chainrule.worker.data.csv.CACHED_FROM_BYTES", 1)
    monkeypatch.setattr("chainrule.worker.data.csv._BLOCK_ROWS", 2)
    large = load(path, loss, test_fraction=0)
    assert len(list(cache.glob("*/entry.json"))) == 1 and isinstance(large.train_features, Rows)
    np.testing.assert_array_equal(large.train_features, small.train_features)
    np.testing.assert_array_equal(large.train_targets, small.train_targets)
    for name in ("classes", "class_names", "feature_names", "label_name"):
        assert getattr(large, name) == getattr(small, name)


def test_a_large_test_file_uses_the_names_of_the_training_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chainrule.worker.data.csv.CACHED_FROM_BYTES", 30)
    path = table(tmp_path, "a,y\n1,cat\n2,dog\n3,ewe\n4,ewe\n5,ewe\n")
    test = tmp_path / "test.csv"
    test.write_text("a,y\n1,ewe\n")
    assert load(path, test_path=str(test)).test_targets[:].tolist() == [2]
    test.write_text("a,y\n1,owl\n")
    with pytest.raises(DataError, match=r"label 'owl' of .* is not among the training labels"):
        load(path, test_path=str(test))


def test_a_bad_cell_in_a_large_file_is_named_with_its_line(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chainrule.worker.data.csv.CACHED_FROM_BYTES", 1)
    with pytest.raises(DataError, match="line 3, column 'a': expected a number, got 'x'"):
        load(table(tmp_path, "a,y\n1,0\nx,1\n"))
    assert not list(cache.glob("*/entry.json"))
