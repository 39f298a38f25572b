"""The exponential moving average of weights: what one evaluates with, rather than the last step's weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .. import native
from ..array import Array, array_module
from ..settings import Fraction, Settings


@dataclass(frozen=True)
class MovingAverage(Settings):
    """a = d * a + (1 - d) * p after each step: Polyak & Juditsky (1992), with weights that fade.

    d is `decay`; with `warm_up`, min(decay, (1 + step) / (10 + step)), so that the first weights are soon
    forgotten. The average starts as a copy of the parameters. Any slice of a buffer can be averaged alone.
    """

    decay: Fraction = 0.999
    warm_up: bool = False

    label: ClassVar[str] = "moving average"

    def update(self, step: int, parameters: Array, average: Array, out_average: Array) -> None:
        """Take in the parameters after step `step` (from 1). All arrays: (n,); writes only `out_average`."""
        decay = min(self.decay, (1 + step) / (10 + step)) if self.warm_up else self.decay
        if native.suits(parameters, average, out_average):
            arrays, sizes = (parameters, average), (len(average),)
            native.launch("moving_average_f32", (out_average,), arrays, sizes, (1 - decay,))
            return
        xp, number = array_module(parameters), parameters.dtype.type
        difference = parameters - average
        difference *= number(1 - decay)
        xp.add(average, difference, out=out_average)
