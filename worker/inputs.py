"""Reads samples to predict on, from a file with the features of the training data or of the kind it was."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .data.checks import check_finite
from .data.csv import Columns, read_csv
from .data.errors import DataError
from .data.files import PICKLE_ADVICE, begins_with_pickle, checked_file
from .data.idx import read_idx
from .data.images import read_image
from .data.npy import read_npy
from .data.npz import npz_names, read_npz
from .data.parquet import read_parquet
from .data.text import read_text
from .data.transforms.series import Windows
from .data.transforms.text import TextToIds, are_texts
from .data.wav import read_wav

if TYPE_CHECKING:
    from .model import SavedModel

_FIELD = "inputs"
_READABLE = ".npy, .npz, CSV, Parquet, or IDX (plain or gzipped)"


def read_inputs(path: Path, model: SavedModel) -> np.ndarray:
    """Raw features (n, *feature_shape) from a file, told apart by its content; DataError says what is wrong.

    A model of texts takes an array of them, or a file with one a line; a model of windows takes a series, of
    which it makes all windows.

    An .npz file holds them as `x` or as its only array. A CSV file with a header may hold other columns too,
    such as the label; without one, its columns are the features, and a last column more is taken for the
    label.
    """
    path = checked_file(path, _FIELD)
    features = _read(path, model)
    source = model.pipeline.source
    if isinstance(source, TextToIds):
        if not are_texts(features):
            raise DataError(_FIELD, f"{path}: the model takes texts, got an array of {features.dtype}")
        features = source.apply(features)
    if features.dtype.kind not in "biuf":
        raise DataError(_FIELD, f"{path}: features must be numbers, got an array of {features.dtype}")
    shape = model.feature_shape
    if features.ndim == 0 or len(features) == 0:
        raise DataError(_FIELD, f"{path} holds no samples: its array has shape {features.shape}")
    if isinstance(source, Windows) and prod(features.shape[1:]) == prod(shape[1:]):
        if len(features) < source.length:
            message = (
                f"{path}: the model takes {source.length} steps of a series, the file has {len(features)}"
            )
            raise DataError(_FIELD, message)
        check_finite(features, _FIELD, f"the features in {path}")
        return source.features(features.reshape(-1, *shape[1:]))
    if features.shape == shape:
        features = features[np.newaxis]
    elif prod(features.shape[1:]) != prod(shape):
        raise DataError(
            _FIELD,
            f"{path}: the model takes samples of shape {shape}, the file's samples have shape "
            f"{features.shape[1:]}",
        )
    check_finite(features, _FIELD, f"the features in {path}")
    return features.reshape(-1, *shape)


def _read(path: Path, model: SavedModel) -> np.ndarray:
    with path.open("rb") as file:
        start = file.read(512)
    if start[:6] == b"\x93NUMPY":
        return np.asarray(read_npy(path, _FIELD))
    if start[:4] == b"PAR1":
        return read_parquet(path, _FIELD, model.feature_names or (), model.categories)
    dataset = model.spec.dataset
    if dataset.source == "images":
        channels, height, width = model.feature_shape
        return read_image(path, _FIELD, (height, width) if dataset.size else None, (channels, height, width))
    if dataset.source == "wav":
        [length] = model.feature_shape
        return read_wav(path, _FIELD, length, dataset.sample_rate)
    if dataset.source == "text" and start[:2] != b"PK":
        [window] = model.feature_shape
        return read_text(path, _FIELD, dataset.tokenizer, model.class_names or (), window)
    if start[:2] == b"PK":
        return read_npz(path, _array_name(path), _FIELD)
    if start[:2] in (b"\x1f\x8b", b"\0\0"):
        return np.asarray(read_idx(path, _FIELD))
    if begins_with_pickle(start):
        raise DataError(_FIELD, f"{path} is a Python pickle: {PICKLE_ADVICE}")
    if b"\0" in start:
        raise DataError(_FIELD, f"{path} is none of the files that can be read: {_READABLE}")
    if isinstance(model.pipeline.source, TextToIds):
        return _read_lines(path)
    return _read_csv(path, model)


def _read_lines(path: Path) -> np.ndarray:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(_FIELD, f"{path} is not UTF-8 text ({error.reason}): save it as UTF-8") from None
    return np.array(lines, np.str_)


def _array_name(path: Path) -> str:
    names = npz_names(path, _FIELD)
    return names[0] if len(names) == 1 else "x"


def _read_csv(path: Path, model: SavedModel) -> np.ndarray:
    wanted = model.feature_names
    windows = isinstance(model.pipeline.source, Windows)
    width = prod(model.feature_shape[1:] if windows else model.feature_shape)

    def choose(names: tuple[str, ...], has_header: bool) -> Columns:
        if has_header and wanted is not None:
            missing = [name for name in wanted if name not in names]
            if missing:
                raise DataError(
                    _FIELD, f"{path} lacks columns that the model was trained on: {', '.join(missing[:10])}"
                )
            return Columns(names, tuple(names.index(name) for name in wanted), None)
        features = tuple(
            index for index, name in enumerate(names) if name != model.label_name or not has_header
        )
        if len(features) == width + 1 and not has_header:
            features = features[:-1]
        if len(features) != width:
            raise DataError(
                _FIELD,
                f"{path}: the model takes {width} values a sample, the file has {len(features)} of them",
            )
        return Columns(names, features, None)

    return read_csv(path, _FIELD, choose)[1]
