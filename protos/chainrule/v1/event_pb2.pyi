import datetime

from chainrule.v1 import job_pb2 as _job_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MemberKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MEMBER_KIND_UNSPECIFIED: _ClassVar[MemberKind]
    MEMBER_KIND_WORKER: _ClassVar[MemberKind]
    MEMBER_KIND_PARAMETER_SERVER: _ClassVar[MemberKind]
    MEMBER_KIND_COORDINATOR: _ClassVar[MemberKind]

class JobOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    JOB_OUTCOME_UNSPECIFIED: _ClassVar[JobOutcome]
    JOB_OUTCOME_SUCCEEDED: _ClassVar[JobOutcome]
    JOB_OUTCOME_PAUSED: _ClassVar[JobOutcome]
    JOB_OUTCOME_CANCELLED: _ClassVar[JobOutcome]
    JOB_OUTCOME_FAILED: _ClassVar[JobOutcome]
MEMBER_KIND_UNSPECIFIED: MemberKind
MEMBER_KIND_WORKER: MemberKind
MEMBER_KIND_PARAMETER_SERVER: MemberKind
MEMBER_KIND_COORDINATOR: MemberKind
JOB_OUTCOME_UNSPECIFIED: JobOutcome
JOB_OUTCOME_SUCCEEDED: JobOutcome
JOB_OUTCOME_PAUSED: JobOutcome
JOB_OUTCOME_CANCELLED: JobOutcome
JOB_OUTCOME_FAILED: JobOutcome

class JobEvent(_message.Message):
    __slots__ = ("sequence", "time", "state_changed", "started", "progress", "epoch_completed", "checkpoint_saved", "member_lost", "member_joined", "finished", "straggler_detected", "crew_changed")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    STATE_CHANGED_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    EPOCH_COMPLETED_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_SAVED_FIELD_NUMBER: _ClassVar[int]
    MEMBER_LOST_FIELD_NUMBER: _ClassVar[int]
    MEMBER_JOINED_FIELD_NUMBER: _ClassVar[int]
    FINISHED_FIELD_NUMBER: _ClassVar[int]
    STRAGGLER_DETECTED_FIELD_NUMBER: _ClassVar[int]
    CREW_CHANGED_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    time: _timestamp_pb2.Timestamp
    state_changed: StateChanged
    started: JobStarted
    progress: JobProgressed
    epoch_completed: EpochCompleted
    checkpoint_saved: CheckpointSaved
    member_lost: MemberLost
    member_joined: MemberJoined
    finished: JobFinished
    straggler_detected: StragglerDetected
    crew_changed: CrewChanged
    def __init__(self, sequence: _Optional[int] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., state_changed: _Optional[_Union[StateChanged, _Mapping]] = ..., started: _Optional[_Union[JobStarted, _Mapping]] = ..., progress: _Optional[_Union[JobProgressed, _Mapping]] = ..., epoch_completed: _Optional[_Union[EpochCompleted, _Mapping]] = ..., checkpoint_saved: _Optional[_Union[CheckpointSaved, _Mapping]] = ..., member_lost: _Optional[_Union[MemberLost, _Mapping]] = ..., member_joined: _Optional[_Union[MemberJoined, _Mapping]] = ..., finished: _Optional[_Union[JobFinished, _Mapping]] = ..., straggler_detected: _Optional[_Union[StragglerDetected, _Mapping]] = ..., crew_changed: _Optional[_Union[CrewChanged, _Mapping]] = ...) -> None: ...

