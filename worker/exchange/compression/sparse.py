"""Few of the elements: the largest ones with their places, or ones at random places that need not travel."""

from __future__ import annotations

import numpy as np

from ....core import random
from ....core.flat import FlatLayout
from .method import Compression, Key

_MAGNITUDE = np.uint32(0x7FFFFFFF)
_SAMPLED = 1 << 14
_GOLDEN = (5**0.5 - 1) / 2
"""Its multiples, modulo 1, lie evenly between 0 and 1, however many there are."""


class TopK(Compression):
    """The `fraction` of the elements with the largest magnitudes, those in front where magnitudes are equal.

    Aji & Heafield, EMNLP 2017; Lin et al., "Deep gradient compression", ICLR 2018.
    """

    def __init__(self, layout: FlatLayout, fraction: float) -> None:
        super().__init__(layout)
        self._kept = max(1, round(fraction * layout.size))

    @property
    def payload_bytes(self) -> int:
        return 8 * self._kept

    def _parts(self, payload: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Places (k,) uint32, in order, and values (k,) float32."""
        split = 4 * self._kept
        return payload[:split].view(np.uint32), payload[split : 2 * split].view(np.float32)

    def encode(self, gradient: np.ndarray, payload: np.ndarray, key: Key) -> None:
        places, values = self._parts(payload)
        places[...] = largest(gradient, self._kept)
        np.take(gradient, places, out=values)

    def _decode(self, payload: np.ndarray, out: np.ndarray, key: Key) -> None:
        places, values = self._parts(payload)
        out[...] = 0
        out[places] = values


class RandomK(Compression):
    """A `fraction` of the elements, one of each of as many equal stretches; its place moves on at every step.

    Where it starts is random, so each element has the same chance, and travels once in 1 / `fraction` steps:
    drawn anew at every step (Stich et al., "Sparsified SGD with memory", NeurIPS 2018) some would wait many
    times as long, and arrive with all that had piled up. Micro-batches take turns in between. The places
    follow from the key, so only values travel. A gradient that is not finite shows in the first.
    """

    def __init__(self, layout: FlatLayout, fraction: float) -> None:
        super().__init__(layout)
        self._kept = max(1, round(fraction * layout.size))
        bounds = np.arange(self._kept + 1) * layout.size // self._kept
        self._starts, self._widths = bounds[:-1], np.diff(bounds)
        self._first: dict[tuple[int, int], np.ndarray] = {}

    @property
    def payload_bytes(self) -> int:
        return 4 * self._kept

    def _places(self, key: Key) -> np.ndarray:
        """(k,) int64, in order, all different."""
        first = self._first.get((key.seed, key.micro_batch))
        if first is None:
            draws = random.uniform(key.seed, random.COMPRESSION, 0, 0, self._kept)
            first = ((draws + key.micro_batch * _GOLDEN) % 1 * self._widths).astype(np.int64)
            self._first[key.seed, key.micro_batch] = first
        return self._starts + (first + key.step) % self._widths

    def encode(self, gradient: np.ndarray, payload: np.ndarray, key: Key) -> None:
        values = payload.view(np.float32)
        np.take(gradient, self._places(key), out=values)
        if not np.isfinite((gradient.min(), gradient.max())).all():
            values[0] = np.nan

    def _decode(self, payload: np.ndarray, out: np.ndarray, key: Key) -> None:
        out[...] = 0
        out[self._places(key)] = payload.view(np.float32)


def largest(x: np.ndarray, count: int) -> np.ndarray:
    """The places of the `count` elements of x (n,) float32 with the largest magnitudes, in order; NaN counts
    as larger than all numbers, and of equals the first come first.

    A sample says which elements cannot be among them; it never changes the result.
    """
    sizes = x.view(np.uint32) & _MAGNITUDE  # ordered as the magnitudes are
    candidates = np.flatnonzero(sizes >= _likely_bound(sizes, count))
    if len(candidates) < count:
        candidates = np.flatnonzero(sizes)
    if len(candidates) < count:
        zeros = np.flatnonzero(sizes == 0)[: count - len(candidates)]
        return np.sort(np.concatenate((candidates, zeros)))
    sizes = sizes[candidates]
    least = np.partition(sizes, len(sizes) - count)[len(sizes) - count]
    above = np.flatnonzero(sizes > least)
    equal = np.flatnonzero(sizes == least)[: count - len(above)]
    return candidates[np.sort(np.concatenate((above, equal)))]


def _likely_bound(sizes: np.ndarray, count: int) -> np.uint32:
    """What a few more than `count` of `sizes` are likely to reach; 1 or more."""
    stride = max(1, len(sizes) // _SAMPLED)
    sample = sizes[::stride]
    expected = min(len(sample), int(1.5 * count / stride) + 16)
    return max(np.uint32(1), np.partition(sample, len(sample) - expected)[len(sample) - expected])
