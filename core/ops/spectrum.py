"""Sound as frequencies over time: the discrete Fourier transform, spectrograms, the mel filter bank.

The engine knows real numbers only, so a complex one is its real and imaginary parts on a last axis of two.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..array import Array, array_module
from ..errors import ChainruleError, ShapeError
from ..graph import explain, primitive, vjp
from .constant import value
from .linalg import matmul
from .reduction import sum
from .shape import getitem, transpose


@primitive
def rfft(x: Array) -> Array:
    """The discrete Fourier transform over the last axis: (..., n) -> (..., n // 2 + 1, 2)."""
    y = array_module(x).fft.rfft(x)
    return array_module(x).stack([y.real, y.imag], axis=-1).astype(x.dtype, copy=False)


@primitive
def _rfft_back(g: Array, size: int) -> Array:
    """The transpose of rfft as a matrix: (..., size // 2 + 1, 2) -> (..., size).

    The inverse transform, times `size`, of g with halved inner frequencies: it counts them twice.
    """
    spectrum = g[..., 0] + 1j * g[..., 1]
    spectrum[..., 1 : (size + 1) // 2] *= 0.5
    return (array_module(g).fft.irfft(spectrum, n=size) * size).astype(g.dtype, copy=False)


vjp(rfft, lambda g, y, x: _rfft_back(g, size=x.shape[-1]))
vjp(_rfft_back, lambda t, x, g, size: rfft(t))
explain(rfft, lambda x: ("x", "a last axis of at least one element", f"shape {x.shape}"))


def hann(size: int) -> np.ndarray:
    """The Hann window, periodic: sin(pi t / size) ** 2, float64."""
    return np.sin(np.pi * np.arange(size) / size) ** 2


def spectrogram(x: Any, size: int, hop: int, window: Any = None) -> Any:
    """The squared magnitudes of the transforms of frames of `size` samples, `hop` apart.

    x: (..., samples) -> (..., size // 2 + 1, frames), frames = (samples - size) // hop + 1. window: (size,),
    multiplied with each frame; Hann's without it.
    """
    for name, number in (("size", size), ("hop", hop)):
        if not isinstance(number, int) or number < 1:
            raise ShapeError(f"spectrogram, argument {name}", "a whole number of at least 1", f"{number}")
    if not x.shape or x.shape[-1] < size:
        raise ShapeError("spectrogram, argument x", f"at least {size} samples", f"shape {x.shape}")
    xp = array_module(value(x))
    window = xp.asarray(hann(size) if window is None else value(window)).astype(x.dtype, copy=False)
    if window.shape != (size,):
        raise ShapeError("spectrogram, argument window", f"shape ({size},)", f"shape {window.shape}")
    starts = xp.arange(0, x.shape[-1] - size + 1, hop)
    parts = rfft(getitem(x, index=(..., starts[:, None] + xp.arange(size))) * window)
    power = sum(parts * parts, axis=-1)
    return transpose(power, axes=(*range(power.ndim - 2), power.ndim - 1, power.ndim - 2))


def mel_filters(
    bands: int, size: int, rate: float, low: float = 0.0, high: float | None = None
) -> np.ndarray:
    """Triangles that overlap by half, equally wide in mel: (bands, size // 2 + 1), float64.

    size: samples in a frame; rate: samples a second; low, high: hertz, high without it rate / 2. A mel is
    2595 log10(1 + hertz / 700): O'Shaughnessy, "Speech communication", 1987.
    """
    high = rate / 2 if high is None else high
    if bands < 1 or size < 1 or not 0 <= low < high <= rate / 2:
        expected = f"at least 1 band and sample, and 0 <= low < high <= half the rate, {rate / 2}"
        actual = f"{bands} bands of {size} samples from {low} to {high}"
        raise ChainruleError(f"mel_filters: expected {expected}, got {actual}")
    first, last = (2595 * np.log10(1 + hertz / 700) for hertz in (low, high))
    mels = np.linspace(first, last, bands + 2)
    edges = 700 * (10 ** (mels / 2595) - 1)
    left, top, right = (edges[start : start + bands, None] for start in range(3))
    hertz = np.fft.rfftfreq(size, 1 / rate)
    return np.maximum(0, np.minimum((hertz - left) / (top - left), (right - hertz) / (right - top)))


def mel_spectrogram(
    x: Any, bands: int, size: int, hop: int, rate: float, low: float = 0.0, high: float | None = None
) -> Any:
    """The spectrogram's power in each of the `mel_filters`: (..., samples) -> (..., bands, frames)."""
    power = spectrogram(x, size, hop)
    filters = mel_filters(bands, size, rate, low, high).astype(x.dtype)
    return matmul(array_module(value(x)).asarray(filters), power)