class StateChanged(_message.Message):
    __slots__ = ("state", "message", "reason")
    STATE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    state: _job_pb2.JobState
    message: str
    reason: str
    def __init__(self, state: _Optional[_Union[_job_pb2.JobState, str]] = ..., message: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class JobStarted(_message.Message):
    __slots__ = ("step", "total_steps", "steps_per_epoch", "epochs", "parameters", "train_samples", "test_samples", "workers", "parameter_servers")
    STEP_FIELD_NUMBER: _ClassVar[int]
    TOTAL_STEPS_FIELD_NUMBER: _ClassVar[int]
    STEPS_PER_EPOCH_FIELD_NUMBER: _ClassVar[int]
    EPOCHS_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    TRAIN_SAMPLES_FIELD_NUMBER: _ClassVar[int]
    TEST_SAMPLES_FIELD_NUMBER: _ClassVar[int]
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    PARAMETER_SERVERS_FIELD_NUMBER: _ClassVar[int]
    step: int
    total_steps: int
    steps_per_epoch: int
    epochs: int
    parameters: int
    train_samples: int
    test_samples: int
    workers: int
    parameter_servers: int
    def __init__(self, step: _Optional[int] = ..., total_steps: _Optional[int] = ..., steps_per_epoch: _Optional[int] = ..., epochs: _Optional[int] = ..., parameters: _Optional[int] = ..., train_samples: _Optional[int] = ..., test_samples: _Optional[int] = ..., workers: _Optional[int] = ..., parameter_servers: _Optional[int] = ...) -> None: ...

class JobProgressed(_message.Message):
    __slots__ = ("step", "epoch", "loss", "samples_per_second", "remaining")
    STEP_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    LOSS_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    REMAINING_FIELD_NUMBER: _ClassVar[int]
    step: int
    epoch: int
    loss: float
    samples_per_second: float
    remaining: _duration_pb2.Duration
    def __init__(self, step: _Optional[int] = ..., epoch: _Optional[int] = ..., loss: _Optional[float] = ..., samples_per_second: _Optional[float] = ..., remaining: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class EpochCompleted(_message.Message):
    __slots__ = ("epoch", "step", "train_loss", "metrics", "duration", "staleness", "input_idle_fraction")
    class MetricsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    TRAIN_LOSS_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    STALENESS_FIELD_NUMBER: _ClassVar[int]
    INPUT_IDLE_FRACTION_FIELD_NUMBER: _ClassVar[int]
    epoch: int
    step: int
    train_loss: float
    metrics: _containers.ScalarMap[str, float]
    duration: _duration_pb2.Duration
    staleness: _containers.RepeatedScalarFieldContainer[int]
    input_idle_fraction: float
    def __init__(self, epoch: _Optional[int] = ..., step: _Optional[int] = ..., train_loss: _Optional[float] = ..., metrics: _Optional[_Mapping[str, float]] = ..., duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., staleness: _Optional[_Iterable[int]] = ..., input_idle_fraction: _Optional[float] = ...) -> None: ...

class CheckpointSaved(_message.Message):
    __slots__ = ("step", "epoch", "digest")
    STEP_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    step: int
    epoch: int
    digest: str
    def __init__(self, step: _Optional[int] = ..., epoch: _Optional[int] = ..., digest: _Optional[str] = ...) -> None: ...

class MemberLost(_message.Message):
    __slots__ = ("kind", "member", "step", "reason", "action")
    KIND_FIELD_NUMBER: _ClassVar[int]
    MEMBER_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    kind: MemberKind
    member: int
    step: int
    reason: str
    action: str
    def __init__(self, kind: _Optional[_Union[MemberKind, str]] = ..., member: _Optional[int] = ..., step: _Optional[int] = ..., reason: _Optional[str] = ..., action: _Optional[str] = ...) -> None: ...

class MemberJoined(_message.Message):
    __slots__ = ("kind", "member", "step", "recovery")
    KIND_FIELD_NUMBER: _ClassVar[int]
    MEMBER_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    RECOVERY_FIELD_NUMBER: _ClassVar[int]
    kind: MemberKind
    member: int
    step: int
    recovery: _duration_pb2.Duration
    def __init__(self, kind: _Optional[_Union[MemberKind, str]] = ..., member: _Optional[int] = ..., step: _Optional[int] = ..., recovery: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class StragglerDetected(_message.Message):
    __slots__ = ("member", "step", "duration", "median")
    MEMBER_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    MEDIAN_FIELD_NUMBER: _ClassVar[int]
    member: int
    step: int
    duration: _duration_pb2.Duration
    median: _duration_pb2.Duration
    def __init__(self, member: _Optional[int] = ..., step: _Optional[int] = ..., duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., median: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class CrewChanged(_message.Message):
    __slots__ = ("step", "workers", "reason")
    STEP_FIELD_NUMBER: _ClassVar[int]
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    step: int
    workers: int
    reason: str
    def __init__(self, step: _Optional[int] = ..., workers: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class JobFinished(_message.Message):
    __slots__ = ("outcome", "step", "epoch", "metrics", "digest", "model", "checkpoint_step", "stopped_early", "error")
    class MetricsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_STEP_FIELD_NUMBER: _ClassVar[int]
    STOPPED_EARLY_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    outcome: JobOutcome
    step: int
    epoch: int
    metrics: _containers.ScalarMap[str, float]
    digest: str
    model: str
    checkpoint_step: int
    stopped_early: bool
    error: _job_pb2.JobError
    def __init__(self, outcome: _Optional[_Union[JobOutcome, str]] = ..., step: _Optional[int] = ..., epoch: _Optional[int] = ..., metrics: _Optional[_Mapping[str, float]] = ..., digest: _Optional[str] = ..., model: _Optional[str] = ..., checkpoint_step: _Optional[int] = ..., stopped_early: _Optional[bool] = ..., error: _Optional[_Union[_job_pb2.JobError, _Mapping]] = ...) -> None: ...
