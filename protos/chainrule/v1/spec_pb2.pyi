from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DatasetSource(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DATASET_SOURCE_UNSPECIFIED: _ClassVar[DatasetSource]
    DATASET_SOURCE_DIGITS: _ClassVar[DatasetSource]
    DATASET_SOURCE_NPZ: _ClassVar[DatasetSource]
    DATASET_SOURCE_NPY: _ClassVar[DatasetSource]
    DATASET_SOURCE_CSV: _ClassVar[DatasetSource]
    DATASET_SOURCE_IDX: _ClassVar[DatasetSource]

class Normalize(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NORMALIZE_UNSPECIFIED: _ClassVar[Normalize]
    NORMALIZE_NONE: _ClassVar[Normalize]
    NORMALIZE_RANGE: _ClassVar[Normalize]
    NORMALIZE_STANDARD: _ClassVar[Normalize]

class Loss(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LOSS_UNSPECIFIED: _ClassVar[Loss]
    LOSS_SOFTMAX_CROSS_ENTROPY: _ClassVar[Loss]
    LOSS_SQUARED_ERROR: _ClassVar[Loss]

class Metric(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    METRIC_UNSPECIFIED: _ClassVar[Metric]
    METRIC_ACCURACY: _ClassVar[Metric]
    METRIC_MEAN_ABSOLUTE_ERROR: _ClassVar[Metric]

class Device(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DEVICE_UNSPECIFIED: _ClassVar[Device]
    DEVICE_CPU: _ClassVar[Device]
    DEVICE_CUDA: _ClassVar[Device]
DATASET_SOURCE_UNSPECIFIED: DatasetSource
DATASET_SOURCE_DIGITS: DatasetSource
DATASET_SOURCE_NPZ: DatasetSource
DATASET_SOURCE_NPY: DatasetSource
DATASET_SOURCE_CSV: DatasetSource
DATASET_SOURCE_IDX: DatasetSource
NORMALIZE_UNSPECIFIED: Normalize
NORMALIZE_NONE: Normalize
NORMALIZE_RANGE: Normalize
NORMALIZE_STANDARD: Normalize
LOSS_UNSPECIFIED: Loss
LOSS_SOFTMAX_CROSS_ENTROPY: Loss
LOSS_SQUARED_ERROR: Loss
METRIC_UNSPECIFIED: Metric
METRIC_ACCURACY: Metric
METRIC_MEAN_ABSOLUTE_ERROR: Metric
DEVICE_UNSPECIFIED: Device
DEVICE_CPU: Device
DEVICE_CUDA: Device

class JobSpec(_message.Message):
    __slots__ = ("name", "dataset", "model", "loss", "metrics", "optimizer", "training", "cluster")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DATASET_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    LOSS_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    OPTIMIZER_FIELD_NUMBER: _ClassVar[int]
    TRAINING_FIELD_NUMBER: _ClassVar[int]
    CLUSTER_FIELD_NUMBER: _ClassVar[int]
    name: str
    dataset: DatasetSpec
    model: _containers.RepeatedCompositeFieldContainer[Layer]
    loss: Loss
    metrics: _containers.RepeatedScalarFieldContainer[Metric]
    optimizer: Optimizer
    training: TrainingSpec
    cluster: ClusterSpec
    def __init__(self, name: _Optional[str] = ..., dataset: _Optional[_Union[DatasetSpec, _Mapping]] = ..., model: _Optional[_Iterable[_Union[Layer, _Mapping]]] = ..., loss: _Optional[_Union[Loss, str]] = ..., metrics: _Optional[_Iterable[_Union[Metric, str]]] = ..., optimizer: _Optional[_Union[Optimizer, _Mapping]] = ..., training: _Optional[_Union[TrainingSpec, _Mapping]] = ..., cluster: _Optional[_Union[ClusterSpec, _Mapping]] = ...) -> None: ...

class DatasetSpec(_message.Message):
    __slots__ = ("source", "path", "test_path", "features", "labels", "test_features", "test_labels", "test_fraction", "normalize")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    TEST_PATH_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    TEST_FEATURES_FIELD_NUMBER: _ClassVar[int]
    TEST_LABELS_FIELD_NUMBER: _ClassVar[int]
    TEST_FRACTION_FIELD_NUMBER: _ClassVar[int]
    NORMALIZE_FIELD_NUMBER: _ClassVar[int]
    source: DatasetSource
    path: str
    test_path: str
    features: str
    labels: str
    test_features: str
    test_labels: str
    test_fraction: float
    normalize: Normalize
    def __init__(self, source: _Optional[_Union[DatasetSource, str]] = ..., path: _Optional[str] = ..., test_path: _Optional[str] = ..., features: _Optional[str] = ..., labels: _Optional[str] = ..., test_features: _Optional[str] = ..., test_labels: _Optional[str] = ..., test_fraction: _Optional[float] = ..., normalize: _Optional[_Union[Normalize, str]] = ...) -> None: ...

class Layer(_message.Message):
    __slots__ = ("linear", "relu", "sigmoid", "tanh", "flatten", "dropout")
    LINEAR_FIELD_NUMBER: _ClassVar[int]
    RELU_FIELD_NUMBER: _ClassVar[int]
    SIGMOID_FIELD_NUMBER: _ClassVar[int]
    TANH_FIELD_NUMBER: _ClassVar[int]
    FLATTEN_FIELD_NUMBER: _ClassVar[int]
    DROPOUT_FIELD_NUMBER: _ClassVar[int]
    linear: LinearLayer
    relu: ReluLayer
    sigmoid: SigmoidLayer
    tanh: TanhLayer
    flatten: FlattenLayer
    dropout: DropoutLayer
    def __init__(self, linear: _Optional[_Union[LinearLayer, _Mapping]] = ..., relu: _Optional[_Union[ReluLayer, _Mapping]] = ..., sigmoid: _Optional[_Union[SigmoidLayer, _Mapping]] = ..., tanh: _Optional[_Union[TanhLayer, _Mapping]] = ..., flatten: _Optional[_Union[FlattenLayer, _Mapping]] = ..., dropout: _Optional[_Union[DropoutLayer, _Mapping]] = ...) -> None: ...

class LinearLayer(_message.Message):
    __slots__ = ("units", "bias")
    UNITS_FIELD_NUMBER: _ClassVar[int]
    BIAS_FIELD_NUMBER: _ClassVar[int]
    units: int
    bias: bool
    def __init__(self, units: _Optional[int] = ..., bias: _Optional[bool] = ...) -> None: ...

class ReluLayer(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SigmoidLayer(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class TanhLayer(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class FlattenLayer(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DropoutLayer(_message.Message):
    __slots__ = ("rate",)
    RATE_FIELD_NUMBER: _ClassVar[int]
    rate: float
    def __init__(self, rate: _Optional[float] = ...) -> None: ...

class Optimizer(_message.Message):
    __slots__ = ("sgd", "adam", "adamw")
    SGD_FIELD_NUMBER: _ClassVar[int]
    ADAM_FIELD_NUMBER: _ClassVar[int]
    ADAMW_FIELD_NUMBER: _ClassVar[int]
    sgd: SgdOptimizer
    adam: AdamOptimizer
    adamw: AdamwOptimizer
    def __init__(self, sgd: _Optional[_Union[SgdOptimizer, _Mapping]] = ..., adam: _Optional[_Union[AdamOptimizer, _Mapping]] = ..., adamw: _Optional[_Union[AdamwOptimizer, _Mapping]] = ...) -> None: ...

class SgdOptimizer(_message.Message):
    __slots__ = ("learning_rate", "momentum", "nesterov", "weight_decay")
    LEARNING_RATE_FIELD_NUMBER: _ClassVar[int]
    MOMENTUM_FIELD_NUMBER: _ClassVar[int]
    NESTEROV_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_DECAY_FIELD_NUMBER: _ClassVar[int]
    learning_rate: float
    momentum: float
    nesterov: bool
    weight_decay: float
    def __init__(self, learning_rate: _Optional[float] = ..., momentum: _Optional[float] = ..., nesterov: _Optional[bool] = ..., weight_decay: _Optional[float] = ...) -> None: ...

class AdamOptimizer(_message.Message):
    __slots__ = ("learning_rate", "beta1", "beta2", "epsilon", "weight_decay")
    LEARNING_RATE_FIELD_NUMBER: _ClassVar[int]
    BETA1_FIELD_NUMBER: _ClassVar[int]
    BETA2_FIELD_NUMBER: _ClassVar[int]
    EPSILON_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_DECAY_FIELD_NUMBER: _ClassVar[int]
    learning_rate: float
    beta1: float
    beta2: float
    epsilon: float
    weight_decay: float
    def __init__(self, learning_rate: _Optional[float] = ..., beta1: _Optional[float] = ..., beta2: _Optional[float] = ..., epsilon: _Optional[float] = ..., weight_decay: _Optional[float] = ...) -> None: ...

class AdamwOptimizer(_message.Message):
    __slots__ = ("learning_rate", "beta1", "beta2", "epsilon", "weight_decay")
    LEARNING_RATE_FIELD_NUMBER: _ClassVar[int]
    BETA1_FIELD_NUMBER: _ClassVar[int]
    BETA2_FIELD_NUMBER: _ClassVar[int]
    EPSILON_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_DECAY_FIELD_NUMBER: _ClassVar[int]
    learning_rate: float
    beta1: float
    beta2: float
    epsilon: float
    weight_decay: float
    def __init__(self, learning_rate: _Optional[float] = ..., beta1: _Optional[float] = ..., beta2: _Optional[float] = ..., epsilon: _Optional[float] = ..., weight_decay: _Optional[float] = ...) -> None: ...

class TrainingSpec(_message.Message):
    __slots__ = ("epochs", "batch_size", "micro_batches", "seed", "shuffle", "checkpoint_every", "early_stopping")
    EPOCHS_FIELD_NUMBER: _ClassVar[int]
    BATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
    MICRO_BATCHES_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    SHUFFLE_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_EVERY_FIELD_NUMBER: _ClassVar[int]
    EARLY_STOPPING_FIELD_NUMBER: _ClassVar[int]
    epochs: int
    batch_size: BatchSize
    micro_batches: int
    seed: int
    shuffle: bool
    checkpoint_every: int
    early_stopping: EarlyStoppingSpec
    def __init__(self, epochs: _Optional[int] = ..., batch_size: _Optional[_Union[BatchSize, _Mapping]] = ..., micro_batches: _Optional[int] = ..., seed: _Optional[int] = ..., shuffle: _Optional[bool] = ..., checkpoint_every: _Optional[int] = ..., early_stopping: _Optional[_Union[EarlyStoppingSpec, _Mapping]] = ...) -> None: ...

class BatchSize(_message.Message):
    __slots__ = ("samples", "full")
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    FULL_FIELD_NUMBER: _ClassVar[int]
    samples: int
    full: bool
    def __init__(self, samples: _Optional[int] = ..., full: _Optional[bool] = ...) -> None: ...

class EarlyStoppingSpec(_message.Message):
    __slots__ = ("metric", "patience", "min_delta", "restore_best")
    METRIC_FIELD_NUMBER: _ClassVar[int]
    PATIENCE_FIELD_NUMBER: _ClassVar[int]
    MIN_DELTA_FIELD_NUMBER: _ClassVar[int]
    RESTORE_BEST_FIELD_NUMBER: _ClassVar[int]
    metric: str
    patience: int
    min_delta: float
    restore_best: bool
    def __init__(self, metric: _Optional[str] = ..., patience: _Optional[int] = ..., min_delta: _Optional[float] = ..., restore_best: _Optional[bool] = ...) -> None: ...

class ClusterSpec(_message.Message):
    __slots__ = ("workers", "parameter_servers", "device")
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    PARAMETER_SERVERS_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    workers: int
    parameter_servers: int
    device: Device
    def __init__(self, workers: _Optional[int] = ..., parameter_servers: _Optional[int] = ..., device: _Optional[_Union[Device, str]] = ...) -> None: ...
