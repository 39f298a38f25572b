"""NumPy's .npy files, large ones memory-mapped, so that arrays larger than memory can be used."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np

from ..spec import DatasetSpec
from .errors import DataError
from .files import PICKLE_ADVICE, ByteStream, begins_with_pickle, checked_file, stored_array
from .rows import SampleArray
from .samples import Samples


@dataclass(frozen=True)
class NpyHeader:
    shape: tuple[int, ...]
    fortran_order: bool
    dtype: np.dtype

    @property
    def byte_count(self) -> int:
        return prod(self.shape) * self.dtype.itemsize


def load_npy(spec: DatasetSpec) -> tuple[Samples, Samples | None]:
    """The training samples and, where it is named, the test set of an npy dataset."""
    return _samples(spec, "features", "labels"), (
        _samples(spec, "test_features", "test_labels") if spec.test_features is not None else None
    )


def _samples(spec: DatasetSpec, features: str, labels: str) -> Samples:
    fields = f"dataset.{features}", f"dataset.{labels}"
    arrays = read_npy(getattr(spec, features), fields[0]), read_npy(getattr(spec, labels), fields[1])
    return Samples(*arrays, *fields)


def read_npy(path: str | Path, field: str) -> SampleArray:
    """The array in a .npy file, read-only; DataError names what is wrong with the file."""
    path = checked_file(path, field)
    with path.open("rb") as file:
        header = read_npy_header(file, str(path), field)
        start = file.tell()
    size = path.stat().st_size
    if size - start != header.byte_count:
        fault = "is truncated" if size - start < header.byte_count else "has bytes after its array"
        raise DataError(
            field,
            f"{path} {fault}: its header states shape {header.shape} of {header.dtype}, which makes "
            f"{start + header.byte_count:,} bytes, the file has {size:,}",
        )
    if header.byte_count == 0:
        return np.empty(header.shape, header.dtype)
    order = "F" if header.fortran_order else "C"
    return stored_array(path, header.dtype, header.shape, start, field, order)


def read_npy_header(stream: ByteStream, what: str, field: str) -> NpyHeader:
    """The header of a .npy stream, which is left at the first byte of data; arrays of objects are refused."""
    start = stream.read(6)
    if begins_with_pickle(start):
        raise DataError(field, f"{what} is a Python pickle, not a .npy array: {PICKLE_ADVICE}")
    if start != b"\x93NUMPY":
        raise DataError(
            field, f"{what} is not a .npy array: expected it to begin with \\x93NUMPY, got {start!r}"
        )
    version = tuple(stream.read(2))
    try:
        if version == (1, 0):
            shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(stream)
        elif version == (2, 0):
            shape, fortran_order, dtype = np.lib.format.read_array_header_2_0(stream)
        else:
            raise ValueError(f"unknown version {version}")
        if any(extent < 0 for extent in shape):
            raise ValueError(f"impossible shape {shape}")
    except Exception as error:  # NumPy lets out whatever Python's tokenizer and parser raise on foreign bytes
        raise DataError(field, f"{what} has a damaged .npy header: {error}") from None
    if dtype.hasobject:
        raise DataError(field, f"{what} is refused: {PICKLE_ADVICE}")
    return NpyHeader(tuple(shape), bool(fortran_order), dtype)
