"""CSV files: one sample a row, numeric features, and a label column of numbers or names."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TextIO

import numpy as np

from ..spec import DatasetSpec
from .errors import DataError
from .files import checked_file, file_key
from .samples import Samples
from .table import BlockWriter, Found, converted

CACHED_FROM_BYTES = 1 << 26
"""Larger files are converted in the cache, not in memory."""
MOST_LABELS = 100_000
_BLOCK_ROWS = 1024
_LONGEST_LINE = 1 << 24


@dataclass(frozen=True)
class Columns:
    """The columns that are wanted of a CSV file: features by position, and the label's (None: no label)."""

    names: tuple[str, ...]
    features: tuple[int, ...]
    label: int | None


def load_csv(spec: DatasetSpec, *, text_labels: bool) -> tuple[Samples, Samples | None]:
    """The training samples and, where it is named, the test set of a csv dataset.

    `text_labels`: the label column may hold names of classes.
    """
    assert spec.path is not None  # the job description was checked
    fields = {"dataset.path": spec.path} | ({"dataset.test_path": spec.test_path} if spec.test_path else {})
    large = any(
        checked_file(path, field).stat().st_size >= CACHED_FROM_BYTES for field, path in fields.items()
    )
    read = _converted if large else _samples
    train = read(spec.path, "dataset.path", spec.labels, text_labels, None)
    if spec.test_path is None:
        return train, None
    return train, read(spec.test_path, "dataset.test_path", spec.labels, text_labels, train)


def _chooser(
    path: str, field: str, label: str | None, like: Samples | None
) -> Callable[[tuple[str, ...], bool], Columns]:
    def choose(names: tuple[str, ...], has_header: bool) -> Columns:
        if len(names) < 2:
            raise DataError(
                field,
                f"{path} has one column: expected features and a label, separated by commas, semicolons or "
                "tabs",
            )
        position = len(names) - 1 if label is None else _position(names, label, has_header, path)
        features = tuple(index for index in range(len(names)) if index != position)
        chosen = Columns(names, features, position)
        if like is not None and tuple(names[index] for index in features) != like.feature_names:
            raise DataError(
                field,
                f"the columns of {path} differ from those of dataset.path: expected features "
                f"{_listed(like.feature_names or ())}, got {_listed([names[index] for index in features])}",
            )
        return chosen

    return choose


def _samples(path: str, field: str, label: str | None, text_labels: bool, like: Samples | None) -> Samples:
    choose = _chooser(path, field, label, like)
    columns, features, labels = read_csv(path, field, choose, text_labels=text_labels)
    assert labels is not None and columns.label is not None
    names = tuple(columns.names[index] for index in columns.features)
    label_field = "dataset.labels" if label is not None else field
    return Samples(features, labels, field, label_field, names, columns.names[columns.label])


def _converted(path: str, field: str, label: str | None, text_labels: bool, like: Samples | None) -> Samples:
    """The same samples as `_samples` gives, in constant memory, by way of the cache."""
    file = checked_file(path, field)
    known = None if like is None else (like.feature_names, like.class_names)
    key = {
        "source": "csv",
        "file": file_key(file),
        "label": label,
        "text_labels": text_labels,
        "known": known,
    }

    def convert(folder: Path) -> None:
        columns, blocks = _blocks(_CsvFile(file, field), _chooser(path, field, label, like), text_labels)
        assert columns.label is not None
        known = None if like is None else like.class_names
        numbers = {word: number for number, word in enumerate(known or ())}
        with BlockWriter(folder, np.float32, np.float64) as writer:
            for values, words in blocks:
                labels = values[:, -1]
                if text_labels:
                    for word in dict.fromkeys(words):
                        if known is not None and word not in numbers:
                            raise DataError(
                                field, f"label '{word}' of {path} is not among the training labels"
                            )
                        numbers.setdefault(word, len(numbers))
                    if len(numbers) > MOST_LABELS:
                        more = f"{path} has more than {MOST_LABELS:,} different labels"
                        raise DataError(
                            field, f"{more}: expected classes; for quantities use loss: squared_error"
                        )
                    labels = np.array([numbers[word] for word in words], np.float64)
                writer.append(values[:, : len(columns.features)], labels)
            class_names = known
            if text_labels and known is None:
                values = _numbers_or_words(list(numbers))
                if values.dtype.kind == "U":
                    class_names = tuple(sorted(numbers))
                    values = np.searchsorted(np.array(class_names), values)
                writer.renumber_targets(values)
            names = tuple(columns.names[index] for index in columns.features)
            writer.finish(Found(names, columns.names[columns.label], class_names))

    return converted(key, convert, field, "dataset.labels" if label is not None else field)


