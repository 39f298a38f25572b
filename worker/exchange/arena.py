"""Named arrays laid out one after the other in one block of memory, private or shared between processes."""

from __future__ import annotations

import math
import mmap
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

# Rows of different writers never share a cache line, and SIMD loads never straddle one.
ALIGNMENT = 64

Fields = Mapping[str, tuple[str, tuple[int, ...]]]
"""Name -> (dtype, shape) of each array."""


def arena_bytes(fields: Fields) -> int:
    """The size in bytes of an arena with these fields."""
    return sum(_padded_bytes(dtype, shape) for dtype, shape in fields.values())


def arena_offset(fields: Fields, wanted: str) -> int:
    """Where the array `wanted` begins in an arena, in bytes."""
    names = list(fields)
    return arena_bytes({name: fields[name] for name in names[: names.index(wanted)]})


def arena_views(fields: Fields, buffer: mmap.mmap | np.ndarray) -> dict[str, np.ndarray]:
    """The arrays of an arena, as views into `buffer`."""
    views = {}
    offset = 0
    for name, (dtype, shape) in fields.items():
        flat = np.frombuffer(buffer, dtype=dtype, count=math.prod(shape), offset=offset)
        views[name] = flat.reshape(shape)
        offset += _padded_bytes(dtype, shape)
    return views


def private_arena(fields: Fields) -> dict[str, np.ndarray]:
    """A zeroed arena that only this process sees."""
    size = arena_bytes(fields)
    block = np.zeros(size + ALIGNMENT, dtype=np.uint8)
    start = -block.ctypes.data % ALIGNMENT
    return arena_views(fields, block[start : start + size])


def create_shared_arena(path: Path, fields: Fields, later: str | None = None) -> dict[str, np.ndarray]:
    """A zeroed arena in a new file that other processes open by its path; OSError where there is no room.

    `later`: the array from which on rows get their memory one by one from `reserve_rows`. A file mapped by
    hand, because `multiprocessing.shared_memory` before Python 3.13 has a tracker that deletes segments which
    another process still uses.
    """
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    try:
        os.ftruncate(descriptor, arena_bytes(fields))
        _reserve(descriptor, 0, arena_bytes(fields) if later is None else arena_offset(fields, later))
        return arena_views(fields, mmap.mmap(descriptor, arena_bytes(fields)))
    finally:
        os.close(descriptor)


def reserve_rows(path: Path, fields: Fields, names: Iterable[str], row: int) -> None:
    """Get the memory for one row of each of these arrays of the arena at `path`; OSError where there is
    none."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        for name in names:
            dtype, (_, *shape) = fields[name]
            size = math.prod(shape) * np.dtype(dtype).itemsize
            _reserve(descriptor, arena_offset(fields, name) + row * size, size)
    finally:
        os.close(descriptor)


def _reserve(descriptor: int, start: int, size: int) -> None:
    # Where memory is short this raises; a page found missing later would kill whoever touches it.
    if size and hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, start, size)


def open_shared_arena(path: Path, fields: Fields) -> dict[str, np.ndarray]:
    """The arena that `create_shared_arena` made at `path`."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        return arena_views(fields, mmap.mmap(descriptor, arena_bytes(fields)))
    finally:
        os.close(descriptor)


def _padded_bytes(dtype: str, shape: tuple[int, ...]) -> int:
    size = math.prod(shape) * np.dtype(dtype).itemsize
    return -(-size // ALIGNMENT) * ALIGNMENT
