"""Parquet files: read a block of rows at a time into the cache, so that a table of any size fits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np

from ..spec import DatasetSpec
from .errors import DataError
from .extras import needed
from .files import checked_file, file_key
from .samples import Samples
from .table import BlockWriter, Found, converted

_BLOCK_ROWS = 1 << 16
MOST_CATEGORIES = 100_000


def load_parquet(spec: DatasetSpec, *, text_labels: bool) -> tuple[Samples, Samples | None]:
    """The training samples and, where it is named, the test set of a parquet dataset."""
    assert spec.path is not None  # the job description was checked
    train = _samples(spec, spec.path, "dataset.path", text_labels, None)
    if spec.test_path is None:
        return train, None
    return train, _samples(spec, spec.test_path, "dataset.test_path", text_labels, train)


def _samples(spec: DatasetSpec, path: str, name: str, text_labels: bool, like: Samples | None) -> Samples:
    file = checked_file(path, name)
    known = None if like is None else {"classes": like.class_names, "categories": dict(like.categories)}
    key = {
        "source": "parquet",
        "file": file_key(file),
        "columns": spec.columns,
        "labels": spec.labels,
        "missing": spec.missing,
        "text_labels": text_labels,
        "known": known,
    }
    label_field = name if spec.labels is None else "dataset.labels"
    return converted(
        key, lambda folder: _convert(spec, file, name, text_labels, like, folder), name, label_field
    )


@dataclass
class _Texts:
    """The texts of a column, numbered as they come; those of the test set must be among the known."""

    column: str
    path_field: str
    known: tuple[str, ...] | None
    numbers: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.numbers.update((text, number) for number, text in enumerate(self.known or ()))

    def ids(self, column: Any) -> np.ndarray:
        """Arrow texts -> numbers."""
        encoded = column if hasattr(column, "dictionary") else column.dictionary_encode()
        indices = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        used = np.unique(indices)  # a dictionary may hold texts that no row has
        texts = encoded.dictionary.take(used).to_pylist() if len(used) else []
        numbers = np.zeros(len(encoded.dictionary), np.int64)
        numbers[used] = [self._number(text) for text in texts]
        return numbers[indices]

    def _number(self, text: Any) -> int:
        if text not in self.numbers:
            if self.known is not None:
                raise DataError(
                    self.path_field,
                    f"column '{self.column}' of the test set holds '{text}', which is not in the training "
                    f"set: expected one of {_listed(self.known)}",
                )
            if len(self.numbers) == MOST_CATEGORIES:
                raise DataError(
                    self.path_field,
                    f"column '{self.column}' holds more than {MOST_CATEGORIES:,} different texts: expected "
                    "categories; leave it out with dataset.columns",
                )
            self.numbers[text] = len(self.numbers)
        return self.numbers[text]

    def sorted(self) -> tuple[tuple[str, ...], np.ndarray]:
        """The texts in order, and the place there of each number."""
        if self.known is not None:
            return self.known, np.arange(len(self.known))
        texts = tuple(sorted(self.numbers))
        places = {text: place for place, text in enumerate(texts)}
        return texts, np.array([places[text] for text in self.numbers], np.int64)


def _convert(
    spec: DatasetSpec, path: Path, name: str, text_labels: bool, like: Samples | None, folder: Path
) -> None:
    arrow = needed("pyarrow", name, "source parquet")
    file = open_parquet(path, name)
    features, label = _chosen(spec, file.schema_arrow, path, name)
    texts = {
        column: _Texts(column, name, None if like is None else like.categories.get(column, ()))
        for column in features
        if is_text(arrow, file.schema_arrow.field(column).type)
    }
    labels = None
    if text_labels and is_text(arrow, file.schema_arrow.field(label).type):
        labels = _Texts(label, name, None if like is None else like.class_names or ())
    with BlockWriter(folder, np.float32, np.int32 if labels is not None else np.float64) as writer:
        first = 0
        for table in batches(file, (*features, label), path, name):
            kept = _without_missing(table, spec.missing, path, name, first)
            columns = [numbers(arrow, kept, column, texts.get(column), path, name) for column in features]
            targets = numbers(arrow, kept, label, labels, path, name)
            with np.errstate(over="ignore"):  # infinity is refused with its place
                writer.append(np.stack(columns, axis=1, dtype=np.float32, casting="same_kind"), targets)
            first += len(table)
        if not writer.rows:
            without = " without missing values" if first else ""
            raise DataError(name, f"{path} holds no rows{without}")
        categories: dict[str, tuple[str, ...]] = {}
        for column, seen in texts.items():
            categories[column], places = seen.sorted()
            writer.renumber_feature(features.index(column), places)
        class_names = None
        if labels is not None:
            class_names, places = labels.sorted()
            writer.renumber_targets(places)
        writer.finish(Found(features, label, class_names, categories))


def read_parquet(
    path: Path, name: str, columns: Sequence[str], categories: Mapping[str, tuple[str, ...]]
) -> np.ndarray:
    """The features (n, columns) float32 of a file to predict on."""
    arrow = needed("pyarrow", name, "a Parquet file")
    file = open_parquet(path, name)
    lacking = [column for column in columns if column not in file.schema_arrow.names]
    if lacking or not columns:
        what = ", ".join(lacking[:10]) or "names, it learned from data without any"
        raise DataError(name, f"{path} lacks columns that the model was trained on: {what}")
    texts = {column: _Texts(column, name, known) for column, known in categories.items()}
    blocks = [np.empty((0, len(columns)), np.float32)]
    for batch in batches(file, columns, path, name):
        batch = _without_missing(batch, None, path, name, sum(map(len, blocks)))
        parts = [numbers(arrow, batch, column, texts.get(column), path, name) for column in columns]
        blocks.append(np.stack(parts, axis=1, dtype=np.float32, casting="same_kind"))
    return np.concatenate(blocks)


def open_parquet(path: Path, name: str) -> Any:
    """A pyarrow.parquet.ParquetFile; DataError for a file that is none."""
    parquet = needed("pyarrow.parquet", name, "source parquet")
    try:
        return parquet.ParquetFile(path, memory_map=False, pre_buffer=False)
    except Exception as error:  # whatever pyarrow raises on foreign bytes
        raise DataError(name, f"{path} is no whole Parquet file: {str(error).splitlines()[0]}") from None


def batches(file: Any, columns: Sequence[str], path: Path, name: str) -> Iterator[Any]:
    """Record batches of these columns, a row group's pages at a time."""
    try:
        yield from file.iter_batches(_BLOCK_ROWS, columns=list(dict.fromkeys(columns)), use_threads=False)
    except OSError as error:  # pyarrow's own errors about damaged pages are among them
        raise DataError(name, f"{path} is a damaged Parquet file: {str(error).splitlines()[0]}") from None


