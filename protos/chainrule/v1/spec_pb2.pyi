from chainrule.v1 import compression_pb2 as _compression_pb2
from chainrule.v1 import consistency_pb2 as _consistency_pb2
from chainrule.v1 import layers_pb2 as _layers_pb2
from chainrule.v1 import losses_pb2 as _losses_pb2
from chainrule.v1 import optimizers_pb2 as _optimizers_pb2
from chainrule.v1 import schedules_pb2 as _schedules_pb2
from chainrule.v1 import transforms_pb2 as _transforms_pb2
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
    DATASET_SOURCE_PARQUET: _ClassVar[DatasetSource]
    DATASET_SOURCE_IMAGES: _ClassVar[DatasetSource]
    DATASET_SOURCE_TEXT: _ClassVar[DatasetSource]
    DATASET_SOURCE_WAV: _ClassVar[DatasetSource]

class Missing(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MISSING_UNSPECIFIED: _ClassVar[Missing]
    MISSING_REFUSE: _ClassVar[Missing]
    MISSING_DROP: _ClassVar[Missing]

class Tokenizer(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TOKENIZER_UNSPECIFIED: _ClassVar[Tokenizer]
    TOKENIZER_CHARACTERS: _ClassVar[Tokenizer]
    TOKENIZER_BYTES: _ClassVar[Tokenizer]
    TOKENIZER_WORDS: _ClassVar[Tokenizer]

class Normalize(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NORMALIZE_UNSPECIFIED: _ClassVar[Normalize]
    NORMALIZE_NONE: _ClassVar[Normalize]
    NORMALIZE_RANGE: _ClassVar[Normalize]
    NORMALIZE_STANDARD: _ClassVar[Normalize]

class WeightLayout(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    WEIGHT_LAYOUT_UNSPECIFIED: _ClassVar[WeightLayout]
    WEIGHT_LAYOUT_CHAINRULE: _ClassVar[WeightLayout]
    WEIGHT_LAYOUT_PYTORCH: _ClassVar[WeightLayout]

class Precision(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PRECISION_UNSPECIFIED: _ClassVar[Precision]
    PRECISION_FLOAT32: _ClassVar[Precision]
    PRECISION_BFLOAT16: _ClassVar[Precision]
    PRECISION_FLOAT16: _ClassVar[Precision]

class Strategy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STRATEGY_UNSPECIFIED: _ClassVar[Strategy]
    STRATEGY_PACK: _ClassVar[Strategy]
    STRATEGY_SPREAD: _ClassVar[Strategy]

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
DATASET_SOURCE_PARQUET: DatasetSource
DATASET_SOURCE_IMAGES: DatasetSource
DATASET_SOURCE_TEXT: DatasetSource
DATASET_SOURCE_WAV: DatasetSource
MISSING_UNSPECIFIED: Missing
MISSING_REFUSE: Missing
MISSING_DROP: Missing
TOKENIZER_UNSPECIFIED: Tokenizer
TOKENIZER_CHARACTERS: Tokenizer
TOKENIZER_BYTES: Tokenizer
TOKENIZER_WORDS: Tokenizer
NORMALIZE_UNSPECIFIED: Normalize
NORMALIZE_NONE: Normalize
NORMALIZE_RANGE: Normalize
NORMALIZE_STANDARD: Normalize
WEIGHT_LAYOUT_UNSPECIFIED: WeightLayout
WEIGHT_LAYOUT_CHAINRULE: WeightLayout
WEIGHT_LAYOUT_PYTORCH: WeightLayout
PRECISION_UNSPECIFIED: Precision
PRECISION_FLOAT32: Precision
PRECISION_BFLOAT16: Precision
PRECISION_FLOAT16: Precision
STRATEGY_UNSPECIFIED: Strategy
STRATEGY_PACK: Strategy
STRATEGY_SPREAD: Strategy
DEVICE_UNSPECIFIED: Device
DEVICE_CPU: Device
DEVICE_CUDA: Device

class JobSpec(_message.Message):
    __slots__ = ("name", "dataset", "model", "loss", "metrics", "optimizer", "training", "cluster", "penalties", "parameter_groups", "initial_weights", "python_model")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DATASET_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    LOSS_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    OPTIMIZER_FIELD_NUMBER: _ClassVar[int]
    TRAINING_FIELD_NUMBER: _ClassVar[int]
    CLUSTER_FIELD_NUMBER: _ClassVar[int]
    PENALTIES_FIELD_NUMBER: _ClassVar[int]
    PARAMETER_GROUPS_FIELD_NUMBER: _ClassVar[int]
    INITIAL_WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    PYTHON_MODEL_FIELD_NUMBER: _ClassVar[int]
    name: str
    dataset: DatasetSpec
    model: _containers.RepeatedCompositeFieldContainer[_layers_pb2.Layer]
    loss: _losses_pb2.Loss
    metrics: _containers.RepeatedScalarFieldContainer[_losses_pb2.Metric]
    optimizer: _optimizers_pb2.Optimizer
    training: TrainingSpec
    cluster: ClusterSpec
    penalties: _containers.RepeatedCompositeFieldContainer[_losses_pb2.Penalty]
    parameter_groups: _containers.RepeatedCompositeFieldContainer[_optimizers_pb2.ParameterGroupSpec]
    initial_weights: InitialWeightsSpec
    python_model: PythonModelSpec
    def __init__(self, name: _Optional[str] = ..., dataset: _Optional[_Union[DatasetSpec, _Mapping]] = ..., model: _Optional[_Iterable[_Union[_layers_pb2.Layer, _Mapping]]] = ..., loss: _Optional[_Union[_losses_pb2.Loss, _Mapping]] = ..., metrics: _Optional[_Iterable[_Union[_losses_pb2.Metric, str]]] = ..., optimizer: _Optional[_Union[_optimizers_pb2.Optimizer, _Mapping]] = ..., training: _Optional[_Union[TrainingSpec, _Mapping]] = ..., cluster: _Optional[_Union[ClusterSpec, _Mapping]] = ..., penalties: _Optional[_Iterable[_Union[_losses_pb2.Penalty, _Mapping]]] = ..., parameter_groups: _Optional[_Iterable[_Union[_optimizers_pb2.ParameterGroupSpec, _Mapping]]] = ..., initial_weights: _Optional[_Union[InitialWeightsSpec, _Mapping]] = ..., python_model: _Optional[_Union[PythonModelSpec, _Mapping]] = ...) -> None: ...

class DatasetSpec(_message.Message):
    __slots__ = ("source", "path", "test_path", "features", "labels", "test_features", "test_labels", "test_fraction", "normalize", "columns", "missing", "size", "tokenizer", "window", "length", "sample_rate", "checksums", "transforms")
    class ChecksumsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    TEST_PATH_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    TEST_FEATURES_FIELD_NUMBER: _ClassVar[int]
    TEST_LABELS_FIELD_NUMBER: _ClassVar[int]
    TEST_FRACTION_FIELD_NUMBER: _ClassVar[int]
    NORMALIZE_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    TOKENIZER_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    LENGTH_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_RATE_FIELD_NUMBER: _ClassVar[int]
    CHECKSUMS_FIELD_NUMBER: _ClassVar[int]
    TRANSFORMS_FIELD_NUMBER: _ClassVar[int]
    source: DatasetSource
    path: str
    test_path: str
    features: str
    labels: str
    test_features: str
    test_labels: str
    test_fraction: float
    normalize: Normalize
    columns: _containers.RepeatedScalarFieldContainer[str]
    missing: Missing
    size: _containers.RepeatedScalarFieldContainer[int]
    tokenizer: Tokenizer
    window: int
    length: int
    sample_rate: int
    checksums: _containers.ScalarMap[str, str]
    transforms: _containers.RepeatedCompositeFieldContainer[_transforms_pb2.Transform]
    def __init__(self, source: _Optional[_Union[DatasetSource, str]] = ..., path: _Optional[str] = ..., test_path: _Optional[str] = ..., features: _Optional[str] = ..., labels: _Optional[str] = ..., test_features: _Optional[str] = ..., test_labels: _Optional[str] = ..., test_fraction: _Optional[float] = ..., normalize: _Optional[_Union[Normalize, str]] = ..., columns: _Optional[_Iterable[str]] = ..., missing: _Optional[_Union[Missing, str]] = ..., size: _Optional[_Iterable[int]] = ..., tokenizer: _Optional[_Union[Tokenizer, str]] = ..., window: _Optional[int] = ..., length: _Optional[int] = ..., sample_rate: _Optional[int] = ..., checksums: _Optional[_Mapping[str, str]] = ..., transforms: _Optional[_Iterable[_Union[_transforms_pb2.Transform, _Mapping]]] = ...) -> None: ...

class PythonModelSpec(_message.Message):
    __slots__ = ("python", "factory", "sha256")
    PYTHON_FIELD_NUMBER: _ClassVar[int]
    FACTORY_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    python: str
    factory: str
    sha256: str
    def __init__(self, python: _Optional[str] = ..., factory: _Optional[str] = ..., sha256: _Optional[str] = ...) -> None: ...

class InitialWeightsSpec(_message.Message):
    __slots__ = ("path", "layout", "names")
    class NamesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    PATH_FIELD_NUMBER: _ClassVar[int]
    LAYOUT_FIELD_NUMBER: _ClassVar[int]
    NAMES_FIELD_NUMBER: _ClassVar[int]
    path: str
    layout: WeightLayout
    names: _containers.ScalarMap[str, str]
    def __init__(self, path: _Optional[str] = ..., layout: _Optional[_Union[WeightLayout, str]] = ..., names: _Optional[_Mapping[str, str]] = ...) -> None: ...

class TrainingSpec(_message.Message):
    __slots__ = ("epochs", "batch_size", "micro_batches", "seed", "shuffle", "checkpoint_every", "early_stopping", "schedule", "warm_up", "clip_value", "clip_norm", "average", "precision", "loss_scale", "consistency", "average_every", "checkpoint_every_steps", "compression")
    EPOCHS_FIELD_NUMBER: _ClassVar[int]
    BATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
    MICRO_BATCHES_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    SHUFFLE_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_EVERY_FIELD_NUMBER: _ClassVar[int]
    EARLY_STOPPING_FIELD_NUMBER: _ClassVar[int]
    SCHEDULE_FIELD_NUMBER: _ClassVar[int]
    WARM_UP_FIELD_NUMBER: _ClassVar[int]
    CLIP_VALUE_FIELD_NUMBER: _ClassVar[int]
    CLIP_NORM_FIELD_NUMBER: _ClassVar[int]
    AVERAGE_FIELD_NUMBER: _ClassVar[int]
    PRECISION_FIELD_NUMBER: _ClassVar[int]
    LOSS_SCALE_FIELD_NUMBER: _ClassVar[int]
    CONSISTENCY_FIELD_NUMBER: _ClassVar[int]
    AVERAGE_EVERY_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_EVERY_STEPS_FIELD_NUMBER: _ClassVar[int]
    COMPRESSION_FIELD_NUMBER: _ClassVar[int]
    epochs: int
    batch_size: BatchSize
    micro_batches: int
    seed: int
    shuffle: bool
    checkpoint_every: int
    early_stopping: EarlyStoppingSpec
    schedule: _schedules_pb2.Schedule
    warm_up: _schedules_pb2.WarmUpSpec
    clip_value: float
    clip_norm: float
    average: _optimizers_pb2.AverageSpec
    precision: Precision
    loss_scale: _optimizers_pb2.LossScaleSpec
    consistency: _consistency_pb2.Consistency
    average_every: int
    checkpoint_every_steps: int
    compression: _compression_pb2.Compression
    def __init__(self, epochs: _Optional[int] = ..., batch_size: _Optional[_Union[BatchSize, _Mapping]] = ..., micro_batches: _Optional[int] = ..., seed: _Optional[int] = ..., shuffle: _Optional[bool] = ..., checkpoint_every: _Optional[int] = ..., early_stopping: _Optional[_Union[EarlyStoppingSpec, _Mapping]] = ..., schedule: _Optional[_Union[_schedules_pb2.Schedule, _Mapping]] = ..., warm_up: _Optional[_Union[_schedules_pb2.WarmUpSpec, _Mapping]] = ..., clip_value: _Optional[float] = ..., clip_norm: _Optional[float] = ..., average: _Optional[_Union[_optimizers_pb2.AverageSpec, _Mapping]] = ..., precision: _Optional[_Union[Precision, str]] = ..., loss_scale: _Optional[_Union[_optimizers_pb2.LossScaleSpec, _Mapping]] = ..., consistency: _Optional[_Union[_consistency_pb2.Consistency, _Mapping]] = ..., average_every: _Optional[int] = ..., checkpoint_every_steps: _Optional[int] = ..., compression: _Optional[_Union[_compression_pb2.Compression, _Mapping]] = ...) -> None: ...

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
    __slots__ = ("workers", "parameter_servers", "device", "worker_range", "spares", "restarts", "placement")
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    PARAMETER_SERVERS_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    WORKER_RANGE_FIELD_NUMBER: _ClassVar[int]
    SPARES_FIELD_NUMBER: _ClassVar[int]
    RESTARTS_FIELD_NUMBER: _ClassVar[int]
    PLACEMENT_FIELD_NUMBER: _ClassVar[int]
    workers: int
    parameter_servers: int
    device: Device
    worker_range: WorkerRange
    spares: int
    restarts: int
    placement: PlacementSpec
    def __init__(self, workers: _Optional[int] = ..., parameter_servers: _Optional[int] = ..., device: _Optional[_Union[Device, str]] = ..., worker_range: _Optional[_Union[WorkerRange, _Mapping]] = ..., spares: _Optional[int] = ..., restarts: _Optional[int] = ..., placement: _Optional[_Union[PlacementSpec, _Mapping]] = ...) -> None: ...

class PlacementSpec(_message.Message):
    __slots__ = ("strategy", "cpus_per_worker", "gpus_per_worker", "node_labels")
    class NodeLabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    STRATEGY_FIELD_NUMBER: _ClassVar[int]
    CPUS_PER_WORKER_FIELD_NUMBER: _ClassVar[int]
    GPUS_PER_WORKER_FIELD_NUMBER: _ClassVar[int]
    NODE_LABELS_FIELD_NUMBER: _ClassVar[int]
    strategy: Strategy
    cpus_per_worker: float
    gpus_per_worker: float
    node_labels: _containers.ScalarMap[str, str]
    def __init__(self, strategy: _Optional[_Union[Strategy, str]] = ..., cpus_per_worker: _Optional[float] = ..., gpus_per_worker: _Optional[float] = ..., node_labels: _Optional[_Mapping[str, str]] = ...) -> None: ...

class WorkerRange(_message.Message):
    __slots__ = ("min", "max")
    MIN_FIELD_NUMBER: _ClassVar[int]
    MAX_FIELD_NUMBER: _ClassVar[int]
    min: int
    max: int
    def __init__(self, min: _Optional[int] = ..., max: _Optional[int] = ...) -> None: ...
