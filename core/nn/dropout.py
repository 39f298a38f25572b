"""Dropout with keyed random numbers: the same elements fall out on any number of workers."""

from __future__ import annotations

from typing import ClassVar

from ..random import DROPOUT, substream
from ..settings import FRACTION
from ..tensor import Tensor
from .context import ForwardContext
from .module import Module


class Dropout(Module):
    """Zero each element with probability `rate` and divide the rest by 1 - rate, while training only.

    Any shape -> same shape. Srivastava et al., JMLR 15 (2014), in the inverted form. `index` tells the
    dropout layers of one model apart; `number_dropouts` sets it, as Sequential and `initialize` do.
    """

    kind: ClassVar[str] = "dropout"

    def __init__(self, rate: float = 0.5) -> None:
        self.rate = FRACTION.check(self.kind, "rate", rate)
        self.index = 0

    def forward(self, x: Tensor, context: ForwardContext) -> Tensor:
        if not context.training or self.rate == 0:
            return x
        draws = context.uniform(substream(DROPOUT, self.index), x)
        return x * ((draws >= self.rate) * x.dtype.type(1 / (1 - self.rate)))

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return input_shape


def number_dropouts(model: Module) -> None:
    """Give every dropout layer inside `model` the number of its place, so that no two draw the same."""
    for index, module in enumerate(model.modules()):
        if isinstance(module, Dropout):
            module.index = index
