"""The gradient worker that waits for no other: takes the tasks dealt to it, each a whole mini-batch or
several, and reads the parameters while the shards go on."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.flat import FlatLayout
from .data.steps import Steps
from .exchange.board import Board
from .exchange.doorbell import fence
from .faults import reach
from .gradient_worker import GradientWorker


class DealtWorker(GradientWorker):
    """A worker under `bounded` or `async`; evaluation is dealt out as in `sync`."""

    def __init__(
        self,
        incarnation: int,
        board: Board,
        layout: FlatLayout,
        *others: Any,
        steps: Steps,
        parts: Sequence[slice],
        pull_every: int,
    ) -> None:
        """others: see GradientWorker. parts: the slice of each shard. pull_every: mini-batches for which the
        parameters stay as they were read (Dean et al., 2012: n_fetch)."""
        super().__init__(incarnation, board, layout, *others)
        self._steps = steps
        self._parts = parts
        self._pull_every = pull_every
        self._own = np.zeros(layout.size, np.float32)
        self._own_parameters = list(layout.views(self._own).values())
        self._share = np.zeros(layout.size, np.float32)
        self._share_views = list(layout.views(self._share).values())
        self._since_pull = 0
        self._own_version = 0

    def advance(self) -> bool:
        """Do the next piece of work that is due; False when there is none."""
        board, desk = self._board, self._desk
        if board.evaluation and board.step() >= board.horizon:
            return super().advance()
        dealt = board.ledger.dealt(self._incarnation)
        due = [(task, slot) for slot, task, _ in dealt if not desk.has_gradient(task, slot)]
        if not due:
            return False
        self._compute_task(*min(due))
        board.bells.ring(board.shard_bell(0))
        return True

    def _compute_task(self, task: int, slot: int) -> None:
        """The mean gradient over the samples of all mini-batches of a task, added up in their order."""
        reach("worker.before_compute", task)
        began, waited = time.perf_counter(), self._computer.input.waited
        desk, grid, width = self._desk, self._grid, self._board.shape.buffers
        desk.reserve(slot)
        samples, loss, passes = self._steps.samples(task), 0.0, 0
        oldest: int | None = None
        for batch in self._steps.batches(task):
            version = self._pull()
            oldest = version if oldest is None else oldest
            for micro_batch in range(grid.micro_batch_count(batch)):
                context = self._context(batch, micro_batch)
                out = self._share_views if passes else self._gradients[slot]
                loss += self._computer.gradient(grid.indices(batch, micro_batch), samples, context, out)
                if passes:
                    np.add(desk.gradients[slot], self._share, out=desk.gradients[slot])
                if width:
                    self._computer.observed(desk.observed[slot, passes * width : (passes + 1) * width])
                passes += 1
        assert oldest is not None
        desk.losses[slot] = loss
        desk.set_version(slot, oldest)
        self._count_input(
            self._steps.batches(task)[0], self._computer.input.waited - waited, time.perf_counter() - began
        )
        reach("worker.before_publish", task)
        desk.publish_gradient(task, slot)
        reach("worker.after_publish", task)

    def _pull(self) -> int:
        """Read the parameters if that is due; returns the version that they are of, or newer in part."""
        if self._since_pull == 0 or self._version != -1:
            # Taken before anything is read: a shard that goes on makes them newer, never older.
            self._own_version = self._board.step()
            for shard, part in enumerate(self._parts):
                self._copy(shard, part)
            self._computer.use(self._own_parameters)
            self._version = -1  # an evaluation computes with others
            self._since_pull = 0
        self._since_pull = (self._since_pull + 1) % self._pull_every
        return self._own_version

    def _copy(self, shard: int, part: slice) -> None:
        """Copy a shard's slice. Once that shard is a version further it may write over what is read here, so
        then again: an update takes longer than a copy."""
        board = self._board
        while True:
            version = board.shard_version(shard)
            fence()
            self._own[part] = board.parameters[version % 2, part]
            fence()
            if board.shard_version(shard) == version:
                return
