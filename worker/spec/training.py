"""The course of the training, and the processes and devices that it runs on: `training` and `cluster`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from .compression import AnyCompression, NoneSpec
from .consistency import AnyConsistency, AsyncSpec, SyncSpec
from .errors import Violation, shown
from .losses import Measured
from .optimizers import AverageSpec, LossScaleSpec
from .schedules import AnySchedule, WarmUpSpec
from .section import Count, Flag, NotNegative, Positive, Section, Seed, Whole
from .violations import UNION_TAG, fields_error, value_error

Device = Literal["cpu", "cuda"]
Precision = Literal["float32", "bfloat16", "float16"]
Strategy = Literal["pack", "spread"]
LabelName = Annotated[
    str,
    Field(
        pattern=r"^([A-Za-z0-9][A-Za-z0-9.-]{0,252}/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$",
        description="the name of a label of Ray's nodes, such as zone or ray.io/accelerator-type",
    ),
]
LabelValue = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$",
        description="1 to 63 letters, digits, '.', '_' or '-'",
    ),
]
_KEYS_AND_VALUES = "keys and values"
_WORKERS = "a whole number from 1 to 256"
Workers = Annotated[Whole, Field(ge=1, le=256, description=_WORKERS)]


def _batch_size(value: Any) -> Any:
    if value == "full" or (isinstance(value, int) and not isinstance(value, bool) and 1 <= value < 2**31):
        return value
    raise value_error(f"expected a whole number, 1 or more, or 'full', got {shown(value)}")


def _gpus(value: Any) -> Any:
    number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0
    if 0 < number <= 1 or (1 < number <= 64 and number == int(number)):
        return number
    raise value_error(f"expected a number above 0 up to 1, or a whole number, got {shown(value)}")


class EarlyStoppingSpec(Section):
    metric: Measured = Field(default="loss", description="'loss' or one of the job's metrics")
    patience: Count = Field(default=3, description="a number of epochs, 1 or more")
    min_delta: NotNegative = 0.0
    restore_best: Flag = True


class TrainingSpec(Section):
    """clip_value, clip_norm: bounds of each element of the gradient, and of it as a whole."""

    epochs: Count = 10
    batch_size: Annotated[int | Literal["full"], BeforeValidator(_batch_size)] = Field(
        default=32, description="a whole number, 1 or more, or 'full'"
    )
    micro_batches: Whole = Field(default=4, ge=1, le=256, description="a whole number from 1 to 256")
    seed: Seed = 0
    shuffle: Flag = True
    checkpoint_every: Count = Field(default=1, description="a number of epochs, 1 or more")
    early_stopping: EarlyStoppingSpec | None = Field(default=None, description=_KEYS_AND_VALUES)
    schedule: AnySchedule | None = None
    warm_up: WarmUpSpec | None = Field(default=None, description=_KEYS_AND_VALUES)
    clip_value: Positive | None = None
    clip_norm: Positive | None = None
    average: AverageSpec | None = Field(default=None, description=_KEYS_AND_VALUES)
    precision: Precision = Field(default="float32", description="one of float32, bfloat16, float16")
    loss_scale: LossScaleSpec | None = Field(default=None, description=_KEYS_AND_VALUES)
    checkpoint_every_steps: Count | None = Field(default=None, description="a number of steps, 1 or more")
    compression: AnyCompression = NoneSpec()
    consistency: AnyConsistency = SyncSpec()
    average_every: Count = Field(default=1, description="a number of mini-batches, 1 or more")

    @property
    def synchronous(self) -> bool:
        """Whether every gradient of a step is computed from the same version of the parameters."""
        return isinstance(self.consistency, SyncSpec)

    @property
    def mini_batches_per_step(self) -> int:
        """How many mini-batches pass between two versions of the parameters."""
        if isinstance(self.consistency, AsyncSpec):
            return self.consistency.push_every
        return self.average_every

    @property
    def takes_local_steps(self) -> bool:
        """Whether workers take optimizer steps on their own, of which the results are averaged."""
        return self.synchronous and self.average_every > 1

    @property
    def needs_one_node(self) -> bool:
        """Whether workers read or write what links to other nodes do not carry."""
        return not self.synchronous or self.takes_local_steps


class WorkerRange(Section):
    min: Workers = 1
    max: Workers

    @model_validator(mode="after")
    def _in_order(self) -> WorkerRange:
        if self.min > self.max:
            raise fields_error([Violation("max", f"expected at least min ({self.min}), got {self.max}")])
        return self


class PlacementSpec(Section):
    """Where workers run. node_labels: what Ray's labels of a node must be, {name: value}."""

    strategy: Strategy = Field(default="pack", description="one of pack, spread")
    cpus_per_worker: NotNegative = 1.0
    gpus_per_worker: Annotated[float, BeforeValidator(_gpus)] = Field(
        default=1.0, description="a number above 0 up to 1, or a whole number"
    )
    node_labels: dict[LabelName, LabelValue] = Field(
        default={}, max_length=16, description="labels, as in {accelerator: h100}"
    )


class ClusterSpec(Section):
    workers: Annotated[
        Annotated[Workers, Tag(f"{UNION_TAG}number")] | Annotated[WorkerRange, Tag(f"{UNION_TAG}range")],
        Discriminator(
            lambda value: f"{UNION_TAG}{'range' if isinstance(value, Mapping | WorkerRange) else 'number'}"
        ),
    ] = Field(default=1, description=f"{_WORKERS}, or {{min: 2, max: 8}}")
    spares: Whole = Field(default=0, ge=0, le=256, description="a whole number from 0 to 256")
    restarts: Whole = Field(default=10, ge=0, le=1000, description="a whole number from 0 to 1000")
    parameter_servers: Whole = Field(default=1, ge=1, le=64, description="a whole number from 1 to 64")
    device: Device = Field(default="cpu", description="one of cpu, cuda")
    placement: PlacementSpec = Field(default=PlacementSpec(), description=_KEYS_AND_VALUES)

    @property
    def least_workers(self) -> int:
        """How many workers training begins with."""
        return self.workers.min if isinstance(self.workers, WorkerRange) else self.workers

    @property
    def most_workers(self) -> int:
        """How many workers it may grow to."""
        return self.workers.max if isinstance(self.workers, WorkerRange) else self.workers
