"""IDX files, plain or gzipped: the format of MNIST and its relatives (http://yann.lecun.com/exdb/mnist)."""

from __future__ import annotations

import gzip
import zlib
from math import prod
from pathlib import Path

import numpy as np

from ..spec import DatasetSpec
from . import files
from .cache import cached
from .errors import DataError
from .files import ByteStream, check_fits_memory, checked_file, read_up_to, stored_array
from .rows import FileArray, Rows, SampleArray
from .samples import Samples

_DTYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_GZIP_MAGIC = b"\x1f\x8b"
_ARRAY = "array"
_BLOCK = 1 << 20
# What deflate makes of zeros (RFC 1951: 258 bytes from two bits), rounded up.
_MOST_TIMES_SMALLER = 1100


def load_idx(spec: DatasetSpec) -> tuple[Samples, Samples | None]:
    """The training samples and, where it is named, the test set of an idx dataset."""
    return _samples(spec, "features", "labels"), (
        _samples(spec, "test_features", "test_labels") if spec.test_features is not None else None
    )


def _samples(spec: DatasetSpec, features: str, labels: str) -> Samples:
    fields = f"dataset.{features}", f"dataset.{labels}"
    arrays = read_idx(getattr(spec, features), fields[0]), read_idx(getattr(spec, labels), fields[1])
    return Samples(*arrays, *fields)


def read_idx(path: str | Path, field: str) -> SampleArray:
    """The array in an IDX file, plain or gzipped; DataError names what is wrong with it."""
    path = checked_file(path, field)
    with path.open("rb") as file:
        gzipped = file.read(2) == _GZIP_MAGIC
    if not gzipped:
        with path.open("rb") as file:
            dtype, shape = _header(file, path, field)
            start = file.tell()
        expected, actual = start + prod(shape) * dtype.itemsize, path.stat().st_size
        _check_size(expected, actual, shape, path, field)
        if expected == start:
            return np.empty(shape, dtype)
        return stored_array(path, dtype, shape, start, field)
    try:
        with gzip.open(path) as stream:
            return _read_gzipped(stream, path, field)
    except EOFError:
        raise DataError(field, f"{path} is truncated: the gzip stream ends early") from None
    except (gzip.BadGzipFile, zlib.error, OSError) as error:
        raise DataError(field, f"{path} is a damaged gzip file: {error}") from None


def _read_gzipped(stream: ByteStream, path: Path, field: str) -> SampleArray:
    dtype, shape = _header(stream, path, field)
    start, byte_count = stream.tell(), prod(shape) * dtype.itemsize
    largest = path.stat().st_size * _MOST_TIMES_SMALLER
    if byte_count > largest:
        raise DataError(
            field,
            f"{path} is damaged: its header states {byte_count:,} bytes of data, more than the {largest:,} "
            "that a gzip file of its size can hold",
        )
    if byte_count >= files.MAPPED_FROM_BYTES:
        return _unpacked(stream, dtype, shape, path, field)
    check_fits_memory(byte_count, path, field)
    content = read_up_to(stream, byte_count)
    extra = len(stream.read(1)) if len(content) == byte_count else 0
    _check_size(start + byte_count, start + len(content) + extra, shape, path, field)
    return np.frombuffer(content, dtype=dtype).reshape(shape)


def _unpacked(
    stream: ByteStream, dtype: np.dtype, shape: tuple[int, ...], path: Path, field: str
) -> SampleArray:
    """A large array, which is unpacked once, into the cache."""
    start, byte_count = stream.tell(), prod(shape) * dtype.itemsize

    def unpack(folder: Path) -> None:
        written = 0
        with (folder / _ARRAY).open("wb") as file:
            # One byte more than there should be, to notice it.
            while written <= byte_count and (
                part := read_up_to(stream, min(_BLOCK, byte_count + 1 - written))
            ):
                file.write(part)
                written += len(part)
        _check_size(start + byte_count, start + written, shape, path, field)

    with cached({"source": "idx", "file": files.file_key(path)}, unpack) as folder:
        return Rows(FileArray(folder / _ARRAY, dtype, shape)).opened()


def _check_size(expected: int, actual: int, shape: tuple[int, ...], path: Path, field: str) -> None:
    if actual == expected:
        return
    fault = "is truncated" if actual < expected else "has bytes after its array"
    more = "" if actual < expected else " or more"
    raise DataError(
        field,
        f"{path} {fault}: its header states shape {shape}, which makes {expected:,} bytes, "
        f"the file has {actual:,}{more}",
    )


def _header(stream: ByteStream, path: Path, field: str) -> tuple[np.dtype, tuple[int, ...]]:
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _DTYPES or magic[3] == 0:
        raise DataError(
            field,
            f"{path} is not an IDX file: expected it to begin with two zero bytes, a type (08 to 0e) and a "
            f"number of axes, got {magic.hex(' ')}",
        )
    axes = magic[3]
    extents = stream.read(4 * axes)
    if len(extents) < 4 * axes:
        raise DataError(
            field,
            f"{path} is truncated: its header states {axes} axes and needs {4 + 4 * axes} bytes, "
            f"the file has {4 + len(extents)}",
        )
    return np.dtype(_DTYPES[magic[2]]), tuple(int(extent) for extent in np.frombuffer(extents, ">u4"))
