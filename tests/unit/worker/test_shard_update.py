"""Shards on one board give the bytes of one optimizer on the whole, wherever the cuts and whenever one
dies."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.core import Tensor, nn
from chainrule.core.flat import FlatLayout
from chainrule.core.optim import (
    LAMB,
    SGD,
    AdaDelta,
    AdaGrad,
    Adam,
    AdamW,
    AMSGrad,
    FlatOptimizer,
    Group,
    Lion,
    LossScale,
    MovingAverage,
    Muon,
    NAdam,
    RAdam,
    RMSProp,
    Sophia,
)
from chainrule.core.optim.norm import NORM_BLOCK
from chainrule.core.optim.schedules import Cosine, WarmUp
from chainrule.worker import faults
from chainrule.worker.exchange.board import BoardShape, private_board
from chainrule.worker.optimization import Optimization
from chainrule.worker.parameter_server import ParameterServer
from chainrule.worker.runtime.inprocess import MemberKilled
from chainrule.worker.shard_update import ShardUpdate

STEPS, MICRO_BATCHES = 4, 3
POINTS = ("shard.before_norm", "shard.after_norm", "shard.before_publish")
BIASES_BY_ADAM = (Group("*.bias", rule=AdamW(learning_rate=0.02)),)
FROZEN = (Group("layers.0.bias", frozen=True), Group("layers.1.*", learning_rate=0.5, weight_decay=0.1))

OPTIMIZATIONS = {
    "sgd": Optimization(SGD(0.1, momentum=0.9, nesterov=True)),
    "adagrad": Optimization(AdaGrad(0.1)),
    "adadelta": Optimization(AdaDelta()),
    "rmsprop": Optimization(RMSProp(0.01, momentum=0.5, centered=True)),
    "adam": Optimization(Adam(0.01)),
    "amsgrad": Optimization(AMSGrad(0.01)),
    "nadam": Optimization(NAdam(0.01)),
    "radam": Optimization(RAdam(0.01)),
    "lion": Optimization(Lion(0.01)),
    "lamb": Optimization(LAMB(0.01)),
    "sophia": Optimization(Sophia(0.01, interval=2), FROZEN[:1], clip_norm=50.0),
    "muon": Optimization(Muon(0.01), BIASES_BY_ADAM),
    "groups": Optimization(SGD(0.1), FROZEN),
    "schedule": Optimization(Adam(0.01), schedule=WarmUp(2, Cosine(2), 0.1)),
    "clip_value": Optimization(Adam(0.01), clip_value=0.05),
    "clip_norm": Optimization(SGD(0.1), FROZEN, clip_norm=0.5),
    "clip_norm of lamb": Optimization(LAMB(0.01), clip_norm=0.5),
    "average": Optimization(Adam(0.01), average=MovingAverage(0.9, warm_up=True), clip_norm=0.5),
}


def make_model():
    model = nn.Sequential(nn.Linear(90, 100), nn.Linear(100, 3))
    nn.initialize(model, 1)
    return model


def layout_of(model):
    return FlatLayout.of({name: tensor.shape for name, tensor in model.parameters().items()})


LAYOUT = layout_of(make_model())


def gradients(step):
    """(micro-batches, n), zero in the padding, as workers leave them."""
    rows = np.zeros((MICRO_BATCHES, LAYOUT.size), np.float32)
    random = np.random.default_rng(step)
    for row in rows:
        for view in LAYOUT.views(row).values():
            view[...] = random.standard_normal(view.shape)
    return rows


def curvatures(step):
    """Estimates of the Hessian's diagonal, (micro-batches, n)."""
    return np.square(gradients(100 + step))


def board_shape(optimization, shards):
    slots = len(optimization.slots(LAYOUT))
    curvature = optimization.estimates_curvature
    return BoardShape(LAYOUT.size, slots, shards, 1, MICRO_BATCHES, 1, 1, curvature=curvature)


class Dying:
    """Ends the shard that reaches one of the points, at these visits."""

    def __init__(self, visits):
        self.visits, self.count = visits, 0

    def __call__(self, point, step):
        if point in POINTS:
            self.count += 1
            if self.count in self.visits:
                raise MemberKilled(point)


def train(optimization, shards, deaths=frozenset(), order=0, rows_of=gradients, hook=None):
    """Steps on a board of this many shards; the parameters and rows of state that they end in, and the
    board."""
    flat = np.zeros(LAYOUT.size, np.float32)
    for view, tensor in zip(LAYOUT.views(flat).values(), make_model().parameters().values(), strict=True):
        view[...] = tensor.data
    slots = optimization.slots(LAYOUT)
    state = np.zeros((len(slots), LAYOUT.size), np.float32)
    if optimization.average is not None:
        state[-1] = flat
    board = private_board(board_shape(optimization, shards))
    scale = optimization.loss_scale
    board.begin(0, flat, state, (1.0, 0) if scale is None else (scale.value, scale.good_steps))
    board.assign((0,))
    desk = board.desk(0)
    parts = LAYOUT.shards(shards)

    def server(index):
        return ParameterServer(
            index, board, ShardUpdate(optimization, LAYOUT, parts[index]), lambda _: MICRO_BATCHES
        )

    servers = [server(index) for index in range(shards)]
    random = np.random.default_rng(order)
    with faults.injected(hook or Dying(deaths)):
        for step in range(STEPS):
            board.grant(step + 1)
            for micro_batch, row in enumerate(rows_of(step)):
                desk.gradients[micro_batch] = row
                desk.losses[micro_batch] = 1.0
                if optimization.observes(step + 1):
                    desk.curvatures[micro_batch] = curvatures(step)[micro_batch]
                desk.publish_gradient(step, micro_batch)
            while board.step() == step:
                index = int(random.integers(shards))
                try:
                    servers[index].advance()
                except MemberKilled:
                    servers[index] = server(index)
    half = STEPS % 2
    return board.parameters[half].tobytes(), board.state[half].tobytes(), board


