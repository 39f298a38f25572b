"""Keyed random numbers: the same value for the same key, however a range is cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.core.random import DROPOUT, INIT, permutation, random_words, substream, uniform

SIZES = st.integers(0, 40)


@pytest.mark.parametrize("draw", [random_words, uniform])
@given(start=st.integers(0, 1000), sizes=st.lists(SIZES, min_size=1, max_size=6))
def test_any_cut_of_a_range_gives_the_same_values(draw, start: int, sizes: list[int]) -> None:
    whole = draw(7, INIT, 3, start, sum(sizes))
    starts = start + np.cumsum([0, *sizes])
    parts = [draw(7, INIT, 3, int(at), size) for at, size in zip(starts, sizes, strict=False)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_seed_stream_step_and_layer_each_give_other_values() -> None:
    keys = [(0, INIT, 0), (1, INIT, 0), (0, DROPOUT, 0), (0, INIT, 1), (0, substream(INIT, 1), 0)]
    assert len({random_words(seed, stream, step, 0, 8).tobytes() for seed, stream, step in keys}) == len(keys)


def test_the_values_are_those_of_the_published_generator_and_never_change() -> None:
    assert random_words(1, 2, 0, 0, 2).tolist() == [5705853004827290377, 6584680345644299050]
    assert random_words(2**63 - 1, 4, 5, 6, 1).dtype == np.uint64
    assert (
        uniform(1, 2, 0, 0, 2).tobytes()
        == (np.array([(5705853004827290377 & 0xFFFFFFFF) >> 8, 5705853004827290377 >> 40]) / 2.0**24)
        .astype(np.float32)
        .tobytes()
    )
    assert permutation(8, 0, INIT, 0).tolist() == [5, 4, 6, 7, 0, 1, 2, 3]


def test_uniform_values_fill_the_unit_interval_evenly() -> None:
    values = uniform(0, INIT, 0, 0, 100_000)
    assert values.dtype == np.float32
    assert values.min() >= 0
    assert values.max() < 1
    counts = np.histogram(values, bins=10, range=(0, 1))[0]
    assert abs(counts - 10_000).max() < 400


@given(n=st.integers(0, 200), seed=st.integers(0, 2**63 - 1))
def test_a_permutation_holds_every_index_once(n: int, seed: int) -> None:
    order = permutation(n, seed, INIT, 0)
    assert order.dtype == np.int64
    assert sorted(order.tolist()) == list(range(n))
