"""The exponential moving average of weights: what one evaluates with, rather than the last step's weights."""

from __future__ import annotations

from dataclasses import dataclass

from ..array import Array, array_module
from .rule import require


@dataclass(frozen=True)
class MovingAverage:
    """a = d * a + (1 - d) * p after each step: Polyak & Juditsky (1992), with weights that fade.

    d is `decay`; with `warm_up`, min(decay, (1 + step) / (10 + step)), so that the first weights are soon
    forgotten. The average starts as a copy of the parameters. Any slice of a buffer can be averaged alone.
    """

    decay: float = 0.999
    warm_up: bool = False

    def __post_init__(self) -> None:
        require("moving average", "decay", self.decay, 0 <= self.decay < 1, "at least 0 and below 1")

    def update(self, step: int, parameters: Array, average: Array, out_average: Array) -> None:
        """Take in the parameters after step `step` (from 1). All arrays: (n,); writes only `out_average`."""
        decay = min(self.decay, (1 + step) / (10 + step)) if self.warm_up else self.decay
        xp, number = array_module(parameters), parameters.dtype.type
        difference = parameters - average
        difference *= number(1 - decay)
        xp.add(average, difference, out=out_average)
