from chainrule.v1 import activations_pb2 as _activations_pb2
from chainrule.v1 import convolutions_pb2 as _convolutions_pb2
from chainrule.v1 import initializers_pb2 as _initializers_pb2
from chainrule.v1 import sequences_pb2 as _sequences_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Combine(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    COMBINE_UNSPECIFIED: _ClassVar[Combine]
    COMBINE_CONCATENATE: _ClassVar[Combine]
    COMBINE_SUM: _ClassVar[Combine]
COMBINE_UNSPECIFIED: Combine
COMBINE_CONCATENATE: Combine
COMBINE_SUM: Combine

class Layer(_message.Message):
    __slots__ = ("linear", "time_linear", "sparse_linear", "conv1d", "conv2d", "conv_transpose2d", "max_pool", "avg_pool", "global_avg_pool", "global_max_pool", "adaptive_avg_pool", "adaptive_max_pool", "batch_norm", "layer_norm", "rms_norm", "group_norm", "dropout", "embedding", "learned_positions", "sinusoidal_positions", "rnn", "lstm", "gru", "multi_head_attention", "transformer_block", "flatten", "reshape", "permute", "spectrogram", "mel_spectrogram", "sequential", "residual", "parallel", "shared", "relu", "sigmoid", "tanh", "selu", "silu", "mish", "softplus", "softsign", "log_sigmoid", "relu6", "hard_sigmoid", "hard_swish", "softmax", "log_softmax", "leaky_relu", "elu", "gelu")
    LINEAR_FIELD_NUMBER: _ClassVar[int]
    TIME_LINEAR_FIELD_NUMBER: _ClassVar[int]
    SPARSE_LINEAR_FIELD_NUMBER: _ClassVar[int]
    CONV1D_FIELD_NUMBER: _ClassVar[int]
    CONV2D_FIELD_NUMBER: _ClassVar[int]
    CONV_TRANSPOSE2D_FIELD_NUMBER: _ClassVar[int]
    MAX_POOL_FIELD_NUMBER: _ClassVar[int]
    AVG_POOL_FIELD_NUMBER: _ClassVar[int]
    GLOBAL_AVG_POOL_FIELD_NUMBER: _ClassVar[int]
    GLOBAL_MAX_POOL_FIELD_NUMBER: _ClassVar[int]
    ADAPTIVE_AVG_POOL_FIELD_NUMBER: _ClassVar[int]
    ADAPTIVE_MAX_POOL_FIELD_NUMBER: _ClassVar[int]
    BATCH_NORM_FIELD_NUMBER: _ClassVar[int]
    LAYER_NORM_FIELD_NUMBER: _ClassVar[int]
    RMS_NORM_FIELD_NUMBER: _ClassVar[int]
    GROUP_NORM_FIELD_NUMBER: _ClassVar[int]
    DROPOUT_FIELD_NUMBER: _ClassVar[int]
    EMBEDDING_FIELD_NUMBER: _ClassVar[int]
    LEARNED_POSITIONS_FIELD_NUMBER: _ClassVar[int]
    SINUSOIDAL_POSITIONS_FIELD_NUMBER: _ClassVar[int]
    RNN_FIELD_NUMBER: _ClassVar[int]
    LSTM_FIELD_NUMBER: _ClassVar[int]
    GRU_FIELD_NUMBER: _ClassVar[int]
    MULTI_HEAD_ATTENTION_FIELD_NUMBER: _ClassVar[int]
    TRANSFORMER_BLOCK_FIELD_NUMBER: _ClassVar[int]
    FLATTEN_FIELD_NUMBER: _ClassVar[int]
    RESHAPE_FIELD_NUMBER: _ClassVar[int]
    PERMUTE_FIELD_NUMBER: _ClassVar[int]
    SPECTROGRAM_FIELD_NUMBER: _ClassVar[int]
    MEL_SPECTROGRAM_FIELD_NUMBER: _ClassVar[int]
    SEQUENTIAL_FIELD_NUMBER: _ClassVar[int]
    RESIDUAL_FIELD_NUMBER: _ClassVar[int]
    PARALLEL_FIELD_NUMBER: _ClassVar[int]
    SHARED_FIELD_NUMBER: _ClassVar[int]
    RELU_FIELD_NUMBER: _ClassVar[int]
    SIGMOID_FIELD_NUMBER: _ClassVar[int]
    TANH_FIELD_NUMBER: _ClassVar[int]
    SELU_FIELD_NUMBER: _ClassVar[int]
    SILU_FIELD_NUMBER: _ClassVar[int]
    MISH_FIELD_NUMBER: _ClassVar[int]
    SOFTPLUS_FIELD_NUMBER: _ClassVar[int]
    SOFTSIGN_FIELD_NUMBER: _ClassVar[int]
    LOG_SIGMOID_FIELD_NUMBER: _ClassVar[int]
    RELU6_FIELD_NUMBER: _ClassVar[int]
    HARD_SIGMOID_FIELD_NUMBER: _ClassVar[int]
    HARD_SWISH_FIELD_NUMBER: _ClassVar[int]
    SOFTMAX_FIELD_NUMBER: _ClassVar[int]
    LOG_SOFTMAX_FIELD_NUMBER: _ClassVar[int]
    LEAKY_RELU_FIELD_NUMBER: _ClassVar[int]
    ELU_FIELD_NUMBER: _ClassVar[int]
    GELU_FIELD_NUMBER: _ClassVar[int]
    linear: LinearLayer
    time_linear: TimeLinearLayer
    sparse_linear: SparseLinearLayer
    conv1d: _convolutions_pb2.Conv1dLayer
    conv2d: _convolutions_pb2.Conv2dLayer
    conv_transpose2d: _convolutions_pb2.ConvTranspose2dLayer
    max_pool: _convolutions_pb2.MaxPoolLayer
    avg_pool: _convolutions_pb2.AvgPoolLayer
    global_avg_pool: _convolutions_pb2.GlobalAvgPoolLayer
    global_max_pool: _convolutions_pb2.GlobalMaxPoolLayer
    adaptive_avg_pool: _convolutions_pb2.AdaptiveAvgPoolLayer
    adaptive_max_pool: _convolutions_pb2.AdaptiveMaxPoolLayer
    batch_norm: BatchNormLayer
    layer_norm: LayerNormLayer
    rms_norm: RmsNormLayer
    group_norm: GroupNormLayer
    dropout: DropoutLayer
    embedding: _sequences_pb2.EmbeddingLayer
    learned_positions: _sequences_pb2.LearnedPositionsLayer
    sinusoidal_positions: _sequences_pb2.SinusoidalPositionsLayer
    rnn: _sequences_pb2.RnnLayer
    lstm: _sequences_pb2.LstmLayer
    gru: _sequences_pb2.GruLayer
    multi_head_attention: _sequences_pb2.MultiHeadAttentionLayer
    transformer_block: _sequences_pb2.TransformerBlockLayer
    flatten: FlattenLayer
    reshape: ReshapeLayer
    permute: PermuteLayer
    spectrogram: _sequences_pb2.SpectrogramLayer
    mel_spectrogram: _sequences_pb2.MelSpectrogramLayer
    sequential: SequentialLayer
    residual: ResidualLayer
    parallel: ParallelLayer
    shared: SharedLayer
    relu: _activations_pb2.ReluLayer
    sigmoid: _activations_pb2.SigmoidLayer
    tanh: _activations_pb2.TanhLayer
    selu: _activations_pb2.SeluLayer
    silu: _activations_pb2.SiluLayer
    mish: _activations_pb2.MishLayer
    softplus: _activations_pb2.SoftplusLayer
    softsign: _activations_pb2.SoftsignLayer
    log_sigmoid: _activations_pb2.LogSigmoidLayer
    relu6: _activations_pb2.Relu6Layer
    hard_sigmoid: _activations_pb2.HardSigmoidLayer
    hard_swish: _activations_pb2.HardSwishLayer
    softmax: _activations_pb2.SoftmaxLayer
    log_softmax: _activations_pb2.LogSoftmaxLayer
    leaky_relu: _activations_pb2.LeakyReluLayer
    elu: _activations_pb2.EluLayer
    gelu: _activations_pb2.GeluLayer
    def __init__(self, linear: _Optional[_Union[LinearLayer, _Mapping]] = ..., time_linear: _Optional[_Union[TimeLinearLayer, _Mapping]] = ..., sparse_linear: _Optional[_Union[SparseLinearLayer, _Mapping]] = ..., conv1d: _Optional[_Union[_convolutions_pb2.Conv1dLayer, _Mapping]] = ..., conv2d: _Optional[_Union[_convolutions_pb2.Conv2dLayer, _Mapping]] = ..., conv_transpose2d: _Optional[_Union[_convolutions_pb2.ConvTranspose2dLayer, _Mapping]] = ..., max_pool: _Optional[_Union[_convolutions_pb2.MaxPoolLayer, _Mapping]] = ..., avg_pool: _Optional[_Union[_convolutions_pb2.AvgPoolLayer, _Mapping]] = ..., global_avg_pool: _Optional[_Union[_convolutions_pb2.GlobalAvgPoolLayer, _Mapping]] = ..., global_max_pool: _Optional[_Union[_convolutions_pb2.GlobalMaxPoolLayer, _Mapping]] = ..., adaptive_avg_pool: _Optional[_Union[_convolutions_pb2.AdaptiveAvgPoolLayer, _Mapping]] = ..., adaptive_max_pool: _Optional[_Union[_convolutions_pb2.AdaptiveMaxPoolLayer, _Mapping]] = ..., batch_norm: _Optional[_Union[BatchNormLayer, _Mapping]] = ..., layer_norm: _Optional[_Union[LayerNormLayer, _Mapping]] = ..., rms_norm: _Optional[_Union[RmsNormLayer, _Mapping]] = ..., group_norm: _Optional[_Union[GroupNormLayer, _Mapping]] = ..., dropout: _Optional[_Union[DropoutLayer, _Mapping]] = ..., embedding: _Optional[_Union[_sequences_pb2.EmbeddingLayer, _Mapping]] = ..., learned_positions: _Optional[_Union[_sequences_pb2.LearnedPositionsLayer, _Mapping]] = ..., sinusoidal_positions: _Optional[_Union[_sequences_pb2.SinusoidalPositionsLayer, _Mapping]] = ..., rnn: _Optional[_Union[_sequences_pb2.RnnLayer, _Mapping]] = ..., lstm: _Optional[_Union[_sequences_pb2.LstmLayer, _Mapping]] = ..., gru: _Optional[_Union[_sequences_pb2.GruLayer, _Mapping]] = ..., multi_head_attention: _Optional[_Union[_sequences_pb2.MultiHeadAttentionLayer, _Mapping]] = ..., transformer_block: _Optional[_Union[_sequences_pb2.TransformerBlockLayer, _Mapping]] = ..., flatten: _Optional[_Union[FlattenLayer, _Mapping]] = ..., reshape: _Optional[_Union[ReshapeLayer, _Mapping]] = ..., permute: _Optional[_Union[PermuteLayer, _Mapping]] = ..., spectrogram: _Optional[_Union[_sequences_pb2.SpectrogramLayer, _Mapping]] = ..., mel_spectrogram: _Optional[_Union[_sequences_pb2.MelSpectrogramLayer, _Mapping]] = ..., sequential: _Optional[_Union[SequentialLayer, _Mapping]] = ..., residual: _Optional[_Union[ResidualLayer, _Mapping]] = ..., parallel: _Optional[_Union[ParallelLayer, _Mapping]] = ..., shared: _Optional[_Union[SharedLayer, _Mapping]] = ..., relu: _Optional[_Union[_activations_pb2.ReluLayer, _Mapping]] = ..., sigmoid: _Optional[_Union[_activations_pb2.SigmoidLayer, _Mapping]] = ..., tanh: _Optional[_Union[_activations_pb2.TanhLayer, _Mapping]] = ..., selu: _Optional[_Union[_activations_pb2.SeluLayer, _Mapping]] = ..., silu: _Optional[_Union[_activations_pb2.SiluLayer, _Mapping]] = ..., mish: _Optional[_Union[_activations_pb2.MishLayer, _Mapping]] = ..., softplus: _Optional[_Union[_activations_pb2.SoftplusLayer, _Mapping]] = ..., softsign: _Optional[_Union[_activations_pb2.SoftsignLayer, _Mapping]] = ..., log_sigmoid: _Optional[_Union[_activations_pb2.LogSigmoidLayer, _Mapping]] = ..., relu6: _Optional[_Union[_activations_pb2.Relu6Layer, _Mapping]] = ..., hard_sigmoid: _Optional[_Union[_activations_pb2.HardSigmoidLayer, _Mapping]] = ..., hard_swish: _Optional[_Union[_activations_pb2.HardSwishLayer, _Mapping]] = ..., softmax: _Optional[_Union[_activations_pb2.SoftmaxLayer, _Mapping]] = ..., log_softmax: _Optional[_Union[_activations_pb2.LogSoftmaxLayer, _Mapping]] = ..., leaky_relu: _Optional[_Union[_activations_pb2.LeakyReluLayer, _Mapping]] = ..., elu: _Optional[_Union[_activations_pb2.EluLayer, _Mapping]] = ..., gelu: _Optional[_Union[_activations_pb2.GeluLayer, _Mapping]] = ...) -> None: ...

class LinearLayer(_message.Message):
    __slots__ = ("units", "bias", "initializer", "name", "repeat")
    UNITS_FIELD_NUMBER: _ClassVar[int]
    BIAS_FIELD_NUMBER: _ClassVar[int]
    INITIALIZER_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPEAT_FIELD_NUMBER: _ClassVar[int]
    units: int
    bias: bool
    initializer: _initializers_pb2.Initializer
    name: str
    repeat: int
    def __init__(self, units: _Optional[int] = ..., bias: _Optional[bool] = ..., initializer: _Optional[_Union[_initializers_pb2.Initializer, _Mapping]] = ..., name: _Optional[str] = ..., repeat: _Optional[int] = ...) -> None: ...

class TimeLinearLayer(_message.Message):
    __slots__ = ("units", "initializer", "name", "repeat")
    UNITS_FIELD_NUMBER: _ClassVar[int]
    INITIALIZER_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPEAT_FIELD_NUMBER: _ClassVar[int]
    units: int
    initializer: _initializers_pb2.Initializer
    name: str
    repeat: int
    def __init__(self, units: _Optional[int] = ..., initializer: _Optional[_Union[_initializers_pb2.Initializer, _Mapping]] = ..., name: _Optional[str] = ..., repeat: _Optional[int] = ...) -> None: ...

class SparseLinearLayer(_message.Message):
    __slots__ = ("units", "density", "bias", "seed", "name", "repeat")
    UNITS_FIELD_NUMBER: _ClassVar[int]
    DENSITY_FIELD_NUMBER: _ClassVar[int]
    BIAS_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPEAT_FIELD_NUMBER: _ClassVar[int]
    units: int
    density: float
    bias: bool
    seed: int
    name: str
    repeat: int
    def __init__(self, units: _Optional[int] = ..., density: _Optional[float] = ..., bias: _Optional[bool] = ..., seed: _Optional[int] = ..., name: _Optional[str] = ..., repeat: _Optional[int] = ...) -> None: ...

class BatchNormLayer(_message.Message):
    __slots__ = ("momentum", "epsilon", "name", "repeat")
    MOMENTUM_FIELD_NUMBER: _ClassVar[int]
    EPSILON_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPEAT_FIELD_NUMBER: _ClassVar[int]
    momentum: float
    epsilon: float
    name: str
    repeat: int
    def __init__(self, momentum: _Optional[float] = ..., epsilon: _Optional[float] = ..., name: _Optional[str] = ..., repeat: _Optional[int] = ...) -> None: ...

class LayerNormLayer(_message.Message):
    __slots__ = ("axes", "epsilon", "name", "repeat")
    AXES_FIELD_NUMBER: _ClassVar[int]
    EPSILON_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPEAT_FIELD_NUMBER: _ClassVar[int]
    axes: int
    epsilon: float
    name: str
    repeat: int
    def __init__(self, axes: _Optional[int] = ..., epsilon: _Optional[float] = ..., name: _Optional[str] = ..., repeat: _Optional[int] = ...) -> None: ...

class RmsNormLayer(_message.Message):
    __slots__ = ("epsilon", "name", "repeat")
    EPSILON_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPEAT_FIELD_NUMBER: _ClassVar[int]
    epsilon: float
    name: str
    repeat: int
    def __init__(self, epsilon: _Optional[float] = ..., name: _Optional[str] = ..., repeat: _Optional[int] = ...) -> None: ...

class GroupNormLayer(_message.Message):
    __slots__ = ("groups", "epsilon", "name", "repeat")
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    EPSILON_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPEAT_FIELD_NUMBER: _ClassVar[int]
    groups: int
    epsilon: float
    name: str
    repeat: int
    def __init__(self, groups: _Optional[int] = ..., epsilon: _Optional[float] = ..., name: _Optional[str] = ..., repeat: _Optional[int] = ...) -> None: ...

class DropoutLayer(_message.Message):
    __slots__ = ("rate", "name", "repeat")
    RATE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPEAT_FIELD_NUMBER: _ClassVar[int]
    rate: float
    name: str
    repeat: int
    def __init__(self, rate: _Optional[float] = ..., name: _Optional[str] = ..., repeat: _Optional[int] = ...) -> None: ...

class FlattenLayer(_message.Message):
    __slots__ = ("name", "repeat")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPEAT_FIELD_NUMBER: _ClassVar[int]
    name: str
    repeat: int
    def __init__(self, name: _Optional[str] = ..., repeat: _Optional[int] = ...) -> None: ...

class ReshapeLayer(_message.Message):
    __slots__ = ("shape", "name", "repeat")
    SHAPE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPEAT_FIELD_NUMBER: _ClassVar[int]
    shape: _containers.RepeatedScalarFieldContainer[int]
    name: str
    repeat: int
    def __init__(self, shape: _Optional[_Iterable[int]] = ..., name: _Optional[str] = ..., repeat: _Optional[int] = ...) -> None: ...

class PermuteLayer(_message.Message):
    __slots__ = ("axes", "name", "repeat")
    AXES_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPEAT_FIELD_NUMBER: _ClassVar[int]
    axes: _containers.RepeatedScalarFieldContainer[int]
    name: str
    repeat: int
    def __init__(self, axes: _Optional[_Iterable[int]] = ..., name: _Optional[str] = ..., repeat: _Optional[int] = ...) -> None: ...

class SequentialLayer(_message.Message):
    __slots__ = ("layers", "name", "repeat")
    LAYERS_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPEAT_FIELD_NUMBER: _ClassVar[int]
    layers: _containers.RepeatedCompositeFieldContainer[Layer]
    name: str
    repeat: int
    def __init__(self, layers: _Optional[_Iterable[_Union[Layer, _Mapping]]] = ..., name: _Optional[str] = ..., repeat: _Optional[int] = ...) -> None: ...

class ResidualLayer(_message.Message):
    __slots__ = ("body", "shortcut", "name", "repeat")
    BODY_FIELD_NUMBER: _ClassVar[int]
    SHORTCUT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPEAT_FIELD_NUMBER: _ClassVar[int]
    body: _containers.RepeatedCompositeFieldContainer[Layer]
    shortcut: _containers.RepeatedCompositeFieldContainer[Layer]
    name: str
    repeat: int
    def __init__(self, body: _Optional[_Iterable[_Union[Layer, _Mapping]]] = ..., shortcut: _Optional[_Iterable[_Union[Layer, _Mapping]]] = ..., name: _Optional[str] = ..., repeat: _Optional[int] = ...) -> None: ...

class ParallelLayer(_message.Message):
    __slots__ = ("branches", "combine", "name", "repeat")
    BRANCHES_FIELD_NUMBER: _ClassVar[int]
    COMBINE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPEAT_FIELD_NUMBER: _ClassVar[int]
    branches: _containers.RepeatedCompositeFieldContainer[Branch]
    combine: Combine
    name: str
    repeat: int
    def __init__(self, branches: _Optional[_Iterable[_Union[Branch, _Mapping]]] = ..., combine: _Optional[_Union[Combine, str]] = ..., name: _Optional[str] = ..., repeat: _Optional[int] = ...) -> None: ...

class Branch(_message.Message):
    __slots__ = ("layers",)
    LAYERS_FIELD_NUMBER: _ClassVar[int]
    layers: _containers.RepeatedCompositeFieldContainer[Layer]
    def __init__(self, layers: _Optional[_Iterable[_Union[Layer, _Mapping]]] = ...) -> None: ...

class SharedLayer(_message.Message):
    __slots__ = ("layer",)
    LAYER_FIELD_NUMBER: _ClassVar[int]
    layer: str
    def __init__(self, layer: _Optional[str] = ...) -> None: ...
