"""Transforms of images (height, width) or (height, width, channels): resize, random crop, random flip."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .sample import Draw, choices


def check_image(shape: tuple[int, ...]) -> None:
    """ValueError for samples that are not images."""
    if len(shape) not in (2, 3):
        raise ValueError(
            f"expected images (height, width) or (height, width, channels), got samples of shape {shape}"
        )


@dataclass(frozen=True)
class Resize:
    """Bilinear, between the centres of pixels (as OpenCV and PyTorch with align_corners=False do it)."""

    height: int
    width: int

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        check_image(shape)
        return (self.height, self.width, *shape[2:])

    def apply(self, samples: np.ndarray, draw: Draw | None) -> np.ndarray:
        return _interpolated(_interpolated(samples, 1, self.height), 2, self.width)

    def to_json(self) -> dict[str, Any]:
        return {"resize": {"height": self.height, "width": self.width}}


def _interpolated(samples: np.ndarray, axis: int, size: int) -> np.ndarray:
    old = samples.shape[axis]
    if old == size:
        return samples
    place = np.clip((np.arange(size) + 0.5) * (old / size) - 0.5, 0, old - 1)
    low = np.floor(place).astype(np.int64)
    share = (place - low).astype(np.float32).reshape(-1, *(1,) * (samples.ndim - axis - 1))
    below, above = samples.take(low, axis), samples.take(np.minimum(low + 1, old - 1), axis)
    return below + (above - below) * share


@dataclass(frozen=True)
class RandomCrop:
    """A part of each image, with `padding` zeros on each side to begin with; its middle when nothing is
    drawn."""

    height: int
    width: int
    padding: int
    place: int

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        check_image(shape)
        most = shape[0] + 2 * self.padding, shape[1] + 2 * self.padding
        if self.height > most[0] or self.width > most[1]:
            raise ValueError(
                f"expected at most {most[0]} x {most[1]}, which the images have with their padding, got "
                f"{self.height} x {self.width}"
            )
        return (self.height, self.width, *shape[2:])

    def apply(self, samples: np.ndarray, draw: Draw | None) -> np.ndarray:
        margin = self.padding
        if margin:
            widths = ((0, 0), (margin, margin), (margin, margin), *((0, 0),) * (samples.ndim - 3))
            samples = np.pad(samples, widths)
        rows, columns = samples.shape[1] - self.height, samples.shape[2] - self.width
        if draw is None:
            top, left = rows // 2, columns // 2
            return samples[:, top : top + self.height, left : left + self.width]
        words = draw.words(self.place, len(samples))
        windows = np.lib.stride_tricks.sliding_window_view(samples, (self.height, self.width), (1, 2))
        chosen = windows[
            np.arange(len(samples)), choices(words[:, 0], rows + 1), choices(words[:, 1], columns + 1)
        ]
        # The axes of a window come last, behind the channels.
        return chosen if samples.ndim == 3 else np.moveaxis(chosen, 1, -1)

    def to_json(self) -> dict[str, Any]:
        settings = {"height": self.height, "width": self.width, "padding": self.padding}
        return {"random_crop": {**settings, "place": self.place}}


@dataclass(frozen=True)
class RandomFlip:
    """Each image is turned over with probability 1/2, left to right, top to bottom, or both by themselves."""

    horizontal: bool
    vertical: bool
    place: int

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        check_image(shape)
        return shape

    def apply(self, samples: np.ndarray, draw: Draw | None) -> np.ndarray:
        if draw is None:
            return samples
        words = draw.words(self.place, len(samples))
        samples = samples.copy()
        for word, axis, wanted in ((0, 2, self.horizontal), (1, 1, self.vertical)):
            if wanted:
                turned = choices(words[:, word], 2) == 1
                samples[turned] = np.flip(samples[turned], axis)
        return samples

    def to_json(self) -> dict[str, Any]:
        settings = {"horizontal": self.horizontal, "vertical": self.vertical}
        return {"random_flip": {**settings, "place": self.place}}
