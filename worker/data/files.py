"""What all file sources check alike: the file is there, is a file, and states no more than memory holds."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from .errors import DataError


class ByteStream(Protocol):
    """What gzip, zip and plain files have in common."""

    def read(self, size: int = ..., /) -> bytes: ...

    def read1(self, size: int = ..., /) -> bytes: ...

    def tell(self) -> int: ...


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
        with path.open("rb") as file:
            if not file.read(1):
                raise DataError(field, f"{path} is empty (0 bytes)")
    except (OSError, ValueError) as error:
        raise DataError(field, f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from None
    return path


def _nearest_folder(path: Path) -> str:
    folder = next((parent for parent in path.absolute().parents if parent.is_dir()), None)
    return f" (the folder {folder} exists)" if folder is not None else ""


def begins_with_pickle(start: bytes) -> bool:
    """Whether a file's first bytes are those of a pickle (protocol 2 or later)."""
    return len(start) > 1 and start[0] == 0x80 and 2 <= start[1] <= 5


def check_fits_memory(byte_count: int, path: Path, field: str) -> None:
    """Refuse what a (possibly forged) header states to be larger than this machine's memory."""
    if not hasattr(os, "sysconf"):
        return
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if byte_count > memory:
        raise DataError(
            field,
            f"{path} states {byte_count:,} bytes of data, more than this machine's memory ({memory:,} "
            "bytes): "
            "save it as an uncompressed .npy file, which is read from disk as needed",
        )


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
