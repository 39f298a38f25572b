"""A job's learning-rate schedule: what its file says in epochs, in steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.errors import ChainruleError
from ..core.optim import schedules
from ..core.optim.schedules import Schedule
from .spec import SpecError, Violation
from .spec.schedules import ScheduleSpec
from .spec.training import TrainingSpec

Steps = Callable[[float], int]
"""Epochs -> steps, at least 1."""


def schedule_of(training: TrainingSpec, steps_per_epoch: int) -> Schedule:
    """The factor of each step, without what a plateau takes off. SpecError where it cannot be."""

    def steps(epochs: float) -> int:
        return max(1, round(epochs * steps_per_epoch))

    warm_up = training.warm_up
    left = training.epochs if warm_up is None else max(training.epochs - warm_up.epochs, 0.0)
    schedule: Schedule = schedules.Constant()
    if training.schedule is not None and training.schedule.kind in _SCHEDULES:
        try:
            schedule = _SCHEDULES[training.schedule.kind](training.schedule, steps, left)
        except ChainruleError as error:
            field = f"training.schedule.{training.schedule.kind}"
            raise SpecError([Violation(field, str(error))]) from error
    if warm_up is not None:
        schedule = schedules.WarmUp(steps(warm_up.epochs), schedule, warm_up.start)
    return schedule


def _step(spec: Any, steps: Steps, left: float) -> Schedule:
    return schedules.StepDecay(steps(spec.every), spec.factor)


def _multi_step(spec: Any, steps: Steps, left: float) -> Schedule:
    return schedules.MultiStep(tuple(map(steps, spec.milestones)), spec.factor)


def _exponential(spec: Any, steps: Steps, left: float) -> Schedule:
    return schedules.Exponential(spec.factor ** (1 / steps(1)))


def _polynomial(spec: Any, steps: Steps, left: float) -> Schedule:
    return schedules.Polynomial(steps(spec.epochs or left), spec.power, spec.final)


def _cosine(spec: Any, steps: Steps, left: float) -> Schedule:
    return schedules.Cosine(steps(spec.epochs or left), spec.final)


def _cosine_restarts(spec: Any, steps: Steps, left: float) -> Schedule:
    return schedules.CosineRestarts(steps(spec.first), spec.growth, spec.final)


def _one_cycle(spec: Any, steps: Steps, left: float) -> Schedule:
    return schedules.OneCycle(steps(left), spec.peak, spec.start, spec.final)


_SCHEDULES: dict[str, Callable[[ScheduleSpec, Steps, float], Schedule]] = {
    "step": _step,
    "multi_step": _multi_step,
    "exponential": _exponential,
    "polynomial": _polynomial,
    "cosine": _cosine,
    "cosine_restarts": _cosine_restarts,
    "one_cycle": _one_cycle,
}
"""All but the constant, and the plateau, which is the coordinator's."""