def _position(names: Sequence[str], label: str, has_header: bool, path: str) -> int:
    if names.count(label) == 1:
        return names.index(label)
    if label in names:
        raise DataError("dataset.labels", f"{path} has {names.count(label)} columns named '{label}'")
    why = "" if has_header else " (it has no header line, so its columns are called column_1, column_2, ...)"
    raise DataError("dataset.labels", f"{path} has no column '{label}'; its columns: {_listed(names)}{why}")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:20]) + (f", ... ({len(names)} in all)" if len(names) > 20 else "")


def read_csv(
    path: str | Path,
    field: str,
    choose: Callable[[tuple[str, ...], bool], Columns],
    *,
    text_labels: bool = False,
) -> tuple[Columns, np.ndarray, np.ndarray | None]:
    """Features (n, columns) float32 and labels (n,) of a CSV file, or None where no label column is chosen.

    The first line is a header if none of its cells is a number; else columns are called column_1, column_2,
    ... `choose(names, has_header)` says which columns are wanted. Labels are float64; with `text_labels`,
    text if any of them is not a number. DataError names line and column of what cannot be used.
    """
    columns, parts = _blocks(_CsvFile(checked_file(path, field), field), choose, text_labels)
    blocks: list[np.ndarray] = []
    words: list[str] = []
    for values, labels in parts:
        blocks.append(values)
        words += labels
    values = np.concatenate(blocks)
    features = values[:, : len(columns.features)].astype(np.float32)
    if columns.label is None:
        return columns, features, None
    return columns, features, _numbers_or_words(words) if text_labels else values[:, -1]


def _blocks(
    file: _CsvFile, choose: Callable[[tuple[str, ...], bool], Columns], text_labels: bool
) -> tuple[Columns, Iterator[tuple[np.ndarray, list[str]]]]:
    """The chosen columns, and blocks of rows: numbers (rows, columns) float64, and with `text_labels` the
    labels, which are the last of the numbers without."""
    first = next(file.rows(), None)
    if first is None:
        file.refuse("holds no rows")
    cells = first[1]
    has_header = not any(_is_number(cell) for cell in cells)
    names = tuple(cells) if has_header else tuple(f"column_{number}" for number in range(1, len(cells) + 1))
    columns = choose(names, has_header)
    numbers = columns.features
    if columns.label is not None and not text_labels:
        numbers = (*numbers, columns.label)

    def rows() -> Iterator[tuple[np.ndarray, list[str]]]:
        empty = True
        for block in file.blocks(skip_header=has_header, width=len(names)):
            empty = False
            label = columns.label if text_labels else None
            words = [] if label is None else file.words(block, label, names)
            yield file.numbers(block, numbers, names), words
        if empty:
            file.refuse("holds a header line and no rows below it")

    return columns, rows()


