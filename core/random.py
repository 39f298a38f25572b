"""Keyed random numbers: every value is a function of (seed, stream, step, position), never of hidden state.

The generator is Philox4x64-10, counter based (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
SC 2011). Seed and stream are its key; step and position are its counter. So any part of any stream can be
drawn anywhere, in any order and in any cut, and comes out the same.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

_WORDS_PER_BLOCK = 4


class Stream(IntEnum):
    """What the numbers are for. Values are part of the reproducibility promise: never reuse or change one."""

    SHUFFLE = 1
    SPLIT = 2
    INIT = 3
    DROPOUT = 4
    CURVATURE = 5
    SPARSITY = 6
    AUGMENTATION = 7
    COMPRESSION = 16


SHUFFLE, SPLIT, INIT, DROPOUT = Stream.SHUFFLE, Stream.SPLIT, Stream.INIT, Stream.DROPOUT
CURVATURE, SPARSITY, AUGMENTATION = Stream.CURVATURE, Stream.SPARSITY, Stream.AUGMENTATION
COMPRESSION = Stream.COMPRESSION


def substream(stream: int, index: int) -> int:
    """The stream for the `index`-th layer or parameter that draws from `stream`: `index * 256 + stream`."""
    return index * 256 + stream


def random_words(seed: int, stream: int, step: int, start: int, count: int) -> np.ndarray:
    """Words `start .. start + count` of a stream, uint64, each uniform over all 2**64 values.

    seed, stream, step: 0 .. 2**64 - 1 each.
    """
    block, skipped = divmod(start, _WORDS_PER_BLOCK)
    key = np.array([seed, stream], dtype=np.uint64)
    counter = np.array([block, step, 0, 0], dtype=np.uint64)
    return np.random.Philox(key=key, counter=counter).random_raw(skipped + count)[skipped:]


def uniform(seed: int, stream: int, step: int, start: int, count: int) -> np.ndarray:
    """Values `start .. start + count` of a stream, float32 in [0, 1), multiples of 2**-24.

    Each word gives two values: its low half, then its high half.
    """
    first = start // 2
    words = random_words(seed, stream, step, first, (start + count + 1) // 2 - first)
    halves = words.astype("<u8", copy=False).view("<u4")[start - 2 * first :][:count]
    return (halves >> 8).astype(np.float32) * np.float32(2.0**-24)


def normal(seed: int, stream: int, step: int, start: int, count: int) -> np.ndarray:
    """Values `start .. start + count` of a stream, float32, of the standard normal distribution.

    Each is made from one word by Box and Muller's transform in float64: its high half gives the radius, its
    low half the angle.
    """
    words = random_words(seed, stream, step, start, count)
    radius = np.sqrt(-2 * np.log(((words >> np.uint64(32)) + np.float64(0.5)) * 2.0**-32))
    angle = (words & np.uint64(0xFFFFFFFF)) * (2 * np.pi * 2.0**-32)
    return (radius * np.cos(angle)).astype(np.float32)


def permutation(n: int, seed: int, stream: int, step: int) -> np.ndarray:
    """A permutation of 0 .. n - 1, int64: the order that sorts `n` random words.

    Sorting instead of a library's shuffle keeps the result the same for every NumPy release.
    """
    return np.argsort(random_words(seed, stream, step, 0, n), kind="stable").astype(np.int64, copy=False)
