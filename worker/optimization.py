"""All that turns the mean gradient of a mini-batch into the next parameters: a job's optimizer in full."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ..core.flat import FlatLayout
from ..core.optim import FlatUpdate, Group, LossScale, MovingAverage, Sophia
from ..core.optim.groups import AnyRule
from ..core.optim.schedules import Constant, Plateau, Schedule

Estimator = Literal["gauss_newton_bartlett", "hutchinson"]
"""Of the Hessian's diagonal; see `core.optim.curvature`."""

AVERAGE = "average"
"""The row of state that holds the moving average of the weights, after those of the rule."""


@dataclass(frozen=True)
class Optimization:
    """The update rule and what goes with any rule; see `core.optim` for each.

    `clip_value` and `clip_norm` bound the gradient, by element, then as a whole (without what is frozen).
    `loss_scale` is the one of the first step. `plateau` reduces the learning rates by what it sees of
    `plateau_metric` at the end of each epoch, beside the schedule. `estimator`: what Sophia is given.
    """

    rule: AnyRule
    groups: tuple[Group, ...] = ()
    schedule: Schedule = field(default_factory=Constant)
    clip_value: float | None = None
    clip_norm: float | None = None
    average: MovingAverage | None = None
    loss_scale: LossScale | None = None
    plateau: Plateau | None = None
    plateau_metric: str = "loss"
    estimator: Estimator = "gauss_newton_bartlett"

    @property
    def estimates_curvature(self) -> bool:
        """Whether some steps need an estimate of the Hessian's diagonal beside the gradient."""
        return isinstance(self.rule, Sophia)

    def observes(self, step: int) -> bool:
        """Whether step number `step` (from 1) does."""
        return isinstance(self.rule, Sophia) and self.rule.observes(step)

    @property
    def measures_norm(self) -> bool:
        """Whether an update needs the norm of the whole gradient, which no shard knows alone."""
        return self.clip_norm is not None or self.loss_scale is not None

    @property
    def changes_gradient(self) -> bool:
        """Whether the gradient that the rule gets is another than the sum that came in."""
        return self.measures_norm or self.clip_value is not None

    def slots(self, layout: FlatLayout) -> tuple[str, ...]:
        """Names of the rows of state, each as long as the parameters."""
        rows = FlatUpdate(layout, self.rule, self.groups).slots
        return rows if self.average is None else (*rows, AVERAGE)
