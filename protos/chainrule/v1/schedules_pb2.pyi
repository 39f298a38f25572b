from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Schedule(_message.Message):
    __slots__ = ("constant", "step", "multi_step", "exponential", "polynomial", "cosine", "cosine_restarts", "one_cycle", "plateau")
    CONSTANT_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    MULTI_STEP_FIELD_NUMBER: _ClassVar[int]
    EXPONENTIAL_FIELD_NUMBER: _ClassVar[int]
    POLYNOMIAL_FIELD_NUMBER: _ClassVar[int]
    COSINE_FIELD_NUMBER: _ClassVar[int]
    COSINE_RESTARTS_FIELD_NUMBER: _ClassVar[int]
    ONE_CYCLE_FIELD_NUMBER: _ClassVar[int]
    PLATEAU_FIELD_NUMBER: _ClassVar[int]
    constant: ConstantSchedule
    step: StepSchedule
    multi_step: MultiStepSchedule
    exponential: ExponentialSchedule
    polynomial: PolynomialSchedule
    cosine: CosineSchedule
    cosine_restarts: CosineRestartsSchedule
    one_cycle: OneCycleSchedule
    plateau: PlateauSchedule
    def __init__(self, constant: _Optional[_Union[ConstantSchedule, _Mapping]] = ..., step: _Optional[_Union[StepSchedule, _Mapping]] = ..., multi_step: _Optional[_Union[MultiStepSchedule, _Mapping]] = ..., exponential: _Optional[_Union[ExponentialSchedule, _Mapping]] = ..., polynomial: _Optional[_Union[PolynomialSchedule, _Mapping]] = ..., cosine: _Optional[_Union[CosineSchedule, _Mapping]] = ..., cosine_restarts: _Optional[_Union[CosineRestartsSchedule, _Mapping]] = ..., one_cycle: _Optional[_Union[OneCycleSchedule, _Mapping]] = ..., plateau: _Optional[_Union[PlateauSchedule, _Mapping]] = ...) -> None: ...

class ConstantSchedule(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StepSchedule(_message.Message):
    __slots__ = ("every", "factor")
    EVERY_FIELD_NUMBER: _ClassVar[int]
    FACTOR_FIELD_NUMBER: _ClassVar[int]
    every: float
    factor: float
    def __init__(self, every: _Optional[float] = ..., factor: _Optional[float] = ...) -> None: ...

class MultiStepSchedule(_message.Message):
    __slots__ = ("milestones", "factor")
    MILESTONES_FIELD_NUMBER: _ClassVar[int]
    FACTOR_FIELD_NUMBER: _ClassVar[int]
    milestones: _containers.RepeatedScalarFieldContainer[float]
    factor: float
    def __init__(self, milestones: _Optional[_Iterable[float]] = ..., factor: _Optional[float] = ...) -> None: ...

class ExponentialSchedule(_message.Message):
    __slots__ = ("factor",)
    FACTOR_FIELD_NUMBER: _ClassVar[int]
    factor: float
    def __init__(self, factor: _Optional[float] = ...) -> None: ...

class PolynomialSchedule(_message.Message):
    __slots__ = ("epochs", "power", "final")
    EPOCHS_FIELD_NUMBER: _ClassVar[int]
    POWER_FIELD_NUMBER: _ClassVar[int]
    FINAL_FIELD_NUMBER: _ClassVar[int]
    epochs: float
    power: float
    final: float
    def __init__(self, epochs: _Optional[float] = ..., power: _Optional[float] = ..., final: _Optional[float] = ...) -> None: ...

class CosineSchedule(_message.Message):
    __slots__ = ("epochs", "final")
    EPOCHS_FIELD_NUMBER: _ClassVar[int]
    FINAL_FIELD_NUMBER: _ClassVar[int]
    epochs: float
    final: float
    def __init__(self, epochs: _Optional[float] = ..., final: _Optional[float] = ...) -> None: ...

class CosineRestartsSchedule(_message.Message):
    __slots__ = ("first", "growth", "final")
    FIRST_FIELD_NUMBER: _ClassVar[int]
    GROWTH_FIELD_NUMBER: _ClassVar[int]
    FINAL_FIELD_NUMBER: _ClassVar[int]
    first: float
    growth: int
    final: float
    def __init__(self, first: _Optional[float] = ..., growth: _Optional[int] = ..., final: _Optional[float] = ...) -> None: ...

class OneCycleSchedule(_message.Message):
    __slots__ = ("peak", "start", "final")
    PEAK_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    FINAL_FIELD_NUMBER: _ClassVar[int]
    peak: float
    start: float
    final: float
    def __init__(self, peak: _Optional[float] = ..., start: _Optional[float] = ..., final: _Optional[float] = ...) -> None: ...

class PlateauSchedule(_message.Message):
    __slots__ = ("metric", "factor", "patience", "threshold", "rest", "least")
    METRIC_FIELD_NUMBER: _ClassVar[int]
    FACTOR_FIELD_NUMBER: _ClassVar[int]
    PATIENCE_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    REST_FIELD_NUMBER: _ClassVar[int]
    LEAST_FIELD_NUMBER: _ClassVar[int]
    metric: str
    factor: float
    patience: int
    threshold: float
    rest: int
    least: float
    def __init__(self, metric: _Optional[str] = ..., factor: _Optional[float] = ..., patience: _Optional[int] = ..., threshold: _Optional[float] = ..., rest: _Optional[int] = ..., least: _Optional[float] = ...) -> None: ...

class WarmUpSpec(_message.Message):
    __slots__ = ("epochs", "start")
    EPOCHS_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    epochs: float
    start: float
    def __init__(self, epochs: _Optional[float] = ..., start: _Optional[float] = ...) -> None: ...
