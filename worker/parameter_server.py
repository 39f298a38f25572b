"""The parameter server: each shard owns a slice of the parameters and applies every gradient to it exactly
once."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from enum import Enum

import numpy as np

from ..core.optim import LossScale
from ..core.optim.norm import norm_of
from .buffers import Buffers
from .exchange.board import Board
from .faults import reach
from .residuals import keep_residuals
from .sequencing import Sequencing
from .shard_update import ShardUpdate
from .staleness import rate_at


class Push(Enum):
    """What became of a pushed gradient."""

    ACCEPTED = "accepted"
    REPEATED = "repeated"
    LATE = "late"
    EARLY = "early"


class ParameterServerShard:
    """The exactly-once accounting of one shard; it knows neither where gradients come from nor go.

    A shard is always at one step: it accepts each micro-batch of that step once, refuses all else, and when
    the step is complete adds the gradients up in micro-batch order, never in order of arrival.
    """

    def __init__(self, step: int, micro_batch_count: Callable[[int], int]) -> None:
        """`micro_batch_count(step)`: how many micro-batches make up a step."""
        self.step = step
        self._micro_batch_count = micro_batch_count
        self._gradients: dict[int, np.ndarray] = {}
        self._losses: dict[int, float] = {}
        self._observed: dict[int, np.ndarray] = {}
        self._curvatures: dict[int, np.ndarray] = {}
        self._residuals: dict[int, np.ndarray] = {}

    def missing(self) -> list[int]:
        """The micro-batches of the present step that have not been accepted yet."""
        return [m for m in range(self._micro_batch_count(self.step)) if m not in self._gradients]

    def push(
        self,
        step: int,
        micro_batch: int,
        loss: float,
        gradient: np.ndarray,
        observed: np.ndarray | None = None,
        curvature: np.ndarray | None = None,
        residual: np.ndarray | None = None,
    ) -> Push:
        """Offer the gradient of (`step`, `micro_batch`): (n,) float32, kept by reference until `complete`, as
        is what the pass saw of the model's buffers, its estimate of the curvature (n,), and what compression
        has left out of the gradient (n,)."""
        if step != self.step:
            return Push.LATE if step < self.step else Push.EARLY
        if micro_batch in self._gradients:
            return Push.REPEATED
        self._gradients[micro_batch] = gradient
        self._losses[micro_batch] = loss
        if observed is not None:
            self._observed[micro_batch] = observed
        if curvature is not None:
            self._curvatures[micro_batch] = curvature
        if residual is not None:
            self._residuals[micro_batch] = residual
        return Push.ACCEPTED

    def total(self, out: np.ndarray, part: slice, own: bool) -> np.ndarray:
        """The sum of the step's gradients within `part`, in `out` (n,); where there is but one gradient and
        the sum need not be one's `own` to change, that gradient itself."""
        return _total(self._gradients, out, part, own)

    def curvature(self, out: np.ndarray, part: slice) -> np.ndarray:
        """The sum of the step's estimates of the curvature within `part`, in `out` (n,) or an estimate."""
        return _total(self._curvatures, out, part, own=False)

    def rows(self) -> list[np.ndarray]:
        """What was accepted for the step, in micro-batch order."""
        return [self._gradients[m] for m in sorted(self._gradients)]

    def observed(self) -> list[np.ndarray]:
        """What the step's passes saw, in micro-batch order."""
        return [self._observed[m] for m in sorted(self._observed)]

    def residuals(self) -> list[np.ndarray]:
        """What compression has left out of the step's gradients, in micro-batch order."""
        return [self._residuals[m] for m in sorted(self._residuals)]

    def complete(self) -> float:
        """Go on to the next step; returns the sum of the losses of the one that is over."""
        loss = sum(self._losses[m] for m in sorted(self._losses))
        self._gradients.clear()
        self._losses.clear()
        self._observed.clear()
        self._curvatures.clear()
        self._residuals.clear()
        self.step += 1
        return loss


