"""The ledger keeps the order of updates and the deals; a desk stays while an update needs it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from chainrule.worker.exchange.board import BoardShape, private_board
from chainrule.worker.exchange.ledger import SLOTS, Entry

SHAPE = BoardShape(
    parameters=16,
    slots=0,
    shards=2,
    workers=2,
    micro_batches=SLOTS,
    evaluation_chunks=1,
    evaluation_values=1,
    tasks=5,
)


def begun(step=0, done=()):
    board = private_board(SHAPE)
    board.begin(step, np.zeros(16, np.float32), np.zeros((0, 16), np.float32), done=done)
    board.assign((7, 8))
    board.ledger.seat_crew([7, 8], board.generation)
    return board


def test_an_update_and_its_staleness_can_be_looked_up_by_every_shard():
    ledger = begun().ledger
    assert ledger.last is None
    for update, version in enumerate([0, 0, 1]):
        ledger.append(Entry(7, update % 2, 4 - update, version))
    assert (ledger.logged, ledger.last) == (3, 2)
    assert ledger.entry(1) == Entry(7, 1, 3, 0)
    assert [ledger.staleness(update) for update in range(3)] == [0, 1, 1]


def test_the_tasks_of_an_epoch_that_are_behind_it_are_known_also_after_a_checkpoint():
    ledger = begun(step=12, done=(14, 11)).ledger
    ledger.append(Entry(7, 0, 10, 12))
    assert ledger.done(2) == [11, 14]
    ledger.mark_done(12)
    ledger.mark_done(12)
    assert ledger.done(2) == [10, 11, 14]
    assert ledger.done(1) == []


def test_each_worker_finds_its_own_deals():
    ledger = begun().ledger
    ledger.deal(7, 1, task=3, version=2)
    ledger.deal(8, 0, task=4, version=1)
    assert (ledger.dealt(7), ledger.dealt(8)) == ([(1, 3, 2)], [(0, 4, 1)])
    ledger.clear(7, 1)
    assert ledger.dealt(7) == []


def test_a_worker_that_left_has_no_deals_and_its_row_goes_to_another():
    ledger = begun().ledger
    ledger.deal(7, 0, task=3, version=2)
    ledger.seat_crew([8, 9], generation=5)
    assert ledger.dealt(7) == ledger.dealt(9) == []
    assert sorted(ledger.incarnations()) == [8, 9]
    assert ledger.generation == 5


def test_the_desk_of_a_lost_worker_is_needed_until_every_shard_has_applied_its_updates():
    board = begun()
    board.ledger.append(Entry(7, 0, 0, 0))
    assert board.needs_desk(7)
    board.assign((8, 9))
    assert board.needs_desk(7), "shard 0 may not know yet that it is lost"
    board.ledger.seat_crew([8, 9], board.generation)
    board.publish_version(0, 1, 0.0)
    assert board.needs_desk(7), "shard 1 has not applied update 0"
    board.publish_version(1, 1, 0.0)
    assert not board.needs_desk(7)
    assert board.needs_desk(8)


def test_where_workers_wait_for_one_another_no_desk_outlives_its_worker():
    board = private_board(replace(SHAPE, tasks=0))
    assert not board.needs_desk(7)
