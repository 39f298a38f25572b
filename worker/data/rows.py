"""Rows of an array that stays in its file: chosen by index, and read when they are asked for."""

from __future__ import annotations

import fcntl
import mmap
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np


@dataclass(frozen=True)
class FileArray:
    """Where an array lies in a file; a stride is the bytes from one element of an axis to the next."""

    path: Path
    dtype: np.dtype
    shape: tuple[int, ...]
    offset: int = 0
    strides: tuple[int, ...] | None = None

    def open(self) -> np.ndarray:
        """The array, mapped and read-only.

        As long as it or a view of it lives, the file is locked against a cache that makes room.
        """
        if 0 in self.shape:
            return np.empty(self.shape, self.dtype)
        with self.path.open("rb") as file:
            # The mapping keeps a duplicate of the descriptor, and with it the lock.
            with suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return np.ndarray(self.shape, self.dtype, mapping, self.offset, self.strides)


@dataclass(frozen=True, eq=False)
class Rows:
    """What stands for an array (n, ...) in a file: the rows at `index` (all where it is None), as `kind`
    (None: as they are stored).

    Slices and `take` give arrays in memory. It travels to another process as the file's place and the index.
    """

    file: FileArray
    index: np.ndarray | None = None
    kind: np.dtype | None = None

    def __reduce__(self) -> tuple[type[Rows], tuple[Any, ...]]:
        return Rows, (self.file, self.index, self.kind)

    @cached_property
    def _array(self) -> np.ndarray:
        return self.file.open()

    def opened(self) -> Rows:
        """These rows, mapped from now on: a cache that they lie in keeps them."""
        self._array  # noqa: B018  # maps it
        return self

    @property
    def dtype(self) -> np.dtype:
        return self.file.dtype if self.kind is None else self.kind

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self), *self.file.shape[1:])

    @property
    def ndim(self) -> int:
        return len(self.file.shape)

    @property
    def size(self) -> int:
        return prod(self.shape)

    def __len__(self) -> int:
        return self.file.shape[0] if self.index is None else len(self.index)

    def __getitem__(self, rows: Any) -> np.ndarray:
        found = self._array[rows if self.index is None else self.index[rows]]
        return found if self.kind is None else found.astype(self.kind, copy=False)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self[:], dtype=dtype, copy=copy)

    def take(self, indices: Any, axis: int | None = 0, **_: Any) -> np.ndarray:
        """The rows at `indices`; `np.take` calls it."""
        if axis != 0:
            raise ValueError(f"Rows.take takes whole rows, axis 0, got axis {axis}")
        return self[np.asarray(indices)]

    def select(self, rows: slice | np.ndarray) -> Rows:
        """Some of these rows, which stay where they are."""
        index = self.index
        if isinstance(rows, slice):
            index = np.arange(len(self))[rows] if index is None else index[rows]
            return self if len(index) == len(self) else replace(self, index=index)
        return replace(self, index=rows if index is None else index[rows])

    def astype(self, kind: Any) -> Rows:
        """The same rows, each converted when it is read."""
        kind = np.dtype(kind)
        return replace(self, kind=None if kind == self.file.dtype else kind)

    def as_column(self) -> Rows:
        """(n,) as (n, 1)."""
        if self.ndim > 1:
            return self
        file = self.file
        strides = file.strides or (file.dtype.itemsize,)
        shape = (*file.shape, 1)
        return replace(self, file=replace(file, shape=shape, strides=(*strides, file.dtype.itemsize)))

    @property
    def memory_bytes(self) -> int:
        """What it takes of the memory: its index."""
        return 0 if self.index is None else self.index.nbytes


SampleArray: TypeAlias = np.ndarray | Rows
"""One row a sample: in memory, or in a file."""


def memory_bytes(array: SampleArray) -> int:
    """The bytes of memory that an array takes for itself."""
    return array.memory_bytes if isinstance(array, Rows) else array.nbytes
