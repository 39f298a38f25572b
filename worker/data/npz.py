"""NumPy's .npz archives: named arrays in one zip file, read without ever loading a pickle."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import cast

import numpy as np

from ..spec import DatasetSpec
from .errors import DataError
from .files import PICKLE_ADVICE, ByteStream, begins_with_pickle, check_fits_memory, checked_file, read_up_to
from .npy import read_npy_header
from .samples import Samples

_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError)


def load_npz(spec: DatasetSpec) -> tuple[Samples, Samples | None]:
    """The training samples and, where it is named, the test set of an npz dataset.

    The test set is `test_path` with the training arrays' names, unless `test_features` and `test_labels` name
    others; without `test_path` those are arrays of the training file.
    """
    assert spec.path is not None  # the job description was checked
    names = spec.features or "x", spec.labels or "y"
    fields = _field(spec, "features"), _field(spec, "labels")
    train = _samples(spec.path, names, fields)
    if spec.test_path is None and spec.test_features is None and spec.test_labels is None:
        return train, None
    if spec.test_path is None and (spec.test_features is None or spec.test_labels is None):
        missing = "test_features" if spec.test_features is None else "test_labels"
        raise DataError(
            f"dataset.{missing}", "a test set in the same file needs both test_features and test_labels"
        )
    path, path_field = (spec.path, "path") if spec.test_path is None else (spec.test_path, "test_path")
    test_names = spec.test_features or names[0], spec.test_labels or names[1]
    test_fields = _field(spec, "test_features", path_field), _field(spec, "test_labels", path_field)
    return train, _samples(path, test_names, test_fields)


def _samples(path: str, names: tuple[str, str], fields: tuple[str, str]) -> Samples:
    features, targets = (read_npz(path, name, field) for name, field in zip(names, fields, strict=True))
    return Samples(features, targets, *fields)


def _field(spec: DatasetSpec, name: str, path_field: str = "path") -> str:
    return f"dataset.{name}" if getattr(spec, name) is not None else f"dataset.{path_field}"


def npz_names(path: str | Path, field: str) -> list[str]:
    """The names of the arrays in an .npz file."""
    with _open(checked_file(path, field), field) as archive:
        return _names(archive)


def read_npz(path: str | Path, name: str, field: str) -> np.ndarray:
    """One array of an .npz file; DataError names what is wrong with the file or lists the arrays it has."""
    path = checked_file(path, field)
    with _open(path, field) as archive:
        if name not in _names(archive):
            found = ", ".join(_names(archive)) or "none"
            raise DataError(field, f"{path} has no array named '{name}'; its arrays: {found}")
        try:
            with archive.open(f"{name}.npy") as member:
                return _read_member(
                    cast(ByteStream, member), archive.getinfo(f"{name}.npy").file_size, path, name, field
                )
        except _DAMAGED as error:
            raise DataError(field, f"array '{name}' in {path} is damaged or truncated: {error}") from None


def _open(path: Path, field: str) -> zipfile.ZipFile:
    with path.open("rb") as file:
        start = file.read(6)
    if begins_with_pickle(start):
        raise DataError(field, f"{path} is a Python pickle, not an .npz file: {PICKLE_ADVICE}")
    if start == b"\x93NUMPY":
        raise DataError(field, f"{path} is a single .npy array, not an .npz archive: use source: npy for it")
    try:
        return zipfile.ZipFile(path)
    except _DAMAGED as error:
        if start[:2] != b"PK":
            raise DataError(field, f"{path} is not an .npz file: it is no zip archive") from None
        raise DataError(field, f"{path} is a truncated or damaged .npz file: {error}") from None


def _names(archive: zipfile.ZipFile) -> list[str]:
    return [name[: -len(".npy")] for name in archive.namelist() if name.endswith(".npy")]


def _read_member(stream: ByteStream, stated_size: int, path: Path, name: str, field: str) -> np.ndarray:
    what = f"array '{name}' in {path}"
    header = read_npy_header(stream, what, field)
    start = stream.tell()
    if start + header.byte_count != stated_size:
        raise DataError(
            field,
            f"{what} is damaged: its header states shape {header.shape} of {header.dtype}, which makes "
            f"{start + header.byte_count:,} bytes, the archive states {stated_size:,}",
        )
    check_fits_memory(header.byte_count, path, field)
    content = read_up_to(stream, header.byte_count)
    if len(content) != header.byte_count or stream.read(1):
        raise DataError(field, f"{what} is damaged: expected {header.byte_count:,} bytes, got another number")
    order = "F" if header.fortran_order else "C"
    return np.frombuffer(content, dtype=header.dtype).reshape(header.shape, order=order)
