"""A gradient worker rings when it has done what was dealt out to it."""

from __future__ import annotations

from chainrule.worker.exchange.board import private_board
from chainrule.worker.plan import initial_values, make_plan, make_worker
from chainrule.worker.spec import parse_spec


def test_what_a_worker_has_done_is_rung_for_though_the_rest_was_given_to_others():
    plan = make_plan(
        parse_spec(
            {
                "dataset": {"source": "digits"},
                "model": [{"linear": {"units": 10}}],
                "loss": "softmax_cross_entropy",
                "optimizer": "sgd",
                "training": {"epochs": 1, "batch_size": 100, "micro_batches": 2},
                "cluster": {"workers": 2},
            }
        )
    )
    board = private_board(plan.shape)
    parameters, _ = initial_values(plan)
    board.begin(0, parameters, board.state[0])
    board.assign((0,))
    board.grant(1)
    worker = make_worker(plan, board, 0)
    assert worker.advance()
    assert board.desk(0).has_gradient(0, 0) and not board.desk(0).has_gradient(0, 1)
    board.assign((0, 1))
    bell = board.shard_bell(0)
    seen = board.bells.read(bell)
    assert not worker.advance()
    assert board.bells.read(bell) != seen
