"""Dynamic loss scaling: gradients too small for float16 are computed of a multiple of the loss."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from ..settings import Count, Factor, Growth, NotNegative, Positive, Settings


@dataclass(frozen=True)
class LossScale(Settings):
    """What the loss of a step is multiplied by, and its gradient divided by: `after` a step, the next one's.

    It grows by `growth` after `interval` steps in a row whose gradients were finite, and shrinks by `backoff`
    where one was not: Micikevicius et al., "Mixed precision training", ICLR 2018, section 3.2, and NVIDIA's
    "Train with mixed precision", section 4.1. All are powers of two, so that scaling rounds nothing.
    """

    value: Positive = 65536.0
    good_steps: NotNegative = 0
    interval: Count = 2000
    growth: Growth = 2.0
    backoff: Factor = 0.5
    minimum: Positive = 1.0

    label: ClassVar[str] = "loss scale"

    def skips(self, finite: bool) -> bool:
        """Whether the update with a gradient that is finite, or is not, is left out.

        At the minimum it never is: what overflows there has diverged, and is to be seen.
        """
        return not finite and self.value > self.minimum

    def after(self, finite: bool) -> LossScale:
        """The scale of the step that follows one whose gradient was finite, or was not."""
        if not finite:
            return replace(self, value=max(self.value * self.backoff, self.minimum), good_steps=0)
        if self.good_steps + 1 < self.interval:
            return replace(self, good_steps=self.good_steps + 1)
        return replace(self, value=self.value * self.growth, good_steps=0)
