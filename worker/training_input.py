"""A worker's training samples on their way from the dataset to the step: gathered and transformed, and where
that pays, for the next micro-batch while the present one computes."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from ..core.nn import ForwardContext
from .data.dataset import Dataset
from .data.transforms import Draw
from .features import model_inputs

AHEAD_FROM_BYTES = 1 << 20
"""Size of a micro-batch from which it is read ahead, as all that are transformed are; handing a smaller one
to a thread and back takes longer than to copy it."""
_MOST_AHEAD = 2

Samples = tuple[np.ndarray, np.ndarray]


class TrainingInput:
    """Features and targets of micro-batches, the same whether they were read ahead or not.

    `waited`: seconds that `take` has taken in all.
    """

    def __init__(self, dataset: Dataset, integers: bool) -> None:
        """`integers`: whether the model takes ids."""
        self._dataset = dataset
        self._integers = integers
        self._transforms = bool(dataset.pipeline.steps)
        sample_bytes = dataset.train_features[:1].nbytes + dataset.train_targets[:1].nbytes
        self._ahead_from = 1 if self._transforms else -(-AHEAD_FROM_BYTES // sample_bytes)
        self._thread: ThreadPoolExecutor | None = None
        self._ahead: dict[tuple[int, int], Future[Samples]] = {}
        self.waited = 0.0

    def pays(self, samples: int) -> bool:
        """Whether a micro-batch of so many samples should be read ahead."""
        return samples >= self._ahead_from

    def read_ahead(self, indices: np.ndarray, context: ForwardContext) -> None:
        """Begin to read this micro-batch in the background; a few that nobody takes are forgotten."""
        key = context.step, context.first_sample
        if key in self._ahead:
            return
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "training-input")
        while len(self._ahead) >= _MOST_AHEAD:
            self._ahead.pop(next(iter(self._ahead))).cancel()
        self._ahead[key] = self._thread.submit(self._read, indices, context)

    def take(self, indices: np.ndarray, context: ForwardContext) -> Samples:
        """Features as the model takes them, and targets, of these training samples."""
        began = time.perf_counter()
        future = self._ahead.pop((context.step, context.first_sample), None) if self._ahead else None
        samples = self._read(indices, context) if future is None else future.result()
        self.waited += time.perf_counter() - began
        return samples

    def _read(self, indices: np.ndarray, context: ForwardContext) -> Samples:
        data = self._dataset
        draw = Draw(context.seed, context.step, context.first_sample) if self._transforms else None
        raw = np.take(data.train_features, indices, axis=0)
        # NumPy's settings are a thread's own. What cannot be computed with shows in the loss.
        with np.errstate(all="ignore"):
            features = model_inputs(raw, data.transform, self._integers, data.pipeline, draw)
        return features, np.take(data.train_targets, indices, axis=0)
