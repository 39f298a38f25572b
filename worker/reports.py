"""What a running job tells: one small typed report for each thing worth knowing, in the order in which it
happened."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any


class Outcome(str, Enum):
    """How an execution of a job ended."""

    SUCCEEDED = "SUCCEEDED"
    PAUSED = "PAUSED"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"


class Reason(str, Enum):
    """Why a job failed."""

    DIVERGED = "DIVERGED"
    DATA_INVALID = "DATA_INVALID"
    SPEC_INVALID = "SPEC_INVALID"
    STORAGE_FULL = "STORAGE_FULL"
    STORAGE_FAILED = "STORAGE_FAILED"
    CHECKPOINT_INVALID = "CHECKPOINT_INVALID"
    WORKERS_LOST = "WORKERS_LOST"
    COORDINATOR_LOST = "COORDINATOR_LOST"
    RESOURCES_UNAVAILABLE = "RESOURCES_UNAVAILABLE"
    OUT_OF_MEMORY = "OUT_OF_MEMORY"
    DEVICE_UNAVAILABLE = "DEVICE_UNAVAILABLE"
    INTERNAL = "INTERNAL"


class Role(str, Enum):
    """What a process of a job does."""

    COORDINATOR = "coordinator"
    WORKER = "worker"
    PARAMETER_SERVER = "parameter_server"


@dataclass(frozen=True)
class Started:
    """Training is about to take its first step; `step` > 0 when it continues from a checkpoint."""

    step: int
    total_steps: int
    steps_per_epoch: int
    epochs: int
    parameters: int
    train_samples: int
    test_samples: int
    workers: int
    parameter_servers: int


@dataclass(frozen=True)
class Progress:
    """`step` steps are done, in `epoch` (from 1); `loss` is the mean over the steps since the last report."""

    step: int
    epoch: int
    loss: float
    samples_per_second: float
    remaining_seconds: float


@dataclass(frozen=True)
class EpochCompleted:
    """An epoch's mean training loss and, with a held-out split, its `metrics` ("loss" and those of the
    job). input_idle_fraction: the part of the workers' time in steps that they waited for samples.

    `staleness`: item k counts the epoch's updates that were applied to parameters k updates newer than those
    that they were computed from, the last possible item also those of more; empty in `sync`.
    """

    epoch: int
    step: int
    train_loss: float
    metrics: dict[str, float]
    seconds: float
    staleness: tuple[int, ...] = ()
    input_idle_fraction: float = 0.0


@dataclass(frozen=True)
class CheckpointSaved:
    """A checkpoint of `step` is durable; `digest` covers its weights and optimizer state."""

    step: int
    epoch: int
    digest: str


@dataclass(frozen=True)
class MemberLost:
    """A worker or parameter-server process is gone: which, at which step, why, and what was done."""

    kind: Role
    member: int
    step: int
    reason: str
    action: str


@dataclass(frozen=True)
class MemberJoined:
    """A replacement took up its work at `step`, `seconds` after the loss that it makes good."""

    kind: Role
    member: int
    step: int
    seconds: float


@dataclass(frozen=True)
class CrewChanged:
    """At `step`, `workers` share the work of a job that may have more or fewer of them."""

    step: int
    workers: int
    reason: str


@dataclass(frozen=True)
class StragglerDetected:
    """A worker has been slow for a while: `seconds` a micro-batch, where the others take `median_seconds`."""

    member: int
    step: int
    seconds: float
    median_seconds: float


@dataclass(frozen=True)
class Finished:
    """The last report of every execution. `reason` and `message` are set for FAILED only.

    `model` is a file name within the job's folder, `digest` the SHA-256 over weights and optimizer state.
    """

    outcome: Outcome
    step: int
    epoch: int
    metrics: dict[str, float] = field(default_factory=dict)
    digest: str | None = None
    model: str | None = None
    checkpoint_step: int | None = None
    stopped_early: bool = False
    reason: Reason | None = None
    message: str | None = None


Report = (
    Started
    | Progress
    | EpochCompleted
    | CheckpointSaved
    | MemberLost
    | MemberJoined
    | CrewChanged
    | StragglerDetected
    | Finished
)

_KINDS: dict[str, type] = {
    "started": Started,
    "progress": Progress,
    "epoch_completed": EpochCompleted,
    "checkpoint_saved": CheckpointSaved,
    "member_lost": MemberLost,
    "member_joined": MemberJoined,
    "crew_changed": CrewChanged,
    "straggler_detected": StragglerDetected,
    "finished": Finished,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}
# The fields whose values are enums, as JSON knows only their text.
_ENUMS: dict[type, dict[str, type[Enum]]] = {
    MemberLost: {"kind": Role},
    MemberJoined: {"kind": Role},
    Finished: {"outcome": Outcome, "reason": Reason},
}


def report_to_dict(report: Report) -> dict[str, Any]:
    """A JSON-able form: the report's fields and its kind under "type"."""
    fields = {
        name: value.value if isinstance(value, Enum) else value for name, value in asdict(report).items()
    }
    return {"type": _NAMES[type(report)], **fields}


def report_from_dict(data: dict[str, Any]) -> Report:
    """The inverse of `report_to_dict`; raises KeyError for a kind that this version does not know."""
    fields = dict(data)
    kind = _KINDS[fields.pop("type")]
    for name, enum in _ENUMS.get(kind, {}).items():
        fields[name] = enum(fields[name]) if fields[name] is not None else None
    if kind is EpochCompleted:
        fields["staleness"] = tuple(fields.get("staleness", ()))
    return kind(**fields)
