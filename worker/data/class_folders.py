"""Folders whose subfolders are classes: which files they hold, and their conversion to the cache."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .errors import DataError
from .samples import Samples
from .table import BlockWriter, Found, converted

_BLOCK_FILES = 64


@dataclass(frozen=True)
class ClassFolders:
    """The files of each class, in the order of their names; a file's class is an index into `names`."""

    root: Path
    field: str
    names: tuple[str, ...]
    files: tuple[tuple[Path, int], ...]

    def key(self) -> dict[str, Any]:
        """What tells whether any file was added, removed or changed."""
        total = hashlib.sha256()
        for path, number in self.files:
            status = path.stat()
            total.update(f"{path}\0{number}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
        return {"files": total.hexdigest(), "classes": self.names}

    def samples(
        self, key: dict[str, Any], kind: Any, read: Callable[[Path, tuple[int, ...] | None], np.ndarray]
    ) -> Samples:
        """All files, decoded once. `read(path, like)` gives an array of dtype `kind` and, where it is not
        None, of shape `like`: that of the first file."""

        def convert(folder: Path) -> None:
            with BlockWriter(folder, kind, np.int32) as writer:
                for features, targets in self._blocks(read):
                    writer.append(features, targets)
                writer.finish(Found(class_names=self.names))

        return converted({**key, **self.key()}, convert, self.field, self.field)

    def _blocks(
        self, read: Callable[[Path, tuple[int, ...] | None], np.ndarray]
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        shape: tuple[int, ...] | None = None
        for start in range(0, len(self.files), _BLOCK_FILES):
            block = self.files[start : start + _BLOCK_FILES]
            samples = []
            for path, _ in block:
                samples.append(read(path, shape))
                shape = samples[0].shape if shape is None else shape
            yield np.stack(samples), np.array([number for _, number in block], np.int32)


def class_folders(
    root: Path, field: str, endings: tuple[str, ...], names: tuple[str, ...] | None
) -> ClassFolders:
    """What a folder holds. names: the classes there may be; None: each subfolder is one."""
    try:
        found = sorted(path.name for path in root.iterdir() if path.is_dir() and path.name[0] != ".")
    except OSError as error:
        expected = "expected a folder with a folder for each class"
        raise DataError(field, f"cannot list {root}: {error.strerror or error}; {expected}") from None
    if not found:
        raise DataError(field, f"{root} has no folders in it: expected one for each class, named like it")
    unknown = [name for name in found if names is not None and name not in names]
    if unknown:
        known = ", ".join(names or ())
        message = f"{root} has a folder '{unknown[0]}', which is no class of the training set: {known}"
        raise DataError(field, message)
    names = tuple(found) if names is None else names
    files: list[tuple[Path, int]] = []
    for name in found:
        inside = sorted(path for path in (root / name).rglob("*") if path.suffix.lower() in endings)
        inside = [path for path in inside if path.is_file() and path.name[0] != "."]
        if not inside:
            raise DataError(field, f"{root / name} holds no files of the kinds {', '.join(endings)}")
        files += [(path, names.index(name)) for path in inside]
    return ClassFolders(root, field, names, tuple(files))
