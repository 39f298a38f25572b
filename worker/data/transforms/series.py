"""Samples out of a series: windows of it, and what comes after each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Windows:
    """`length` steps of a series make a sample, the next one begins `stride` steps later.

    Its targets are those of the `horizon` steps after the window, or with 0 that of its last step.
    """

    length: int
    stride: int
    horizon: int

    def features(self, series: np.ndarray) -> np.ndarray:
        """(time, ...) -> (windows, length, ...), a view; (time,) -> (windows, length, 1)."""
        series = series[:, np.newaxis] if series.ndim == 1 else series
        windows = np.lib.stride_tricks.sliding_window_view(series, self.length, 0)
        return np.moveaxis(windows, -1, 1)[:: self.stride]

    def samples(self, series: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The windows that have targets, and those: (windows,) for one value, else (windows, values).

        ValueError for a series that is shorter than a window with its targets.
        """
        needed = self.length + self.horizon
        if len(series) < needed:
            raise ValueError(
                f"a window with its targets takes {needed} steps, the series has {len(series)}: make "
                "length or horizon smaller, or hold fewer steps out"
            )
        windows = self.features(series[: len(series) - self.horizon])
        first = self.length - (self.horizon == 0)
        steps = np.lib.stride_tricks.sliding_window_view(targets[first:], max(1, self.horizon), 0)
        steps = np.moveaxis(steps, -1, 1)[:: self.stride].reshape(len(windows), -1)
        return windows, steps[:, 0] if steps.shape[1] == 1 else steps

    def to_json(self) -> dict[str, Any]:
        return {"window": {"length": self.length, "stride": self.stride, "horizon": self.horizon}}
