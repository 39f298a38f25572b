"""Every public operation, layer and loss gives the same bits planned as eagerly, in every dtype."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from cases import ALL
from replay_check import Step

from chainrule.core import native
from chainrule.core.array import same_bits

EAGER = {
    f"loss mined_triplet_margin, {mining}": "Python computes with values that depend on data"
    for mining in ("hard", "semi-hard", "all")
}
"""Those that no list of calls can repeat, and why."""
HALVES = {"bfloat16": ml_dtypes.bfloat16, "float16": np.float16}


def step_of(name: str, dtype: type) -> Step:
    function, arrays = ALL[name]
    return Step(function, [array.astype(dtype) if array.dtype.kind == "f" else array for array in arrays])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ALL)
def test_a_replay_on_other_numbers_gives_the_bits_of_the_eager_step(name: str, dtype: type) -> None:
    assert step_of(name, dtype).check(replays=4) == EAGER.get(name, "")


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("name", ALL)
def test_a_replay_in_half_precision_gives_the_bits_of_the_eager_step(name: str, dtype: str) -> None:
    assert step_of(name, HALVES[dtype]).check(replays=2) == EAGER.get(name, "")


@pytest.mark.parametrize("name", ALL)
def test_the_number_of_threads_changes_no_bit(name: str) -> None:
    results = []
    try:
        for threads in (1, 3):
            native.use_threads(threads)
            results.append(step_of(name, np.float32).eager())
    finally:
        native.use_threads(native.available_threads())
    assert all(map(same_bits, *results))
