"""All that turns the mean gradient of a mini-batch into the next parameters: a job's optimizer in full."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Literal

from ..core import nn, optim
from ..core.errors import ChainruleError
from ..core.flat import FlatLayout, layout_of
from ..core.metrics import HIGHER_IS_BETTER
from ..core.optim import FlatUpdate, Group, LossScale, MovingAverage, Sophia
from ..core.optim.groups import AnyRule
from ..core.optim.schedules import Constant, Plateau, Schedule
from .schedule import schedule_of
from .spec import JobSpec, SpecError, Violation
from .spec.optimizers import MuonSpec, OptimizerSpec, ParameterGroupSpec, SophiaSpec
from .spec.schedules import PlateauSpec
from .spec.training import TrainingSpec

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


_RULES: dict[str, type[AnyRule]] = {
    "sgd": optim.SGD,
    "adam": optim.Adam,
    "adamw": optim.AdamW,
    "amsgrad": optim.AMSGrad,
    "nadam": optim.NAdam,
    "radam": optim.RAdam,
    "adagrad": optim.AdaGrad,
    "adadelta": optim.AdaDelta,
    "rmsprop": optim.RMSProp,
    "lion": optim.Lion,
    "lamb": optim.LAMB,
    "sophia": optim.Sophia,
    "muon": optim.Muon,
}


def optimization_of(spec: JobSpec, model: nn.Module, steps_per_epoch: int) -> Optimization:
    """The optimization that a job asks for.

    Raises SpecError where a group's pattern matches nothing, or the rule cannot take a parameter.
    """
    training, optimizer, layout = spec.training, spec.optimizer, layout_of(model)
    rule = _rule(optimizer)
    groups = [
        Group(group.parameters, group.learning_rate, group.weight_decay, frozen=group.frozen)
        for group in spec.parameter_groups
    ]
    if isinstance(optimizer, MuonSpec):
        groups = [*_left_to_adamw(optimizer, groups, model), *groups]
    plateau = training.schedule if isinstance(training.schedule, PlateauSpec) else None
    average = training.average
    optimization = Optimization(
        rule,
        tuple(groups),
        schedule=schedule_of(training, steps_per_epoch),
        clip_value=training.clip_value,
        clip_norm=training.clip_norm,
        average=None if average is None else MovingAverage(average.decay, average.warm_up),
        loss_scale=loss_scale_of(training),
        plateau=None if plateau is None else _plateau(plateau),
        plateau_metric="loss" if plateau is None else plateau.metric,
        estimator=optimizer.estimator if isinstance(optimizer, SophiaSpec) else "gauss_newton_bartlett",
    )
    _check_groups(spec, layout)
    try:
        optimization.slots(layout)
    except ChainruleError as error:
        raise SpecError([Violation(f"optimizer.{optimizer.kind}", str(error))]) from error
    return optimization


def loss_scale_of(training: TrainingSpec) -> LossScale | None:
    """How the loss is scaled: as the job says, else where float16 needs it; None where it is not."""
    if training.loss_scale is not None:
        return LossScale(training.loss_scale.initial, interval=training.loss_scale.interval)
    return LossScale() if training.precision == "float16" else None


def _rule(spec: OptimizerSpec) -> AnyRule:
    settings = spec.settings()
    settings.pop("estimator", None)
    settings.pop("adamw_learning_rate", None)
    return _RULES[spec.kind](**settings)


def _left_to_adamw(spec: MuonSpec, groups: list[Group], model: nn.Module) -> list[Group]:
    """A group for each parameter that is no matrix, or a table of vectors, else as its own group says."""
    adamw = optim.AdamW(spec.adamw_learning_rate, weight_decay=spec.weight_decay)
    tables = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    found = []
    for name, parameter in model.parameters().items():
        if parameter.ndim > 1 and id(parameter) not in tables:
            continue
        own = next((group for group in groups if fnmatchcase(name, group.pattern)), Group(name))
        found.append(replace(own, pattern=name, rule=adamw))
    return found


def _plateau(spec: PlateauSpec) -> Plateau:
    return Plateau(
        spec.factor,
        spec.patience,
        spec.threshold,
        rest=spec.rest,
        least=spec.least,
        mode="max" if spec.metric in HIGHER_IS_BETTER else "min",
    )


def _check_groups(spec: JobSpec, layout: FlatLayout) -> None:
    fields = [(f"parameter_groups[{i}]", group.parameters) for i, group in enumerate(spec.parameter_groups)]
    fields += [(f"penalties[{i}].{each.kind}", each.parameters) for i, each in enumerate(spec.penalties)]
    violations = [
        Violation(f"{field}.parameters", f"'{pattern}' matches none of {_listed(layout.names)}")
        for field, pattern in fields
        if not any(fnmatchcase(name, pattern) for name in layout.names)
    ]
    if all(_frozen(name, spec.parameter_groups) for name in layout.names):
        violations.append(Violation("parameter_groups", "all parameters are frozen: nothing to train"))
    if violations:
        raise SpecError(violations)


def _frozen(name: str, groups: Sequence[ParameterGroupSpec]) -> bool:
    """Whether the first group that matches says so, as everything in a group is the first one's."""
    return next((group.frozen for group in groups if fnmatchcase(name, group.parameters)), False)


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
