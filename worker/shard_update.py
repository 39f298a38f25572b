"""What a parameter-server shard computes from the summed gradient: its part of the next version, to the byte
what an update of the whole would give."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

import numpy as np

from ..core.flat import FlatLayout
from ..core.optim import FlatUpdate, LossScale, Sophia
from ..core.optim.clip import clip_by_value, norm_factor
from ..core.optim.groups import rules_by_parameter
from ..core.optim.norm import NORM_BLOCK, squared_sums
from .optimization import Optimization


class ShardUpdate:
    """A job's optimizer on the slice `part` of the flat buffers; plain arithmetic on (layout.size,) arrays.

    `reads`: where it needs the summed gradient. That is more than `part` where a cut runs through a parameter
    whose rule looks at the whole of it, or through a block of the norm. `blocks`: the blocks of the norm that
    begin in `part`; none where no norm is measured.
    """

    def __init__(self, optimization: Optimization, layout: FlatLayout, part: slice) -> None:
        self.optimization = optimization
        self.part = part
        self.blocks = slice(0, 0)
        self._flat = FlatUpdate(layout, optimization.rule, optimization.groups, part)
        self._slots = len(self._flat.slots)
        self._frozen: list[slice] = []
        self.reads = self._flat.reads
        if optimization.measures_norm:
            self.blocks = slice(-(-part.start // NORM_BLOCK), -(-part.stop // NORM_BLOCK))
            self._frozen = _frozen(optimization, layout)
        self._measured = slice(
            self.blocks.start * NORM_BLOCK, min(self.blocks.stop * NORM_BLOCK, layout.size)
        )
        if self._measured.start < self._measured.stop:
            self.reads = slice(
                min(self.reads.start, self._measured.start), max(self.reads.stop, self._measured.stop)
            )

    def measure(self, gradient: np.ndarray, scale: float) -> np.ndarray:
        """Divide the gradient by the loss scale, clear what is frozen, both in place; returns the squared
        sums of `blocks`."""
        if scale != 1.0:
            gradient[self.reads] *= np.float32(1 / scale)
        for frozen in self._frozen:
            gradient[max(frozen.start, self.reads.start) : min(frozen.stop, self.reads.stop)] = 0
        return squared_sums(gradient[self._measured])

    def apply(
        self,
        step: int,
        gradient: np.ndarray,
        norm: float,
        scale: LossScale | None,
        factor: float,
        before: Sequence[np.ndarray],
        after: Sequence[np.ndarray],
        curvature: np.ndarray | None = None,
    ) -> None:
        """Take step number `step` (from 1) from version `before` to `after`; writes only `part` of `after`.

        before, after: the parameters, then the rows of state. gradient: changed in place if the optimization
        changes gradients. norm: of the whole gradient, if it is measured. factor: for the learning rates,
        beside the schedule's. curvature: an estimate of the Hessian's diagonal, where the step observes one.
        """
        optimization, part = self.optimization, self.part
        if scale is not None and scale.skips(isfinite(norm)):
            for row, out in zip(before, after, strict=True):
                out[part] = row[part]
            return
        read = gradient[self.reads]
        if optimization.clip_value is not None:
            clip_by_value(read, optimization.clip_value)
        if optimization.clip_norm is not None:
            clip = norm_factor(norm, optimization.clip_norm)
            if clip < 1:
                read *= np.float32(clip)
        rows = slice(1, 1 + self._slots)
        factor *= optimization.schedule(step)
        state = before[rows]
        if curvature is not None and isinstance(optimization.rule, Sophia):
            own = [[row[part] for row in version[rows]] for version in (before, after)]
            optimization.rule.observe(curvature[part], *own)
            state = after[rows]
        self._flat.update(step, gradient, before[0], state, after[0], after[rows], factor)
        if optimization.average is not None:
            optimization.average.update(step, after[0][part], before[-1][part], after[-1][part])


def _frozen(optimization: Optimization, layout: FlatLayout) -> list[slice]:
    rules = rules_by_parameter(layout, optimization.rule, optimization.groups)
    ends = (*layout.offsets[1:], layout.size)
    return [
        slice(start, end)
        for rule, start, end in zip(rules, layout.offsets, ends, strict=True)
        if rule is None
    ]
