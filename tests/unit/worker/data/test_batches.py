"""The grid: every sample once an epoch, in an order and a cut that depend on the job alone."""

from __future__ import annotations

import pickle
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.worker.data import Grid

GRIDS = st.builds(
    Grid,
    samples=st.integers(1, 60),
    batch_size=st.one_of(st.just("full"), st.integers(1, 70)),
    micro_batches=st.integers(1, 9),
    seed=st.integers(0, 2**63 - 1),
    shuffle=st.booleans(),
)


def epoch_order(grid: Grid, epoch: int) -> np.ndarray:
    steps = range(epoch * grid.steps_per_epoch, (epoch + 1) * grid.steps_per_epoch)
    parts = [grid.indices(step, micro) for step in steps for micro in range(grid.micro_batch_count(step))]
    return np.concatenate(parts)


@given(GRIDS, st.integers(0, 5))
def test_an_epoch_takes_every_sample_exactly_once(grid: Grid, epoch: int) -> None:
    order = epoch_order(grid, epoch)
    assert order.dtype == np.int64
    assert np.array_equal(np.sort(order), np.arange(grid.samples))


@given(GRIDS, st.integers(0, 200))
def test_micro_batches_cut_a_mini_batch_without_gap_and_differ_by_one_sample_at_most(
    grid: Grid, step: int
) -> None:
    bounds = [grid.micro_batch_bounds(step, micro) for micro in range(grid.micro_batch_count(step))]
    assert bounds[0][0] == 0
    assert bounds[-1][1] == grid.batch_samples(step)
    assert all(left[1] == right[0] for left, right in pairwise(bounds))
    sizes = [stop - start for start, stop in bounds]
    assert min(sizes) >= 1
    assert max(sizes) - min(sizes) <= 1


@given(GRIDS, st.integers(0, 5))
def test_the_order_of_an_epoch_does_not_depend_on_the_number_of_micro_batches(grid: Grid, epoch: int) -> None:
    whole = Grid(grid.samples, grid.batch_size, 1, grid.seed, grid.shuffle)
    assert np.array_equal(epoch_order(grid, epoch), epoch_order(whole, epoch))


@given(GRIDS, st.lists(st.integers(0, 100), min_size=1, max_size=8))
def test_steps_asked_for_in_any_order_give_the_same_samples(grid: Grid, steps: list[int]) -> None:
    used = [grid.indices(step, 0) for step in steps]
    fresh = [Grid(grid.samples, grid.batch_size, grid.micro_batches, grid.seed, grid.shuffle) for _ in steps]
    for step, indices, other in zip(steps, used, fresh, strict=True):
        assert np.array_equal(indices, other.indices(step, 0))


def test_the_last_mini_batch_of_an_epoch_holds_what_is_left() -> None:
    grid = Grid(samples=10, batch_size=4, micro_batches=3, seed=0, shuffle=True)
    assert grid.steps_per_epoch == 3
    assert [grid.batch_samples(step) for step in range(6)] == [4, 4, 2, 4, 4, 2]
    assert [grid.micro_batch_count(step) for step in range(3)] == [3, 3, 2]
    assert [grid.epoch(step) for step in range(6)] == [0, 0, 0, 1, 1, 1]


def test_a_full_batch_is_one_step_an_epoch_and_a_batch_of_one_is_a_step_a_sample() -> None:
    assert Grid(7, "full", 2, 0, True).steps_per_epoch == 1
    assert Grid(7, 1, 4, 0, True).steps_per_epoch == 7
    assert Grid(7, 100, 4, 0, True).batch_samples(0) == 7


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    grid, other = Grid(50, 50, 1, seed=0, shuffle=True), Grid(50, 50, 1, seed=1, shuffle=True)
    assert not np.array_equal(grid.indices(0, 0), grid.indices(1, 0))
    assert not np.array_equal(grid.indices(0, 0), other.indices(0, 0))


def test_without_shuffling_samples_come_in_the_order_of_the_file() -> None:
    grid = Grid(5, 2, 1, seed=3, shuffle=False)
    assert epoch_order(grid, 0).tolist() == epoch_order(grid, 4).tolist() == [0, 1, 2, 3, 4]


def test_a_grid_goes_to_another_process_unchanged() -> None:
    grid = Grid(20, 6, 2, seed=5, shuffle=True)
    copy = pickle.loads(pickle.dumps(grid))
    assert copy == grid
    assert np.array_equal(copy.indices(9, 1), grid.indices(9, 1))


def test_indices_cannot_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        Grid(5, 5, 1, 0, True).indices(0, 0)[0] = 3


def test_a_micro_batch_that_does_not_exist_is_refused() -> None:
    with pytest.raises(IndexError, match="step 0 has micro-batches 0 to 1, got 2"):
        Grid(5, 2, 4, 0, True).micro_batch_bounds(0, 2)


@pytest.mark.parametrize(("samples", "batch", "micro"), [(0, 1, 1), (1, 0, 1), (1, 1, 0)])
def test_a_grid_of_nothing_is_refused(samples: int, batch: int, micro: int) -> None:
    with pytest.raises(ValueError, match="must be 1 or more, got 0"):
        Grid(samples, batch, micro, 0, True)
