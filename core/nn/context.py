"""What a layer may need to know about the pass it is part of, apart from its input."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import Any

from ..array import Array, array_module
from ..errors import Unplannable
from ..random import uniform
from ..tensor import Tensor


@dataclass(frozen=True)
class ForwardContext:
    """One forward pass. Seed, step and first_sample key everything random in it.

    training: True while learning, False while evaluating.
    seed, step: the job's seed and the global step.
    first_sample: the position in the mini-batch of the input's first row, so that cutting a mini-batch into
    micro-batches changes no sample's random numbers.
    present: (n, time) booleans, false where a sequence is padding; None where nothing is. A Sequential learns
    it from an Embedding with a padding id and tells the layers after that.
    """

    training: bool
    seed: int = 0
    step: int = 0
    first_sample: int = 0
    present: Array | None = field(default=None, compare=False)

    def present_in(self, x: Tensor) -> Array | None:
        """`present` for x (n, time, ...), as long as no layer has made another number of elements of them."""
        return None if self.present is None or self.present.shape != x.shape[:2] else self.present

    def uniform(self, stream: int, x: Tensor) -> Array:
        """A number in [0, 1) for each element of x (n, ...), that depends on the element's sample alone."""
        shape, elements = x.shape, prod(x.shape[1:])

        def draw(context: ForwardContext) -> Array:
            start = context.first_sample * elements
            return uniform(context.seed, stream, context.step, start, prod(shape)).reshape(shape)

        recorder = getattr(x.data, "recorder", None)
        return array_module(x.data).asarray(draw(self)) if recorder is None else recorder.drawn(draw, self)


EVALUATION = ForwardContext(training=False)


class Unread:
    """In a context while a step is recorded: what may be drawn from, and not be looked at."""

    def __getattr__(self, name: str) -> Any:
        raise Unplannable("the forward pass reads the step, the seed or the sample of its context")


def _unread(self: Unread, *others: Any) -> Any:
    raise Unplannable("the forward pass reads the step, the seed or the sample of its context")


for _name in """add radd sub rsub mul rmul truediv rtruediv floordiv rfloordiv mod rmod pow rpow and
or xor lshift rshift lt le gt ge eq ne neg abs int index float bool hash str repr format""".split():
    setattr(Unread, f"__{_name}__", _unread)


def keys_only(context: ForwardContext) -> ForwardContext:
    """The context with numbers that only `ForwardContext.uniform` may use."""
    unread: Any = Unread()
    return ForwardContext(context.training, unread, unread, unread, context.present)