def is_text(arrow: Any, kind: Any) -> bool:
    """Whether a column of this Arrow type holds texts, plain or as a dictionary."""
    kind = kind.value_type if arrow.types.is_dictionary(kind) else kind
    return arrow.types.is_string(kind) or arrow.types.is_large_string(kind)


def _chosen(spec: DatasetSpec, schema: Any, path: Path, name: str) -> tuple[tuple[str, ...], str]:
    """The columns of features, in the file's order, and that of the label (default: the last)."""
    names: list[str] = schema.names
    label = spec.labels if spec.labels is not None else names[-1]
    if label not in names:
        raise DataError("dataset.labels", f"{path} has no column '{label}'; its columns: {_listed(names)}")
    patterns = spec.columns or ("*",)
    for pattern in patterns:
        if not any(fnmatchcase(each, pattern) for each in names):
            message = f"{path} has no column that fits '{pattern}'; its columns: {_listed(names)}"
            raise DataError("dataset.columns", message)
    features = tuple(
        each for each in names if each != label and any(fnmatchcase(each, pattern) for pattern in patterns)
    )
    if not features:
        raise DataError("dataset.columns", f"no column is left for the features beside the label '{label}'")
    return features, label


def _without_missing(batch: Any, missing: str | None, path: Path, name: str, first: int) -> Any:
    counts = {each: batch.column(each).null_count for each in batch.schema.names}
    column = next((each for each, count in counts.items() if count), None)
    if column is None:
        return batch
    if missing == "drop":
        return batch.drop_null()
    raise DataError(
        name,
        f"{path} has {counts[column]:,} missing values in column '{column}' among rows {first:,} to "
        f"{first + len(batch) - 1:,} (counted from 0): fill them in, or set dataset.missing: drop to leave "
        "such rows out",
    )


def numbers(arrow: Any, batch: Any, column: str, texts: _Texts | None, path: Path, name: str) -> np.ndarray:
    """A column without missing values as numbers: booleans are 0 and 1, texts their ids."""
    values = batch.column(column)
    if texts is not None:
        return texts.ids(values)
    kind = values.type
    if arrow.types.is_boolean(kind) or arrow.types.is_integer(kind) or arrow.types.is_floating(kind):
        return values.to_numpy(zero_copy_only=False).astype(np.float64)
    if arrow.types.is_decimal(kind):
        return values.cast(arrow.float64()).to_numpy(zero_copy_only=False)
    advice = (
        "save the parts of it that matter as numbers, such as the hour or the day of the week"
        if arrow.types.is_temporal(kind)
        else "save it as numbers"
    )
    raise DataError(
        name,
        f"column '{column}' of {path} has type {kind}: expected numbers, booleans or texts; {advice}, or "
        "leave it out with dataset.columns",
    )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:20]) + (f", ... ({len(names)} in all)" if len(names) > 20 else "")