class ParameterServer:
    """A shard at work on the board: collects the gradients of its slice from the desks and publishes new
    versions.

    Where an update needs the norm of the whole gradient, a step has two phases: each shard publishes the
    squared sums of its blocks, and once all have, each computes the same norm from all of them.

    Where workers do not wait for one another, a step is the next update of the board's ledger: one gradient.
    """

    def __init__(
        self,
        index: int,
        board: Board,
        update: ShardUpdate,
        micro_batch_count: Callable[[int], int],
        buffers: Buffers | None = None,
        steps_per_epoch: int = 1,
        sequencing: Sequencing | None = None,
        observed: Callable[[int], list[tuple[int, int]]] | None = None,
    ) -> None:
        """buffers: those that this shard looks after; shard 0 alone does, in a model that has any.
        sequencing: what shard 0 does beside, where workers do not wait for one another. observed: where the
        rows of a step hold replicas that are averaged, the (replica, place in its row) of each pass of the
        model, in order."""
        self.bell = board.shard_bell(index)
        self._index = index
        self._board = board
        self._update = update
        self._buffers = buffers
        self._steps_per_epoch = steps_per_epoch
        self._sequencing = sequencing
        self._observed = observed
        self._micro_batch_count = micro_batch_count
        count = (lambda _: 1) if board.shape.has_ledger else micro_batch_count
        self._shard = ParameterServerShard(board.shard_version(index), count)
        # Only what the shard reads is ever touched, and so takes memory.
        self._sum = np.empty(board.shape.parameters, np.float32)
        self._curvature = np.empty(board.shape.parameters if board.shape.curvature else 0, np.float32)
        self._rows = [
            [parameters, *state] for parameters, state in zip(board.parameters, board.state, strict=True)
        ]
        self._gradient: np.ndarray | None = None

    @property
    def patience(self) -> float:
        """How long to sleep at most, in seconds: a bell tells of all that there is to do."""
        return math.inf

    def advance(self) -> bool:
        """Take in what has arrived and, once a step is complete, apply it; False when nothing was to be
        done."""
        if not self._board.shape.has_ledger:
            return self._advance()
        moved = self._sequencing is not None and self._sequencing.advance()
        while self._advance():
            moved = True
        return moved

    def _advance(self) -> bool:
        measures = self._update.optimization.measures_norm
        if self._gradient is None:
            collect = self._collect_logged if self._board.shape.has_ledger else self._collect
            if not collect():
                return False
            if self._observed is not None:
                self._average(self._observed)
                return True
            own = self._update.optimization.changes_gradient
            self._gradient = self._shard.total(self._sum, self._update.reads, own)
            if measures:
                self._measure(self._gradient)
                return True
        if measures and not self._board.has_norm(self._shard.step):
            return False
        self._apply(self._gradient)
        self._gradient = None
        return True

    def _collect(self) -> bool:
        """Take in the gradients that have arrived; whether those of the step are complete."""
        board, shard = self._board, self._shard
        if shard.step >= board.horizon:
            return False
        desks = board.desks()
        observes = self._update.optimization.observes(shard.step + 1)
        missing = shard.missing()
        left = len(missing)
        for micro_batch in missing:
            for desk in desks:
                if desk.has_gradient(shard.step, micro_batch):
                    loss = float(desk.losses[micro_batch])
                    seen = None if self._buffers is None else desk.observed[micro_batch]
                    curvature = desk.curvatures[micro_batch] if observes else None
                    residual = desk.residuals[micro_batch] if board.shape.payload_bytes else None
                    gradient = desk.gradients[micro_batch]
                    shard.push(shard.step, micro_batch, loss, gradient, seen, curvature, residual)
                    left -= 1
                    break
        return not left

    def _collect_logged(self) -> bool:
        """Take in the gradient of the next update; whether there is one yet."""
        board, shard = self._board, self._shard
        if shard.step >= board.ledger.logged:
            return False
        if self._update.optimization.measures_norm and board.step() < shard.step:
            return False  # another shard still needs the norm of the update before
        entry = board.ledger.entry(shard.step)
        desk = board.desk_of(entry.incarnation)
        assert desk is not None, f"the desk of worker {entry.incarnation} was removed too early"
        seen = None
        if self._buffers is not None:
            seen = desk.observed[entry.slot, : self._micro_batch_count(entry.task) * board.shape.buffers]
        shard.push(shard.step, 0, float(desk.losses[entry.slot]), desk.gradients[entry.slot], seen)
        return True

    def _average(self, observed: Callable[[int], list[tuple[int, int]]]) -> None:
        """Make the mean over the replicas, in their order, the next version."""
        board, part, step = self._board, self._update.part, self._shard.step
        after = self._rows[(step + 1) % 2]
        replicas = [row.reshape(len(after), -1)[:, part] for row in self._shard.rows()]
        for place, out in enumerate(after):
            _mean([replica[place] for replica in replicas], out[part])
        if self._buffers is not None:
            buffers = board.buffers[(step + 1) % 2]
            buffers[...] = board.buffers[step % 2]
            seen = [row.reshape(-1, len(buffers)) for row in self._shard.observed()]
            for replica, place in observed(step):
                self._buffers.absorb(buffers, seen[replica][place])
        loss = self._shard.complete()
        reach("shard.before_publish", step)
        board.publish_version(self._index, step + 1, loss)

    def _measure(self, gradient: np.ndarray) -> None:
        step = self._shard.step
        sums = self._update.measure(gradient, self._board.loss_scale(step)[0])
        reach("shard.before_norm", step)
        self._board.publish_norm(self._index, step, self._update.blocks, sums)
        reach("shard.after_norm", step)

    def _apply(self, gradient: np.ndarray) -> None:
        board, update, step = self._board, self._update, self._shard.step
        norm = norm_of(board.squares) if update.optimization.measures_norm else 0.0
        scale = self._scale(step)
        before, after = self._rows[step % 2], self._rows[(step + 1) % 2]
        curvature = None
        if update.optimization.observes(step + 1):
            curvature = self._shard.curvature(self._curvature, update.part)
        factor = board.rate_factor
        if board.shape.has_ledger:
            factor *= rate_at(board.ledger.staleness(step))
        update.apply(step + 1, gradient, norm, scale, factor, before, after, curvature)
        skipped = scale is not None and scale.skips(math.isfinite(norm))
        if board.shape.payload_bytes:
            halves = board.residuals[step % 2], board.residuals[(step + 1) % 2]
            left_out = None if skipped else self._shard.residuals()
            keep_residuals(*halves, left_out, update.part, (step + 1) % self._steps_per_epoch == 0)
        if self._buffers is not None:
            following_buffers = board.buffers[(step + 1) % 2]
            following_buffers[...] = board.buffers[step % 2]
            if not skipped:
                for row in self._shard.observed():
                    for seen in row.reshape(-1, board.shape.buffers):
                        self._buffers.absorb(following_buffers, seen)
        if scale is not None and self._index == 0:
            following = scale.after(math.isfinite(norm))
            board.set_loss_scale(step + 1, float(following.value), int(following.good_steps))
        loss = self._shard.complete()
        reach("shard.before_publish", step)
        board.publish_version(self._index, step + 1, loss)

    def _scale(self, step: int) -> LossScale | None:
        scale = self._update.optimization.loss_scale
        if scale is None:
            return None
        value, good_steps = self._board.loss_scale(step)
        return replace(scale, value=value, good_steps=good_steps)


def _total(rows_by_micro_batch: dict[int, np.ndarray], out: np.ndarray, part: slice, own: bool) -> np.ndarray:
    rows = [rows_by_micro_batch[m] for m in sorted(rows_by_micro_batch)]
    if len(rows) == 1:
        if not own:
            return rows[0]
        out[part] = rows[0][part]
        return out
    total = out[part]
    np.add(rows[0][part], rows[1][part], out=total)
    for further in rows[2:]:
        np.add(total, further[part], out=total)
    return out


def _mean(rows: list[np.ndarray], out: np.ndarray) -> None:
    """The mean of `rows` into `out`; exactly what they are where they are equal, as frozen parameters are."""
    if len(rows) == 1:
        out[...] = rows[0]
        return
    out[...] = 0
    for row in rows[1:]:
        out += row - rows[0]
    out /= np.float32(len(rows))
    out += rows[0]
