from chainrule.v1 import initializers_pb2 as _initializers_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RecurrentOutputs(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RECURRENT_OUTPUTS_UNSPECIFIED: _ClassVar[RecurrentOutputs]
    RECURRENT_OUTPUTS_ALL: _ClassVar[RecurrentOutputs]
    RECURRENT_OUTPUTS_LAST: _ClassVar[RecurrentOutputs]

class RecurrentActivation(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RECURRENT_ACTIVATION_UNSPECIFIED: _ClassVar[RecurrentActivation]
    RECURRENT_ACTIVATION_TANH: _ClassVar[RecurrentActivation]
    RECURRENT_ACTIVATION_RELU: _ClassVar[RecurrentActivation]

class BlockActivation(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    BLOCK_ACTIVATION_UNSPECIFIED: _ClassVar[BlockActivation]
    BLOCK_ACTIVATION_GELU: _ClassVar[BlockActivation]
    BLOCK_ACTIVATION_RELU: _ClassVar[BlockActivation]
    BLOCK_ACTIVATION_SILU: _ClassVar[BlockActivation]
RECURRENT_OUTPUTS_UNSPECIFIED: RecurrentOutputs
RECURRENT_OUTPUTS_ALL: RecurrentOutputs
RECURRENT_OUTPUTS_LAST: RecurrentOutputs
RECURRENT_ACTIVATION_UNSPECIFIED: RecurrentActivation
RECURRENT_ACTIVATION_TANH: RecurrentActivation
RECURRENT_ACTIVATION_RELU: RecurrentActivation
BLOCK_ACTIVATION_UNSPECIFIED: BlockActivation
BLOCK_ACTIVATION_GELU: BlockActivation
BLOCK_ACTIVATION_RELU: BlockActivation
BLOCK_ACTIVATION_SILU: BlockActivation

class EmbeddingLayer(_message.Message):
    __slots__ = ("rows", "units", "padding", "initializer", "name", "repeat")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    UNITS_FIELD_NUMBER: _ClassVar[int]
    PADDING_FIELD_NUMBER: _ClassVar[int]
    INITIALIZER_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPEAT_FIELD_NUMBER: _ClassVar[int]
    rows: int
    units: int
    padding: int
    initializer: _initializers_pb2.Initializer
    name: str
    repeat: int
    def __init__(self, rows: _Optional[int] = ..., units: _Optional[int] = ..., padding: _Optional[int] = ..., initializer: _Optional[_Union[_initializers_pb2.Initializer, _Mapping]] = ..., name: _Optional[str] = ..., repeat: _Optional[int] = ...) -> None: ...

class LearnedPositionsLayer(_message.Message):
    __slots__ = ("initializer", "name", "repeat")
    INITIALIZER_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPEAT_FIELD_NUMBER: _ClassVar[int]
    initializer: _initializers_pb2.Initializer
    name: str
    repeat: int
    def __init__(self, initializer: _Optional[_Union[_initializers_pb2.Initializer, _Mapping]] = ..., name: _Optional[str] = ..., repeat: _Optional[int] = ...) -> None: ...

class SinusoidalPositionsLayer(_message.Message):
    __slots__ = ("name", "repeat")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPEAT_FIELD_NUMBER: _ClassVar[int]
    name: str
    repeat: int
    def __init__(self, name: _Optional[str] = ..., repeat: _Optional[int] = ...) -> None: ...

class RnnLayer(_message.Message):
    __slots__ = ("units", "layers", "bidirectional", "outputs", "truncate", "activation", "initializer", "name", "repeat")
    UNITS_FIELD_NUMBER: _ClassVar[int]
    LAYERS_FIELD_NUMBER: _ClassVar[int]
    BIDIRECTIONAL_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    TRUNCATE_FIELD_NUMBER: _ClassVar[int]
    ACTIVATION_FIELD_NUMBER: _ClassVar[int]
    INITIALIZER_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPEAT_FIELD_NUMBER: _ClassVar[int]
    units: int
    layers: int
    bidirectional: bool
    outputs: RecurrentOutputs
    truncate: int
    activation: RecurrentActivation
    initializer: _initializers_pb2.Initializer
    name: str
    repeat: int
    def __init__(self, units: _Optional[int] = ..., layers: _Optional[int] = ..., bidirectional: _Optional[bool] = ..., outputs: _Optional[_Union[RecurrentOutputs, str]] = ..., truncate: _Optional[int] = ..., activation: _Optional[_Union[RecurrentActivation, str]] = ..., initializer: _Optional[_Union[_initializers_pb2.Initializer, _Mapping]] = ..., name: _Optional[str] = ..., repeat: _Optional[int] = ...) -> None: ...

class LstmLayer(_message.Message):
    __slots__ = ("units", "layers", "bidirectional", "outputs", "truncate", "initializer", "name", "repeat")
    UNITS_FIELD_NUMBER: _ClassVar[int]
    LAYERS_FIELD_NUMBER: _ClassVar[int]
    BIDIRECTIONAL_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    TRUNCATE_FIELD_NUMBER: _ClassVar[int]
    INITIALIZER_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPEAT_FIELD_NUMBER: _ClassVar[int]
    units: int
    layers: int
    bidirectional: bool
    outputs: RecurrentOutputs
    truncate: int
    initializer: _initializers_pb2.Initializer
    name: str
    repeat: int
    def __init__(self, units: _Optional[int] = ..., layers: _Optional[int] = ..., bidirectional: _Optional[bool] = ..., outputs: _Optional[_Union[RecurrentOutputs, str]] = ..., truncate: _Optional[int] = ..., initializer: _Optional[_Union[_initializers_pb2.Initializer, _Mapping]] = ..., name: _Optional[str] = ..., repeat: _Optional[int] = ...) -> None: ...

class GruLayer(_message.Message):
    __slots__ = ("units", "layers", "bidirectional", "outputs", "truncate", "initializer", "name", "repeat")
    UNITS_FIELD_NUMBER: _ClassVar[int]
    LAYERS_FIELD_NUMBER: _ClassVar[int]
    BIDIRECTIONAL_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    TRUNCATE_FIELD_NUMBER: _ClassVar[int]
    INITIALIZER_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPEAT_FIELD_NUMBER: _ClassVar[int]
    units: int
    layers: int
    bidirectional: bool
    outputs: RecurrentOutputs
    truncate: int
    initializer: _initializers_pb2.Initializer
    name: str
    repeat: int
    def __init__(self, units: _Optional[int] = ..., layers: _Optional[int] = ..., bidirectional: _Optional[bool] = ..., outputs: _Optional[_Union[RecurrentOutputs, str]] = ..., truncate: _Optional[int] = ..., initializer: _Optional[_Union[_initializers_pb2.Initializer, _Mapping]] = ..., name: _Optional[str] = ..., repeat: _Optional[int] = ...) -> None: ...

class MultiHeadAttentionLayer(_message.Message):
    __slots__ = ("heads", "causal", "dropout", "initializer", "name", "repeat")
    HEADS_FIELD_NUMBER: _ClassVar[int]
    CAUSAL_FIELD_NUMBER: _ClassVar[int]
    DROPOUT_FIELD_NUMBER: _ClassVar[int]
    INITIALIZER_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPEAT_FIELD_NUMBER: _ClassVar[int]
    heads: int
    causal: bool
    dropout: float
    initializer: _initializers_pb2.Initializer
    name: str
    repeat: int
    def __init__(self, heads: _Optional[int] = ..., causal: _Optional[bool] = ..., dropout: _Optional[float] = ..., initializer: _Optional[_Union[_initializers_pb2.Initializer, _Mapping]] = ..., name: _Optional[str] = ..., repeat: _Optional[int] = ...) -> None: ...

class TransformerBlockLayer(_message.Message):
    __slots__ = ("heads", "hidden", "causal", "dropout", "norm_first", "activation", "initializer", "name", "repeat")
    HEADS_FIELD_NUMBER: _ClassVar[int]
    HIDDEN_FIELD_NUMBER: _ClassVar[int]
    CAUSAL_FIELD_NUMBER: _ClassVar[int]
    DROPOUT_FIELD_NUMBER: _ClassVar[int]
    NORM_FIRST_FIELD_NUMBER: _ClassVar[int]
    ACTIVATION_FIELD_NUMBER: _ClassVar[int]
    INITIALIZER_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPEAT_FIELD_NUMBER: _ClassVar[int]
    heads: int
    hidden: int
    causal: bool
    dropout: float
    norm_first: bool
    activation: BlockActivation
    initializer: _initializers_pb2.Initializer
    name: str
    repeat: int
    def __init__(self, heads: _Optional[int] = ..., hidden: _Optional[int] = ..., causal: _Optional[bool] = ..., dropout: _Optional[float] = ..., norm_first: _Optional[bool] = ..., activation: _Optional[_Union[BlockActivation, str]] = ..., initializer: _Optional[_Union[_initializers_pb2.Initializer, _Mapping]] = ..., name: _Optional[str] = ..., repeat: _Optional[int] = ...) -> None: ...

class SpectrogramLayer(_message.Message):
    __slots__ = ("size", "hop", "log", "name", "repeat")
    SIZE_FIELD_NUMBER: _ClassVar[int]
    HOP_FIELD_NUMBER: _ClassVar[int]
    LOG_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPEAT_FIELD_NUMBER: _ClassVar[int]
    size: int
    hop: int
    log: bool
    name: str
    repeat: int
    def __init__(self, size: _Optional[int] = ..., hop: _Optional[int] = ..., log: _Optional[bool] = ..., name: _Optional[str] = ..., repeat: _Optional[int] = ...) -> None: ...

class MelSpectrogramLayer(_message.Message):
    __slots__ = ("bands", "size", "hop", "rate", "low", "high", "log", "name", "repeat")
    BANDS_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    HOP_FIELD_NUMBER: _ClassVar[int]
    RATE_FIELD_NUMBER: _ClassVar[int]
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    LOG_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPEAT_FIELD_NUMBER: _ClassVar[int]
    bands: int
    size: int
    hop: int
    rate: float
    low: float
    high: float
    log: bool
    name: str
    repeat: int
    def __init__(self, bands: _Optional[int] = ..., size: _Optional[int] = ..., hop: _Optional[int] = ..., rate: _Optional[float] = ..., low: _Optional[float] = ..., high: _Optional[float] = ..., log: _Optional[bool] = ..., name: _Optional[str] = ..., repeat: _Optional[int] = ...) -> None: ...
