"""The built-in dataset: 1,797 images of handwritten digits, each a row of 8 x 8 values from 0 to 16."""

from __future__ import annotations

from pathlib import Path

from .npz import read_npz
from .samples import Samples
from .transform import FeatureTransform

_FILE = Path(__file__).with_name("digits.npz")
_LARGEST_PIXEL = 16


def load_digits() -> Samples:
    """All samples (uint8 features, uint8 labels); see the NOTICE file beside this one for their origin."""
    field = "dataset.source"
    return Samples(read_npz(_FILE, "x", field), read_npz(_FILE, "y", field), field, field)


def digits_transform() -> FeatureTransform:
    """Pixels to 0..1, which is what a network trains well on."""
    return FeatureTransform.scaling(0.0, 1.0 / _LARGEST_PIXEL)
