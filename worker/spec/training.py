"""The course of the training, and the processes and devices that it runs on: `training` and `cluster`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from .compression import AnyCompression, NoneSpec
from .errors import shown
from .losses import Measured
from .optimizers import AverageSpec, LossScaleSpec
from .schedules import AnySchedule, WarmUpSpec
from .section import Count, Flag, NotNegative, Positive, Section, Seed, Whole
from .violations import value_error

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
    workers: Whole = Field(default=1, ge=1, le=256, description="a whole number from 1 to 256")
    parameter_servers: Whole = Field(default=1, ge=1, le=64, description="a whole number from 1 to 64")
    device: Device = Field(default="cpu", description="one of cpu, cuda")
    placement: PlacementSpec = Field(default=PlacementSpec(), description=_KEYS_AND_VALUES)
