"""Samples written to the cache a block at a time, and found there again: what every conversion ends in."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from .cache import cached
from .rows import FileArray, Rows
from .samples import Samples

_FEATURES, _TARGETS, _ABOUT = "features", "targets", "about.json"
_REMAPPED_VALUES = 1 << 20


@dataclass(frozen=True)
class Found:
    """What a conversion learned about its samples; each field is as in `Samples`."""

    feature_names: tuple[str, ...] | None = None
    label_name: str | None = None
    class_names: tuple[str, ...] | None = None
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class BlockWriter:
    """Two files that grow by blocks of rows: features (n, ...) and targets (n, ...)."""

    def __init__(self, folder: Path, features: Any, targets: Any) -> None:
        """features, targets: their dtypes."""
        self._folder = folder
        self._dtypes = np.dtype(features), np.dtype(targets)
        self._shapes: list[tuple[int, ...]] = [(), ()]
        self._open = ExitStack()
        self._files = [self._open.enter_context((folder / name).open("wb")) for name in (_FEATURES, _TARGETS)]
        self.rows = 0

    def __enter__(self) -> BlockWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def append(self, features: np.ndarray, targets: np.ndarray) -> None:
        """Add rows; each block has as many of both, and the shape of a sample stays the same."""
        for place, block in enumerate((features, targets)):
            self._shapes[place] = block.shape[1:]
            self._files[place].write(np.ascontiguousarray(block, self._dtypes[place]).data)
        self.rows += len(features)

    def renumber_targets(self, ids: np.ndarray) -> None:
        """Replace target t by ids[t], in place."""
        self._renumber(1, None, ids)

    def renumber_feature(self, column: int, ids: np.ndarray) -> None:
        """Replace value v of a column of features by ids[v], in place."""
        self._renumber(0, column, ids)

    def _renumber(self, place: int, column: int | None, ids: np.ndarray) -> None:
        self._files[place].flush()
        path = self._folder / (_FEATURES, _TARGETS)[place]
        shape = (self.rows, *self._shapes[place])
        if 0 in shape:
            return
        array = np.memmap(path, self._dtypes[place], "r+", shape=shape)
        step = max(1, _REMAPPED_VALUES // max(1, prod(shape[1:])))
        for start in range(0, self.rows, step):
            block = array[start : start + step] if column is None else array[start : start + step, column]
            block[...] = ids[block.astype(np.int64)]

    def finish(self, found: Found) -> None:
        """Write down what the files hold."""
        arrays = [
            {"dtype": dtype.str, "shape": [self.rows, *shape]}
            for dtype, shape in zip(self._dtypes, self._shapes, strict=True)
        ]
        about = {
            "arrays": arrays,
            "feature_names": found.feature_names,
            "label_name": found.label_name,
            "class_names": found.class_names,
            "categories": found.categories,
        }
        (self._folder / _ABOUT).write_text(json.dumps(about))


def converted(
    key: Mapping[str, Any], convert: Callable[[Path], None], features_field: str, targets_field: str
) -> Samples:
    """The samples that `convert` writes to a folder with a `BlockWriter`, or did so before."""
    with cached(key, convert) as folder:
        about = json.loads((folder / _ABOUT).read_text())
        features, targets = (
            Rows(FileArray(folder / name, np.dtype(of["dtype"]), tuple(of["shape"]))).opened()
            for name, of in zip((_FEATURES, _TARGETS), about["arrays"], strict=True)
        )
    names = (about["feature_names"], about["class_names"])
    feature_names, class_names = (None if each is None else tuple(each) for each in names)
    categories = {name: tuple(values) for name, values in about["categories"].items()}
    return Samples(
        features,
        targets,
        features_field,
        targets_field,
        feature_names,
        about["label_name"],
        class_names,
        categories,
    )
