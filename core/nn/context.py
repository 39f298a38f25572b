"""What a layer may need to know about the pass it is part of, apart from its input."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ForwardContext:
    """One forward pass. The four numbers key everything random in it.

    training: True while learning, False while evaluating.
    seed, step: the job's seed and the global step.
    first_sample: the position in the mini-batch of the input's first row, so that cutting a mini-batch into
    micro-batches changes no sample's random numbers.
    """

    training: bool
    seed: int = 0
    step: int = 0
    first_sample: int = 0


EVALUATION = ForwardContext(training=False)
