"""Windows of a series, and the targets that belong to each."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.worker.data.transforms.series import Windows

SERIES = np.arange(20.0).reshape(10, 2)


def test_a_window_is_followed_by_its_target() -> None:
    windows, targets = Windows(length=3, stride=1, horizon=1).samples(SERIES, np.arange(10))
    assert windows.shape == (7, 3, 2)
    assert np.array_equal(windows[4], SERIES[4:7])
    assert targets.tolist() == [3, 4, 5, 6, 7, 8, 9]


def test_a_longer_horizon_has_a_target_a_step() -> None:
    windows, targets = Windows(length=3, stride=2, horizon=2).samples(SERIES, np.arange(10))
    assert [window[0, 0] for window in windows] == [0, 4, 8]
    assert targets.tolist() == [[3, 4], [5, 6], [7, 8]]


def test_without_a_horizon_the_target_is_that_of_the_last_step() -> None:
    windows, targets = Windows(length=4, stride=3, horizon=0).samples(SERIES, np.arange(10))
    assert len(windows) == 3
    assert targets.tolist() == [3, 6, 9]


def test_several_values_a_step_lie_behind_each_other() -> None:
    _, targets = Windows(length=3, stride=5, horizon=2).samples(SERIES, SERIES)
    assert targets.tolist() == [[6, 7, 8, 9], [16, 17, 18, 19]]


def test_a_series_of_numbers_has_one_feature() -> None:
    assert Windows(3, 1, 0).features(np.arange(5.0)).shape == (3, 3, 1)


def test_a_series_that_is_too_short_is_refused() -> None:
    with pytest.raises(ValueError, match="takes 11 steps, the series has 10"):
        Windows(length=9, stride=1, horizon=2).samples(SERIES, np.arange(10))
