"""A dataset loaded once on a node and mapped by every process of the job there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..data.dataset import Dataset
from ..data.rows import Rows, SampleArray, memory_bytes

_ARRAYS = ("train_features", "train_targets", "test_features", "test_targets")


@dataclass(frozen=True, eq=False)
class SharedDataset:
    """What a process needs to open a dataset: the files of its arrays, and all else by value."""

    folder: Path
    rest: Dataset

    def open(self) -> Dataset:
        """The dataset with its arrays mapped read-only."""
        return replace(
            self.rest,
            **{name: _opened(getattr(self.rest, name), self.folder / f"{name}.npy") for name in _ARRAYS},
        )


def share_dataset(dataset: Dataset, folder: Path) -> SharedDataset:
    """Write the arrays of a dataset to `folder`; of those that lie in a file, only which rows are wanted."""
    shared = {name: _shared(getattr(dataset, name), folder / f"{name}.npy") for name in _ARRAYS}
    return SharedDataset(folder, replace(dataset, **shared))


def _shared(array: SampleArray, path: Path) -> SampleArray:
    """Save what takes memory, and leave a place to hang it on."""
    nothing = np.empty(0, np.int64)
    kept = array.index if isinstance(array, Rows) else array
    if kept is None:
        return array
    np.save(path, kept, allow_pickle=False)
    return replace(array, index=nothing) if isinstance(array, Rows) else nothing


def _opened(place: SampleArray, path: Path) -> SampleArray:
    if isinstance(place, Rows):
        return place if place.index is None else replace(place, index=np.load(path, mmap_mode="r"))
    return np.load(path, mmap_mode="r")


def dataset_bytes(dataset: Dataset) -> int:
    """The bytes that sharing a dataset takes."""
    return sum(memory_bytes(getattr(dataset, name)) for name in _ARRAYS)
