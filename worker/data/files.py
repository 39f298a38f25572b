"""What all file sources do alike: check that a file is one and fits the memory, and read from it."""

from __future__ import annotations

import os
from math import prod
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from .errors import DataError
from .rows import FileArray, Rows, SampleArray


class ByteStream(Protocol):
    """What gzip, zip and plain files have in common."""

    def read(self, size: int = ..., /) -> bytes: ...

    def read1(self, size: int = ..., /) -> bytes: ...

    def tell(self) -> int: ...


MAPPED_FROM_BYTES = 1 << 28

PICKLE_ADVICE = (
    "it holds pickled Python objects, and loading those can run any code, so chainrule never does: save "
    "plain "
    "numeric arrays instead, for example numpy.savez(path, x=features.astype('float32'), "
    "y=labels.astype('int64'))"
)


def checked_file(path: str | Path, field: str) -> Path:
    """The path of a readable file with something in it; DataError otherwise."""
    path = Path(path)
    try:
        if not path.exists():
            raise DataError(field, f"no such file: {path}{_nearest_folder(path)}")
        if path.is_dir():
            raise DataError(field, f"{path} is a folder: name a file in it")
        if not path.is_file():
            raise DataError(field, f"{path} is not a regular file")
        # By its size: reading a file of the kernel's own, which has none, may wait for ever.
        if path.stat().st_size == 0:
            raise DataError(field, f"{path} is empty (0 bytes)")
        with path.open("rb") as file:
            file.read(1)
    except (OSError, ValueError) as error:
        raise DataError(field, f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from None
    return path


def _nearest_folder(path: Path) -> str:
    folder = next((parent for parent in path.absolute().parents if parent.is_dir()), None)
    return f" (the folder {folder} exists)" if folder is not None else ""


def begins_with_pickle(start: bytes) -> bool:
    """Whether a file's first bytes are those of a pickle (protocol 2 or later)."""
    return len(start) > 1 and start[0] == 0x80 and 2 <= start[1] <= 5


def machine_memory() -> int | None:
    """The bytes of memory of this machine; None where the system does not tell."""
    if not hasattr(os, "sysconf"):
        return None
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def check_fits_memory(byte_count: int, path: Path, field: str) -> None:
    """Refuse what a (possibly forged) header states to be larger than this machine's memory."""
    memory = machine_memory()
    if memory is not None and byte_count > memory:
        raise DataError(
            field,
            f"{path} states {byte_count:,} bytes of data, more than this machine's memory ({memory:,} "
            "bytes): "
            "save it as an uncompressed .npy file, which is read from disk as needed",
        )


def file_key(path: Path) -> dict[str, Any]:
    """What tells whether a file is still the same: its place, size, time of change and inode."""
    status = path.stat()
    return {
        "path": str(path.resolve()),
        "size": status.st_size,
        "changed": status.st_mtime_ns,
        "inode": status.st_ino,
    }


def stored_array(
    path: Path,
    dtype: np.dtype,
    shape: tuple[int, ...],
    start: int,
    field: str,
    order: Literal["C", "F"] = "C",
) -> SampleArray:
    """The array that begins at byte `start` of a file, not to be written to.

    A large one stays in the file, so that it may exceed the memory. But whoever truncates a mapped file ends
    every process that reads from it; so a smaller one is read at once, and may change later.
    """
    count = prod(shape)
    if count * dtype.itemsize >= MAPPED_FROM_BYTES and shape:
        extents = shape if order == "C" else shape[::-1]
        strides = tuple(prod(extents[axis + 1 :]) * dtype.itemsize for axis in range(len(extents)))
        return Rows(FileArray(path, dtype, shape, start, strides if order == "C" else strides[::-1]))
    with path.open("rb") as file:
        file.seek(start)
        array = np.fromfile(file, dtype, count)
    if len(array) != count:
        raise DataError(field, f"{path} was truncated while it was read")
    array = array.reshape(shape, order=order)
    array.flags.writeable = False
    return array


def read_up_to(stream: ByteStream, byte_count: int) -> bytearray:
    """At most `byte_count` bytes: fewer where a (compressed) stream ends before."""
    content = bytearray()
    try:
        while len(content) < byte_count:
            # read1 hands over what a truncated stream still holds, where read would lose it.
            chunk = stream.read1(min(byte_count - len(content), 1 << 20))
            if not chunk:
                break
            content += chunk
    except EOFError:
        pass
    return content
