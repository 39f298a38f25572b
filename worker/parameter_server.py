"""The parameter server: each shard owns a slice of the parameters and applies every gradient to it exactly
once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Protocol

import numpy as np

from .exchange.board import Board
from .faults import reach


class Rule(Protocol):
    """What an optimizer of `core.optim` offers to a shard."""

    def update(
        self,
        step: int,
        gradient: np.ndarray,
        parameters: np.ndarray,
        state: Sequence[np.ndarray],
        out_parameters: np.ndarray,
        out_state: Sequence[np.ndarray],
    ) -> None:
        """Apply one step to a slice; see `core.optim`."""
        ...


class Push(Enum):
    """What became of a pushed gradient."""

    ACCEPTED = "accepted"
    REPEATED = "repeated"
    LATE = "late"
    EARLY = "early"


class ParameterServerShard:
    """The exactly-once accounting and the update of one shard; it knows neither where gradients come from nor
    go.

    A shard is always at one step: it accepts each micro-batch of that step once, refuses all else, and when
    the step is complete adds the gradients up in micro-batch order (never in order of arrival) and updates
    its slice.
    """

    def __init__(self, rule: Rule, step: int, micro_batch_count: Callable[[int], int]) -> None:
        """`micro_batch_count(step)`: how many micro-batches make up a step."""
        self.step = step
        self._rule = rule
        self._micro_batch_count = micro_batch_count
        self._gradients: dict[int, np.ndarray] = {}
        self._losses: dict[int, float] = {}

    def missing(self) -> list[int]:
        """The micro-batches of the present step that have not been accepted yet."""
        return [m for m in range(self._micro_batch_count(self.step)) if m not in self._gradients]

    def push(self, step: int, micro_batch: int, loss: float, gradient: np.ndarray) -> Push:
        """Offer the gradient of (`step`, `micro_batch`): (slice,) float32, kept by reference until the
        update."""
        if step != self.step:
            return Push.LATE if step < self.step else Push.EARLY
        if micro_batch in self._gradients:
            return Push.REPEATED
        self._gradients[micro_batch] = gradient
        self._losses[micro_batch] = loss
        return Push.ACCEPTED

    def apply(
        self,
        parameters: np.ndarray,
        state: Sequence[np.ndarray],
        out_parameters: np.ndarray,
        out_state: Sequence[np.ndarray],
    ) -> float:
        """Update from this step's (slice,) arrays into the next one's; returns the sum of the step's
        losses."""
        gradients = [self._gradients[m] for m in sorted(self._gradients)]
        gradient = gradients[0]
        if len(gradients) > 1:
            gradient = np.add(gradients[0], gradients[1])
            for further in gradients[2:]:
                np.add(gradient, further, out=gradient)
        self._rule.update(self.step + 1, gradient, parameters, state, out_parameters, out_state)
        loss = sum(self._losses[m] for m in sorted(self._losses))
        self._gradients.clear()
        self._losses.clear()
        self.step += 1
        return loss


class ParameterServer:
    """A shard at work on the board: collects the gradients of its slice from the desks and publishes new
    versions."""

    def __init__(
        self, index: int, part: slice, board: Board, rule: Rule, micro_batch_count: Callable[[int], int]
    ) -> None:
        self.bell = board.shard_bell(index)
        self._index = index
        self._part = part
        self._board = board
        self._shard = ParameterServerShard(rule, board.shard_version(index), micro_batch_count)

    def advance(self) -> bool:
        """Take in what has arrived and, once a step is complete, apply it; False when nothing was to be
        done."""
        board, shard = self._board, self._shard
        if shard.step >= board.horizon:
            return False
        desks = board.desks()
        for micro_batch in shard.missing():
            for desk in desks:
                if desk.has_gradient(shard.step, micro_batch):
                    gradient = desk.gradients[micro_batch, self._part]
                    shard.push(shard.step, micro_batch, float(desk.losses[micro_batch]), gradient)
                    break
        if shard.missing():
            return False
        self._apply()
        return True

    def _apply(self) -> None:
        board, part, step = self._board, self._part, self._shard.step
        now, following = step % 2, (step + 1) % 2
        loss = self._shard.apply(
            board.parameters[now, part],
            list(board.state[now, :, part]),
            board.parameters[following, part],
            list(board.state[following, :, part]),
        )
        reach("shard.before_publish", step)
        board.publish_version(self._index, step + 1, loss)
