"""The board hands out work by generation, keeps two versions of the parameters, and is the same in every
process."""

from __future__ import annotations

import errno
import multiprocessing
import weakref
from dataclasses import replace

import numpy as np
import pytest

from chainrule.worker.errors import JobError
from chainrule.worker.exchange.arena import private_arena
from chainrule.worker.exchange.board import (
    COORDINATOR,
    LOSS_RING,
    WORKER_BELLS,
    BoardShape,
    Desk,
    create_desk,
    create_shared_board,
    open_shared_board,
    private_board,
    remove_desk,
)
from chainrule.worker.reports import Reason

SHAPE = BoardShape(
    parameters=64, slots=2, shards=2, workers=3, micro_batches=4, evaluation_chunks=1, evaluation_values=2
)


def begun(step=6):
    board = private_board(SHAPE)
    board.begin(step, np.arange(64, dtype=np.float32), np.ones((2, 64), np.float32))
    return board


def test_training_begins_at_the_given_version():
    board = begun(step=7)
    assert board.step() == board.horizon == 7
    assert board.parameters[1, 5] == 5 and board.parameters[0].sum() == 0
    assert board.state[1].sum() == 128


def test_the_step_is_that_of_the_slowest_shard():
    board = begun()
    board.publish_version(0, 7, 1.5)
    assert board.step() == 6
    board.publish_version(1, 7, 0.0)
    assert board.step() == 7
    assert board.losses[6 % LOSS_RING] == 1.5


def test_the_crew_changes_with_the_generation():
    board = begun()
    board.assign((0, 1, 2))
    before = board.generation
    assert board.crew() == [0, 1, 2]
    board.assign((0, 5))
    assert board.crew() == [0, 5] and board.generation == before + 1
    board.assign(())
    assert board.crew() == []


def test_a_gradient_is_there_for_its_step_only():
    desk = begun().desk(0)
    assert not desk.has_gradient(0, 2)
    desk.publish_gradient(0, 2)
    assert desk.has_gradient(0, 2) and not desk.has_gradient(1, 2) and not desk.has_gradient(0, 1)


def test_only_reaching_the_horizon_rings_for_the_coordinator():
    board = begun(step=0)
    board.grant(2)
    board.publish_version(0, 1, 0.0)
    assert board.bells.read(COORDINATOR) == 0
    board.publish_version(0, 2, 0.0)
    assert board.bells.read(COORDINATOR) != 0


def other_process(folder):
    board = open_shared_board(SHAPE, folder)
    desk = board.desk(4)
    desk.gradients[3] = board.parameters[0] * 2
    desk.losses[3] = 0.25
    desk.publish_gradient(0, 3)


def test_another_process_sees_the_same_board_and_desk(tmp_path):
    board = create_shared_board(SHAPE, tmp_path)
    board.begin(0, np.arange(64, dtype=np.float32), np.zeros((2, 64), np.float32))
    create_desk(SHAPE, tmp_path, 4)
    process = multiprocessing.get_context("spawn").Process(target=other_process, args=(tmp_path,))
    process.start()
    process.join()
    desk = board.desk(4)
    assert desk.has_gradient(0, 3)
    np.testing.assert_array_equal(desk.gradients[3], 2 * np.arange(64))
    assert desk.losses[3] == 0.25


def test_no_two_arrays_of_a_board_share_a_cache_line():
    board = private_board(SHAPE)
    for array in (board.parameters, board.state, board.losses):
        assert array.ctypes.data % 64 == 0


def test_a_desk_is_never_made_twice(tmp_path):
    create_shared_board(SHAPE, tmp_path)
    create_desk(SHAPE, tmp_path, 0)
    with pytest.raises(FileExistsError):
        create_desk(SHAPE, tmp_path, 0)


def test_a_job_may_replace_more_workers_than_there_are_bells():
    board = begun()
    board.assign((WORKER_BELLS + 7, 1))
    assert board.worker_bell(WORKER_BELLS + 7) != board.worker_bell(1)


def test_the_desk_of_a_lost_worker_gives_its_memory_back(tmp_path):
    board = create_shared_board(SHAPE, tmp_path)
    for incarnation in (0, 1):
        create_desk(SHAPE, tmp_path, incarnation)
    board.assign((0, 1))
    lost, kept = (weakref.ref(desk) for desk in board.desks())
    remove_desk(tmp_path, 0)
    board.assign((1,))
    assert board.desks() == [kept()] and lost() is None
    assert not (tmp_path / "desk-0").exists()


def test_a_desk_that_was_removed_before_anybody_opened_it_is_passed_over(tmp_path):
    board = create_shared_board(SHAPE, tmp_path)
    create_desk(SHAPE, tmp_path, 1)
    board.assign((0, 1))
    assert len(board.desks()) == 1


def test_shared_memory_is_reserved_before_it_is_written(tmp_path):
    shape = replace(SHAPE, parameters=1 << 16)
    board = create_shared_board(shape, tmp_path)
    create_desk(shape, tmp_path, 0)
    status = (tmp_path / "board").stat()
    assert status.st_blocks * 512 >= status.st_size
    desk = tmp_path / "desk-0"
    before = desk.stat().st_blocks * 512
    assert before < 4 << 16
    for _ in range(2):
        board.desk(0).reserve(2)
    assert 4 << 16 <= desk.stat().st_blocks * 512 - before < 8 << 16


def test_a_compressed_gradient_reserves_its_payload_and_what_it_leaves_out_too(tmp_path):
    shape = replace(SHAPE, parameters=1 << 16, payload_bytes=1 << 15)
    board = create_shared_board(shape, tmp_path)
    create_desk(shape, tmp_path, 0)
    before = (tmp_path / "desk-0").stat().st_blocks * 512
    board.desk(0).reserve(2)
    taken = (tmp_path / "desk-0").stat().st_blocks * 512 - before
    assert 2 * (4 << 16) + (1 << 15) <= taken < 3 * (4 << 16)


def test_a_lack_of_shared_memory_is_a_typed_error_and_no_signal():
    def refuse(row):
        raise OSError(errno.ENOSPC, "No space left on device")

    desk = Desk(private_arena(SHAPE.desk_fields()), refuse)
    with pytest.raises(JobError, match="No shared memory is left for the gradients") as raised:
        desk.reserve(1)
    assert raised.value.reason is Reason.RESOURCES_UNAVAILABLE


def test_an_evaluation_is_over_once_training_goes_on():
    board = begun()
    board.evaluate(1)
    assert board.evaluation == 1
    board.grant(8)
    assert board.evaluation == 0
