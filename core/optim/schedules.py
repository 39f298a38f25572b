"""Learning-rate schedules: pure functions of the step, so that nothing but the step is to be saved.

A schedule gives the factor for step number `step` (from 1, as the rules count); each group's own learning
rate is multiplied by it. `Plateau` alone depends on what happened, and its state is a value of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import cos, isnan, log, pi
from typing import ClassVar, Literal

from ..errors import ChainruleError
from ..settings import Count, Factor, NotNegative, Settings

Schedule = Callable[[int], float]
"""step (from 1) -> what the learning rates are multiplied by in it."""


@dataclass(frozen=True)
class Constant(Settings):
    """Always `factor`."""

    factor: NotNegative = 1.0

    def __call__(self, step: int) -> float:
        return self.factor


@dataclass(frozen=True)
class StepDecay(Settings):
    """Times `factor` every `every` steps."""

    every: Count
    factor: NotNegative = 0.1

    label: ClassVar[str] = "step decay"

    def __call__(self, step: int) -> float:
        return self.factor ** ((step - 1) // self.every)


@dataclass(frozen=True)
class MultiStep(Settings):
    """Times `factor` after each of these numbers of steps."""

    milestones: tuple[int, ...]
    factor: NotNegative = 0.1

    def __call__(self, step: int) -> float:
        return self.factor ** sum(milestone < step for milestone in self.milestones)


@dataclass(frozen=True)
class Exponential(Settings):
    """Times `factor` each step."""

    factor: NotNegative

    def __call__(self, step: int) -> float:
        return self.factor ** (step - 1)


@dataclass(frozen=True)
class Polynomial(Settings):
    """From 1 to `final` in `steps` steps along (1 - t) ** power, then `final`."""

    steps: Count
    power: NotNegative = 1.0
    final: NotNegative = 0.0

    def __call__(self, step: int) -> float:
        progress = min((step - 1) / self.steps, 1.0)
        return self.final + (1 - self.final) * (1 - progress) ** self.power


@dataclass(frozen=True)
class Cosine(Settings):
    """From 1 to `final` in `steps` steps along half a cosine, then `final`: Loshchilov & Hutter (2017)."""

    steps: Count
    final: NotNegative = 0.0

    def __call__(self, step: int) -> float:
        return _half_cosine(1.0, self.final, min((step - 1) / self.steps, 1.0))


@dataclass(frozen=True)
class CosineRestarts(Settings):
    """Cosine again and again: the first time `first` steps long, each further one `growth` times the last."""

    first: Count
    growth: Count = 1
    final: NotNegative = 0.0

    label: ClassVar[str] = "cosine restarts"

    def __call__(self, step: int) -> float:
        done, length = step - 1, self.first
        if self.growth == 1:
            done %= length
        else:
            # The first n cycles take first * (growth**n - 1) / (growth - 1) steps together.
            cycle = int(log(done / self.first * (self.growth - 1) + 1, self.growth) + 1e-12)
            done -= self.first * (self.growth**cycle - 1) // (self.growth - 1)
            length *= self.growth**cycle
        return _half_cosine(1.0, self.final, done / length)


@dataclass(frozen=True)
class WarmUp(Settings):
    """Along a line from `start` to 1 in `steps` steps; after them `then`, which counts from 1 again."""

    steps: Count
    then: Schedule = Constant()
    start: NotNegative = 0.0

    label: ClassVar[str] = "warm-up"

    def __call__(self, step: int) -> float:
        if step > self.steps:
            return self.then(step - self.steps)
        return self.start + (1 - self.start) * (step - 1) / self.steps


@dataclass(frozen=True)
class OneCycle(Settings):
    """Up from `start` to 1 and down to `final` along half cosines, in `steps` steps: Smith & Topin (2018).

    peak: the share of the steps that the way up takes. After the last step it stays at `final`. The defaults
    are PyTorch's, whose max_lr is the learning rate here.
    """

    steps: Count
    peak: float = 0.3
    start: NotNegative = 1 / 25
    final: NotNegative = 1 / 25e4

    label: ClassVar[str] = "one-cycle"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.peak < 1 or self.peak * self.steps <= 1:
            raise ChainruleError(
                "one-cycle: expected a peak below 1, and more than 1 / peak steps, so that there is a way "
                f"up, got a peak of {self.peak} and {self.steps} steps"
            )

    def __call__(self, step: int) -> float:
        done, top, last = step - 1, self.peak * self.steps - 1, self.steps - 1
        if done <= top:
            return _half_cosine(self.start, 1.0, done / top)
        return _half_cosine(1.0, self.final, min((done - top) / (last - top), 1.0))


@dataclass(frozen=True)
class PlateauState:
    """What `Plateau` has seen: the present factor, the best value, how many since were no better."""

    factor: float = 1.0
    best: float | None = None
    worse: int = 0
    resting: int = 0


@dataclass(frozen=True)
class Plateau(Settings):
    """Times `factor`, but not below `least`, once more than `patience` values in a row are no better.

    Better is by more than `threshold` of the best so far (or in absolute terms). After a reduction, `rest`
    values are not counted. Give each new value to `observe`; the state that it returns holds the factor.
    """

    factor: Factor = 0.1
    patience: NotNegative = 10
    threshold: NotNegative = 1e-4
    relative: bool = True
    rest: NotNegative = 0
    least: NotNegative = 0.0
    mode: Literal["min", "max"] = "min"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.mode not in ("min", "max"):
            raise ChainruleError(f"plateau: expected mode min or max, got {self.mode!r}")

    def observe(self, state: PlateauState, value: float) -> PlateauState:
        """The state after one more value of what is watched, such as the loss of an epoch."""
        if state.best is None or self._better(value, state.best):
            state = replace(state, best=value if not isnan(value) else None, worse=0)
        else:
            state = replace(state, worse=state.worse + 1)
        if state.resting:
            state = replace(state, resting=state.resting - 1, worse=0)
        if state.worse > self.patience:
            factor = max(state.factor * self.factor, self.least)
            state = replace(state, factor=factor, worse=0, resting=self.rest)
        return state

    def _better(self, value: float, best: float) -> bool:
        sign = -1 if self.mode == "min" else 1
        margin = self.threshold * best if self.relative else self.threshold
        return sign * value > sign * (best + sign * margin)


def _half_cosine(start: float, end: float, progress: float) -> float:
    """From `start` at progress 0 to `end` at 1."""
    return end + (start - end) * (1 + cos(pi * progress)) / 2
