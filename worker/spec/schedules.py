"""The learning-rate schedules that a job file can name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from .losses import Measured
from .section import Count, Factor, Fraction, Id, Kind, NotNegative, Positive, Section, one_of, table_of


class ScheduleSpec(Kind):
    """One of the schedules in `core.optim.schedules`; times are in epochs, of which a part may be written."""


Epochs = Annotated[Positive, Field(lt=2**31, description="a number of epochs above 0 and below 2**31")]


class ConstantSpec(ScheduleSpec):
    kind: ClassVar[str] = "constant"


class StepSpec(ScheduleSpec):
    kind: ClassVar[str] = "step"
    every: Epochs
    factor: Factor = 0.1


class MultiStepSpec(ScheduleSpec):
    kind: ClassVar[str] = "multi_step"
    milestones: Annotated[
        tuple[Epochs, ...],
        Field(min_length=1, max_length=1000, description="a list of epochs, such as [30, 60]"),
    ]
    factor: Factor = 0.1


class ExponentialSpec(ScheduleSpec):
    """factor: for each epoch, smoothly, a part of it at each step."""

    kind: ClassVar[str] = "exponential"
    factor: Factor = 0.95


class PolynomialSpec(ScheduleSpec):
    """epochs: until it is at its end; those of the training where they are left out."""

    kind: ClassVar[str] = "polynomial"
    epochs: Epochs | None = None
    power: Positive = 1.0
    final: Fraction = 0.0


class CosineScheduleSpec(ScheduleSpec):
    """epochs: until it is at its end; those of the training where they are left out."""

    kind: ClassVar[str] = "cosine"
    epochs: Epochs | None = None
    final: Fraction = 0.0


class CosineRestartsSpec(ScheduleSpec):
    kind: ClassVar[str] = "cosine_restarts"
    first: Epochs
    growth: Count = 1
    final: Fraction = 0.0


class OneCycleSpec(ScheduleSpec):
    """Over the epochs of the training."""

    kind: ClassVar[str] = "one_cycle"
    peak: Factor = 0.3
    start: Factor = 0.04
    final: Factor = 4e-6


class PlateauSpec(ScheduleSpec):
    """metric: 'loss' or one of the job's metrics, on the held-out samples, looked at after each epoch."""

    kind: ClassVar[str] = "plateau"
    metric: Measured = Field(default="loss", description="'loss' or one of the job's metrics")
    factor: Factor = 0.1
    patience: Id = 10
    threshold: NotNegative = 1e-4
    rest: Id = 0
    least: Fraction = 0.0


SCHEDULES = table_of(
    ConstantSpec, StepSpec, MultiStepSpec, ExponentialSpec, PolynomialSpec, CosineScheduleSpec,
    CosineRestartsSpec, OneCycleSpec, PlateauSpec,
)  # fmt: skip


class WarmUpSpec(Section):
    """Along a line from `start` to 1 times the learning rate; the schedule counts from its end."""

    epochs: Epochs
    start: Fraction = 0.0


if TYPE_CHECKING:
    AnySchedule = ScheduleSpec
else:
    AnySchedule = one_of("schedule", SCHEDULES, "`cosine` or `step: {every: 10}`")
