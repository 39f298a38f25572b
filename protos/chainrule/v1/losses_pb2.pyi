from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TripletMining(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TRIPLET_MINING_UNSPECIFIED: _ClassVar[TripletMining]
    TRIPLET_MINING_HARD: _ClassVar[TripletMining]
    TRIPLET_MINING_SEMI_HARD: _ClassVar[TripletMining]
    TRIPLET_MINING_ALL: _ClassVar[TripletMining]

class Metric(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    METRIC_UNSPECIFIED: _ClassVar[Metric]
    METRIC_ACCURACY: _ClassVar[Metric]
    METRIC_MEAN_ABSOLUTE_ERROR: _ClassVar[Metric]
    METRIC_MEAN_SQUARED_ERROR: _ClassVar[Metric]
    METRIC_TOP_5_ACCURACY: _ClassVar[Metric]
    METRIC_BINARY_ACCURACY: _ClassVar[Metric]
TRIPLET_MINING_UNSPECIFIED: TripletMining
TRIPLET_MINING_HARD: TripletMining
TRIPLET_MINING_SEMI_HARD: TripletMining
TRIPLET_MINING_ALL: TripletMining
METRIC_UNSPECIFIED: Metric
METRIC_ACCURACY: Metric
METRIC_MEAN_ABSOLUTE_ERROR: Metric
METRIC_MEAN_SQUARED_ERROR: Metric
METRIC_TOP_5_ACCURACY: Metric
METRIC_BINARY_ACCURACY: Metric

class Loss(_message.Message):
    __slots__ = ("softmax_cross_entropy", "squared_error", "absolute_error", "huber", "binary_cross_entropy", "negative_log_likelihood", "kl_divergence", "hinge", "multiclass_hinge", "ctc", "triplet_margin", "contrastive", "cosine")
    SOFTMAX_CROSS_ENTROPY_FIELD_NUMBER: _ClassVar[int]
    SQUARED_ERROR_FIELD_NUMBER: _ClassVar[int]
    ABSOLUTE_ERROR_FIELD_NUMBER: _ClassVar[int]
    HUBER_FIELD_NUMBER: _ClassVar[int]
    BINARY_CROSS_ENTROPY_FIELD_NUMBER: _ClassVar[int]
    NEGATIVE_LOG_LIKELIHOOD_FIELD_NUMBER: _ClassVar[int]
    KL_DIVERGENCE_FIELD_NUMBER: _ClassVar[int]
    HINGE_FIELD_NUMBER: _ClassVar[int]
    MULTICLASS_HINGE_FIELD_NUMBER: _ClassVar[int]
    CTC_FIELD_NUMBER: _ClassVar[int]
    TRIPLET_MARGIN_FIELD_NUMBER: _ClassVar[int]
    CONTRASTIVE_FIELD_NUMBER: _ClassVar[int]
    COSINE_FIELD_NUMBER: _ClassVar[int]
    softmax_cross_entropy: SoftmaxCrossEntropyLoss
    squared_error: SquaredErrorLoss
    absolute_error: AbsoluteErrorLoss
    huber: HuberLoss
    binary_cross_entropy: BinaryCrossEntropyLoss
    negative_log_likelihood: NegativeLogLikelihoodLoss
    kl_divergence: KlDivergenceLoss
    hinge: HingeLoss
    multiclass_hinge: MulticlassHingeLoss
    ctc: CtcLoss
    triplet_margin: TripletMarginLoss
    contrastive: ContrastiveLoss
    cosine: CosineLoss
    def __init__(self, softmax_cross_entropy: _Optional[_Union[SoftmaxCrossEntropyLoss, _Mapping]] = ..., squared_error: _Optional[_Union[SquaredErrorLoss, _Mapping]] = ..., absolute_error: _Optional[_Union[AbsoluteErrorLoss, _Mapping]] = ..., huber: _Optional[_Union[HuberLoss, _Mapping]] = ..., binary_cross_entropy: _Optional[_Union[BinaryCrossEntropyLoss, _Mapping]] = ..., negative_log_likelihood: _Optional[_Union[NegativeLogLikelihoodLoss, _Mapping]] = ..., kl_divergence: _Optional[_Union[KlDivergenceLoss, _Mapping]] = ..., hinge: _Optional[_Union[HingeLoss, _Mapping]] = ..., multiclass_hinge: _Optional[_Union[MulticlassHingeLoss, _Mapping]] = ..., ctc: _Optional[_Union[CtcLoss, _Mapping]] = ..., triplet_margin: _Optional[_Union[TripletMarginLoss, _Mapping]] = ..., contrastive: _Optional[_Union[ContrastiveLoss, _Mapping]] = ..., cosine: _Optional[_Union[CosineLoss, _Mapping]] = ...) -> None: ...

class SoftmaxCrossEntropyLoss(_message.Message):
    __slots__ = ("label_smoothing", "class_weights", "ignored")
    LABEL_SMOOTHING_FIELD_NUMBER: _ClassVar[int]
    CLASS_WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    IGNORED_FIELD_NUMBER: _ClassVar[int]
    label_smoothing: float
    class_weights: _containers.RepeatedScalarFieldContainer[float]
    ignored: int
    def __init__(self, label_smoothing: _Optional[float] = ..., class_weights: _Optional[_Iterable[float]] = ..., ignored: _Optional[int] = ...) -> None: ...

class SquaredErrorLoss(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class AbsoluteErrorLoss(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class HuberLoss(_message.Message):
    __slots__ = ("delta",)
    DELTA_FIELD_NUMBER: _ClassVar[int]
    delta: float
    def __init__(self, delta: _Optional[float] = ...) -> None: ...

class BinaryCrossEntropyLoss(_message.Message):
    __slots__ = ("label_smoothing", "positive_weight")
    LABEL_SMOOTHING_FIELD_NUMBER: _ClassVar[int]
    POSITIVE_WEIGHT_FIELD_NUMBER: _ClassVar[int]
    label_smoothing: float
    positive_weight: float
    def __init__(self, label_smoothing: _Optional[float] = ..., positive_weight: _Optional[float] = ...) -> None: ...

class NegativeLogLikelihoodLoss(_message.Message):
    __slots__ = ("class_weights", "ignored")
    CLASS_WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    IGNORED_FIELD_NUMBER: _ClassVar[int]
    class_weights: _containers.RepeatedScalarFieldContainer[float]
    ignored: int
    def __init__(self, class_weights: _Optional[_Iterable[float]] = ..., ignored: _Optional[int] = ...) -> None: ...

class KlDivergenceLoss(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class HingeLoss(_message.Message):
    __slots__ = ("margin", "power")
    MARGIN_FIELD_NUMBER: _ClassVar[int]
    POWER_FIELD_NUMBER: _ClassVar[int]
    margin: float
    power: int
    def __init__(self, margin: _Optional[float] = ..., power: _Optional[int] = ...) -> None: ...

class MulticlassHingeLoss(_message.Message):
    __slots__ = ("margin", "power")
    MARGIN_FIELD_NUMBER: _ClassVar[int]
    POWER_FIELD_NUMBER: _ClassVar[int]
    margin: float
    power: int
    def __init__(self, margin: _Optional[float] = ..., power: _Optional[int] = ...) -> None: ...

class CtcLoss(_message.Message):
    __slots__ = ("blank", "padding")
    BLANK_FIELD_NUMBER: _ClassVar[int]
    PADDING_FIELD_NUMBER: _ClassVar[int]
    blank: int
    padding: int
    def __init__(self, blank: _Optional[int] = ..., padding: _Optional[int] = ...) -> None: ...

class TripletMarginLoss(_message.Message):
    __slots__ = ("margin", "mining")
    MARGIN_FIELD_NUMBER: _ClassVar[int]
    MINING_FIELD_NUMBER: _ClassVar[int]
    margin: float
    mining: TripletMining
    def __init__(self, margin: _Optional[float] = ..., mining: _Optional[_Union[TripletMining, str]] = ...) -> None: ...

class ContrastiveLoss(_message.Message):
    __slots__ = ("margin",)
    MARGIN_FIELD_NUMBER: _ClassVar[int]
    margin: float
    def __init__(self, margin: _Optional[float] = ...) -> None: ...

class CosineLoss(_message.Message):
    __slots__ = ("margin",)
    MARGIN_FIELD_NUMBER: _ClassVar[int]
    margin: float
    def __init__(self, margin: _Optional[float] = ...) -> None: ...

class Penalty(_message.Message):
    __slots__ = ("l1", "l2", "max_norm")
    L1_FIELD_NUMBER: _ClassVar[int]
    L2_FIELD_NUMBER: _ClassVar[int]
    MAX_NORM_FIELD_NUMBER: _ClassVar[int]
    l1: L1Penalty
    l2: L2Penalty
    max_norm: MaxNormPenalty
    def __init__(self, l1: _Optional[_Union[L1Penalty, _Mapping]] = ..., l2: _Optional[_Union[L2Penalty, _Mapping]] = ..., max_norm: _Optional[_Union[MaxNormPenalty, _Mapping]] = ...) -> None: ...

class L1Penalty(_message.Message):
    __slots__ = ("strength", "parameters")
    STRENGTH_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    strength: float
    parameters: str
    def __init__(self, strength: _Optional[float] = ..., parameters: _Optional[str] = ...) -> None: ...

class L2Penalty(_message.Message):
    __slots__ = ("strength", "parameters")
    STRENGTH_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    strength: float
    parameters: str
    def __init__(self, strength: _Optional[float] = ..., parameters: _Optional[str] = ...) -> None: ...

class MaxNormPenalty(_message.Message):
    __slots__ = ("strength", "parameters", "limit")
    STRENGTH_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    strength: float
    parameters: str
    limit: float
    def __init__(self, strength: _Optional[float] = ..., parameters: _Optional[str] = ..., limit: _Optional[float] = ...) -> None: ...