def alone(optimization):
    """The same steps by the optimizer for hand-written loops."""
    model = make_model()
    optimizer = FlatOptimizer(
        optimization.rule,
        model,
        optimization.groups,
        optimization.schedule,
        optimization.clip_value,
        optimization.clip_norm,
        optimization.average,
    )
    for step in range(STEPS):
        total, *further = gradients(step)
        for row in further:
            total = total + row
        for name, view in LAYOUT.views(total).items():
            model.parameters()[name].grad = Tensor(view.copy())
        if optimization.observes(step + 1):
            estimate, *further = curvatures(step)
            for row in further:
                estimate = estimate + row
            optimizer.observe_curvature(list(LAYOUT.views(estimate).values()))
        optimizer.step()
    rows = [*optimizer.state, *([] if optimizer.averaged is None else [optimizer.averaged])]
    return optimizer.parameters.tobytes(), b"".join(row.tobytes() for row in rows)


@pytest.mark.parametrize("name", OPTIMIZATIONS)
@pytest.mark.parametrize("shards", [1, 2, 5])
def test_shards_give_the_bytes_of_one_optimizer_on_the_whole(name, shards):
    parameters, state, _ = train(OPTIMIZATIONS[name], shards)
    assert (parameters, state) == alone(OPTIMIZATIONS[name])


@settings(deadline=None, max_examples=40)
@given(
    name=st.sampled_from(sorted(OPTIMIZATIONS)),
    shards=st.integers(1, 9),
    deaths=st.frozensets(st.integers(1, 60), max_size=12),
    order=st.integers(0, 1000),
)
def test_cuts_deaths_and_turns_change_no_byte(name, shards, deaths, order):
    assert train(OPTIMIZATIONS[name], shards, deaths, order)[:2] == train(OPTIMIZATIONS[name], 1)[:2]


def test_a_step_passes_each_point_at_which_a_shard_may_die():
    passed = []
    train(OPTIMIZATIONS["clip_norm"], 1, hook=lambda point, step: passed.append((point, step)))
    assert passed == [(point, step) for step in range(STEPS) for point in POINTS]


def overflowing(step):
    rows = gradients(step) * np.float32(1024)
    if step == 1:
        rows[2, LAYOUT.size - 20] = np.inf
    return rows


SCALED = Optimization(
    Adam(0.01), average=MovingAverage(0.9), loss_scale=LossScale(1024.0, interval=3), clip_norm=0.5
)


@pytest.mark.parametrize("shards", [1, 2, 5])
def test_a_step_that_overflows_is_left_out_by_every_shard(shards):
    once = train(SCALED, shards, rows_of=overflowing)
    again = train(SCALED, shards, frozenset(range(1, 30, 2)), rows_of=overflowing)
    whole = train(SCALED, 1, rows_of=overflowing)
    assert once[:2] == again[:2] == whole[:2]
    for _, _, board in (once, again, whole):
        assert board.loss_scale(STEPS) == (512.0, 2)
        assert np.isfinite(board.parameters).all()


def test_what_the_loss_was_multiplied_by_does_not_show_in_the_update():
    scaled = Optimization(Adam(0.01), clip_norm=0.5, loss_scale=LossScale(1024.0))
    result = train(scaled, 2, rows_of=lambda step: gradients(step) * np.float32(1024))
    assert result[:2] == train(replace(scaled, loss_scale=None), 2)[:2]


@given(cuts=st.lists(st.integers(0, LAYOUT.size // 16), max_size=6))
def test_every_block_of_the_norm_belongs_to_one_shard(cuts):
    bounds = [0, *sorted(16 * cut for cut in cuts), LAYOUT.size]
    optimization = Optimization(SGD(0.1), clip_norm=1.0)
    parts = [slice(start, stop) for start, stop in pairwise(bounds)]
    updates = [ShardUpdate(optimization, LAYOUT, part) for part in parts]
    blocks = [block for update in updates for block in range(update.blocks.start, update.blocks.stop)]
    assert blocks == list(range(-(-LAYOUT.size // NORM_BLOCK)))
    row = gradients(0)[0]
    sums = [value for update in updates for value in update.measure(row.copy(), 1.0)]
    whole = ShardUpdate(optimization, LAYOUT, slice(0, LAYOUT.size)).measure(row.copy(), 1.0)
    assert sums == whole.tolist()


def test_a_gradient_that_is_not_finite_is_seen_where_nothing_is_scaled():
    def broken(step):
        rows = gradients(step)
        rows[0, 5] = np.nan
        return rows

    board = train(Optimization(SGD(0.1), clip_norm=0.5), 3, rows_of=broken)[2]
    assert not np.isfinite(board.parameters[STEPS % 2]).all()