class _CsvFile:
    """Rows of one file with their line numbers, and errors that name them."""

    def __init__(self, path: Path, field: str) -> None:
        self.path, self.field = path, field
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                first_line = file.readline(1 << 20)
        except UnicodeDecodeError as error:
            self._not_text(error)
        self.delimiter = max(",;\t", key=first_line.count)

    def refuse(self, message: str) -> NoReturn:
        raise DataError(self.field, f"{self.path} {message}") from None

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """(line number, cells without surrounding blanks) of each line that is not empty."""
        line = 0
        try:
            with self.path.open(encoding="utf-8-sig", newline="") as file:
                reader = csv.reader(self._lines(file), delimiter=self.delimiter, strict=True)
                for cells in reader:
                    line = reader.line_num
                    if cells:
                        yield line, [cell.strip() for cell in cells]
        except UnicodeDecodeError as error:
            self._not_text(error)
        except csv.Error as error:
            self.refuse(f"line {line + 1}: {error}")
        except OSError as error:
            self.refuse(f"cannot be read: {error.strerror or error}")

    def _lines(self, file: TextIO) -> Iterator[str]:
        """The file's lines; one that never ends is refused before it fills the memory."""
        number = 0
        while line := file.readline(_LONGEST_LINE + 1):
            number += 1
            if len(line) > _LONGEST_LINE:
                self.refuse(
                    f"line {number} has more than {_LONGEST_LINE:,} characters: expected one sample a line"
                )
            if "\0" in line:
                self.refuse(f"line {number} holds a zero byte: expected text, such as 1.5,2,cat")
            yield line

    def _not_text(self, error: UnicodeDecodeError) -> NoReturn:
        self.refuse(
            f"is not UTF-8 text ({error.reason} at {error.object[error.start : error.start + 1]!r}): save it "
            "as UTF-8"
        )

    def blocks(self, *, skip_header: bool, width: int) -> Iterator[list[tuple[int, list[str]]]]:
        """Rows of `width` cells, some at a time."""
        block: list[tuple[int, list[str]]] = []
        for number, (line, cells) in enumerate(self.rows()):
            if number == 0 and skip_header:
                continue
            if len(cells) != width:
                self.refuse(f"line {line}: expected {width} cells as in the first line, got {len(cells)}")
            block.append((line, cells))
            if len(block) == _BLOCK_ROWS:
                yield block
                block = []
        if block:
            yield block

    def numbers(
        self, block: list[tuple[int, list[str]]], columns: Sequence[int], names: Sequence[str]
    ) -> np.ndarray:
        try:
            values = np.array([[cells[index] for index in columns] for _, cells in block], dtype=np.float64)
        except ValueError:
            self._refuse_first_bad_cell(block, columns, names)
        if not _fit_float32(values):
            self._refuse_first_bad_cell(block, columns, names)
        return values

    def words(self, block: list[tuple[int, list[str]]], column: int, names: Sequence[str]) -> list[str]:
        for line, cells in block:
            if not cells[column]:
                self.refuse(f"line {line}, column '{names[column]}': the label is missing")
        return [cells[column] for _, cells in block]

    def _refuse_first_bad_cell(
        self, block: list[tuple[int, list[str]]], columns: Sequence[int], names: Sequence[str]
    ) -> NoReturn:
        for line, cells in block:
            for index in columns:
                cell = cells[index]
                where = f"line {line}, column '{names[index]}'"
                if not cell:
                    self.refuse(f"{where}: the cell is empty: fill it in or remove the row")
                if not _is_number(cell):
                    self.refuse(f"{where}: expected a number, got '{cell[:40]}'")
                if not _fit_float32(np.array(float(cell))):
                    self.refuse(f"{where}: expected a finite number that fits float32, got {cell[:40]}")
        raise AssertionError("a block was refused without a bad cell")


def _fit_float32(values: np.ndarray) -> bool:
    with np.errstate(over="ignore"):
        return bool(np.isfinite(values.astype(np.float32)).all())


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _numbers_or_words(words: list[str]) -> np.ndarray:
    try:
        return np.array(words, dtype=np.float64)
    except ValueError:
        return np.array(words, dtype=np.str_)
