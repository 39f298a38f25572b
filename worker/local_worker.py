"""The gradient worker under local SGD: takes several optimizer steps on its own before the results are
averaged (Stich, 2019; McMahan et al., 2017)."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from ..core.flat import FlatLayout
from ..core.optim.norm import norm_of
from .data.steps import Steps
from .exchange.board import Board
from .faults import reach
from .gradient_worker import GradientWorker
from .shard_update import ShardUpdate


class LocalWorker(GradientWorker):
    """A step of the job is a round: one local optimizer step for each of its mini-batches.

    Micro-batch m of each of them is the mini-batch of *replica* m. A replica begins at the parameters and the
    optimizer state of the job, and what it comes to, a row of the desk, is the same whichever worker plays
    it.
    """

    def __init__(
        self,
        incarnation: int,
        board: Board,
        layout: FlatLayout,
        *others: Any,
        steps: Steps,
        update: ShardUpdate,
    ) -> None:
        """others: see GradientWorker. update: the job's optimizer on all parameters."""
        super().__init__(incarnation, board, layout, *others)
        self._steps = steps
        self._update = update
        # Parameters, then the rows of state.
        self._rows = list(np.zeros((board.shape.replica_rows, layout.size), np.float32))
        self._gradient = np.zeros(layout.size, np.float32)
        self._own_parameters = list(layout.views(self._rows[0]).values())
        self._own_gradients = list(layout.views(self._gradient).values())

    def _pieces(self, step: int) -> int:
        return self._steps.replicas(step)

    def _compute(self, step: int, micro_batch: int) -> None:
        reach("worker.before_compute", step)
        began, waited = time.perf_counter(), self._computer.input.waited
        board, desk, width = self._board, self._desk, self._board.shape.buffers
        desk.reserve(micro_batch)
        for row, start in zip(self._rows, (board.parameters[step % 2], *board.state[step % 2]), strict=True):
            row[...] = start
        self._version = -1  # an evaluation computes with others
        loss = 0.0
        for place, batch in enumerate(self._steps.batches(step)):
            if micro_batch < self._grid.micro_batch_count(batch):
                loss += self._local_step(batch, micro_batch)
                if width:
                    self._computer.observed(desk.observed[micro_batch, place * width : (place + 1) * width])
                reach("worker.after_local_step", step)
        desk.losses[micro_batch] = loss
        desk.gradients[micro_batch].reshape(len(self._rows), -1)[...] = self._rows
        self._count_input(
            self._steps.batches(step)[0], self._computer.input.waited - waited, time.perf_counter() - began
        )
        reach("worker.before_publish", step)
        desk.publish_gradient(step, micro_batch)
        reach("worker.after_publish", step)

    def _local_step(self, batch: int, micro_batch: int) -> float:
        """Step along the mean gradient over a micro-batch; returns the sum of its losses."""
        grid, update = self._grid, self._update
        indices = grid.indices(batch, micro_batch)
        context = self._context(batch, micro_batch)
        self._computer.use(self._own_parameters)
        loss = self._computer.gradient(indices, len(indices), context, self._own_gradients)
        norm = 0.0
        if update.optimization.measures_norm:
            norm = norm_of(update.measure(self._gradient, 1.0))
        factor = self._board.rate_factor
        update.apply(batch + 1, self._gradient, norm, None, factor, self._rows, self._rows)
        return loss
