"""Spectra against NumPy and against what tones are known to give."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.core import ops

RATE = 8000.0


def tone(hertz: float, samples: int = 800) -> np.ndarray:
    return np.sin(2 * np.pi * hertz / RATE * np.arange(samples))


@given(size=st.integers(1, 17))
def test_the_transform_agrees_with_numpy(size: int) -> None:
    x = np.random.default_rng(size).standard_normal((2, size))
    expected = np.fft.rfft(x)
    np.testing.assert_allclose(ops.rfft(x)[..., 0], expected.real, atol=1e-12)
    np.testing.assert_allclose(ops.rfft(x)[..., 1], expected.imag, atol=1e-12)


@given(size=st.integers(1, 9), hop=st.integers(1, 9), extra=st.integers(0, 20))
def test_a_spectrogram_has_a_column_for_each_frame(size: int, hop: int, extra: int) -> None:
    x = np.random.default_rng(extra).standard_normal(size + extra)
    y = ops.spectrogram(x, size, hop)
    frames = [x[start : start + size] for start in range(0, extra + 1, hop)]
    expected = [np.abs(np.fft.rfft(frame * ops.hann(size))) ** 2 for frame in frames]
    np.testing.assert_allclose(y, np.stack(expected, axis=1), atol=1e-12)


def test_a_tone_is_loudest_at_its_frequency_and_in_its_band() -> None:
    power = ops.spectrogram(tone(1000), 80, 40).mean(axis=-1)
    assert power.argmax() == 10
    filters = ops.mel_filters(20, 80, RATE)
    bands = ops.mel_spectrogram(tone(1000), 20, 80, 40, RATE).mean(axis=-1)
    assert bands.argmax() == filters[:, 10].argmax()


def test_mel_filters_are_triangles_that_add_up_to_one_between_the_outer_tops() -> None:
    filters = ops.mel_filters(10, 1024, RATE, low=100, high=3000)
    assert filters.shape == (10, 513)
    assert filters.min() == 0
    assert filters.max() == pytest.approx(1, abs=0.1)
    tops = filters.argmax(axis=1)
    assert (np.diff(tops) > 0).all()
    np.testing.assert_allclose(filters.sum(axis=0)[tops[0] + 1 : tops[-1]], 1, atol=1e-12)


def test_hanns_window_overlapped_by_half_adds_up_to_one() -> None:
    window = ops.hann(16)
    np.testing.assert_allclose(window[:8] + window[8:], 1, atol=1e-15)
