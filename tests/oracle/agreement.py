"""How far two computations of the same thing are apart: the one yardstick of the oracle."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

LIMIT = 1e-5
"""What `relative_error` may be at float32."""
FLOOR = 0.1


def relative_error(ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray]) -> float:
    """The largest |ours - theirs| / (|theirs| + FLOOR * scale) over all elements; nan if any of ours is.

    [value, *gradients] each. scale: the largest element of the array, so that elements in which sums cancel
    are held against those that went into them. A gradient that vanishes beside the others (LIMIT of them), as
    that of a key's bias in attention, which is 0 but for rounding, has the largest of theirs for scale.
    """
    largest = [float(np.abs(array).max(initial=0)) for array in theirs]
    overall = max(largest[1:], default=0.0)
    errors = []
    for index, (actual, expected) in enumerate(zip(ours, theirs, strict=True)):
        assert actual.shape == expected.shape
        vanishing = index > 0 and largest[index] < LIMIT * overall
        scale = overall if vanishing else largest[index]
        difference = np.abs(actual.astype(np.float64) - expected)
        errors.append((difference / (np.abs(expected) + (FLOOR * scale or 1.0))).max(initial=0))
    return float(np.max(errors))


def agree(ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray]) -> float:
    """Assert that ours are float32 and within LIMIT of theirs; returns the error."""
    assert [array.dtype for array in ours] == [np.dtype(np.float32)] * len(ours)
    error = relative_error(ours, theirs)
    assert error <= LIMIT
    return error
