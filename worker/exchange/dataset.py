"""A dataset loaded once on a node and mapped by every process of the job there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..data.dataset import Dataset

_ARRAYS = ("train_features", "train_targets", "test_features", "test_targets")


@dataclass(frozen=True, eq=False)
class SharedDataset:
    """What a process needs to open a dataset: the files of its arrays, and all else by value."""

    folder: Path
    rest: Dataset

    def open(self) -> Dataset:
        """The dataset with its arrays mapped read-only."""
        return replace(
            self.rest, **{name: np.load(self.folder / f"{name}.npy", mmap_mode="r") for name in _ARRAYS}
        )


def share_dataset(dataset: Dataset, folder: Path) -> SharedDataset:
    """Write the arrays of a dataset to `folder`."""
    for name in _ARRAYS:
        np.save(folder / f"{name}.npy", getattr(dataset, name), allow_pickle=False)
    nothing = {name: np.empty(0) for name in _ARRAYS}
    return SharedDataset(folder, replace(dataset, **nothing))


def dataset_bytes(dataset: Dataset) -> int:
    """The size of a dataset's arrays."""
    return sum(getattr(dataset, name).nbytes for name in _ARRAYS)
