from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Initializer(_message.Message):
    __slots__ = ("zeros", "ones", "uniform", "normal", "truncated_normal", "xavier_uniform", "xavier_normal", "he_uniform", "he_normal", "orthogonal")
    ZEROS_FIELD_NUMBER: _ClassVar[int]
    ONES_FIELD_NUMBER: _ClassVar[int]
    UNIFORM_FIELD_NUMBER: _ClassVar[int]
    NORMAL_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_NORMAL_FIELD_NUMBER: _ClassVar[int]
    XAVIER_UNIFORM_FIELD_NUMBER: _ClassVar[int]
    XAVIER_NORMAL_FIELD_NUMBER: _ClassVar[int]
    HE_UNIFORM_FIELD_NUMBER: _ClassVar[int]
    HE_NORMAL_FIELD_NUMBER: _ClassVar[int]
    ORTHOGONAL_FIELD_NUMBER: _ClassVar[int]
    zeros: ZerosInitializer
    ones: OnesInitializer
    uniform: UniformInitializer
    normal: NormalInitializer
    truncated_normal: TruncatedNormalInitializer
    xavier_uniform: XavierUniformInitializer
    xavier_normal: XavierNormalInitializer
    he_uniform: HeUniformInitializer
    he_normal: HeNormalInitializer
    orthogonal: OrthogonalInitializer
    def __init__(self, zeros: _Optional[_Union[ZerosInitializer, _Mapping]] = ..., ones: _Optional[_Union[OnesInitializer, _Mapping]] = ..., uniform: _Optional[_Union[UniformInitializer, _Mapping]] = ..., normal: _Optional[_Union[NormalInitializer, _Mapping]] = ..., truncated_normal: _Optional[_Union[TruncatedNormalInitializer, _Mapping]] = ..., xavier_uniform: _Optional[_Union[XavierUniformInitializer, _Mapping]] = ..., xavier_normal: _Optional[_Union[XavierNormalInitializer, _Mapping]] = ..., he_uniform: _Optional[_Union[HeUniformInitializer, _Mapping]] = ..., he_normal: _Optional[_Union[HeNormalInitializer, _Mapping]] = ..., orthogonal: _Optional[_Union[OrthogonalInitializer, _Mapping]] = ...) -> None: ...

class ZerosInitializer(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class OnesInitializer(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class UniformInitializer(_message.Message):
    __slots__ = ("low", "high")
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    low: float
    high: float
    def __init__(self, low: _Optional[float] = ..., high: _Optional[float] = ...) -> None: ...

class NormalInitializer(_message.Message):
    __slots__ = ("deviation",)
    DEVIATION_FIELD_NUMBER: _ClassVar[int]
    deviation: float
    def __init__(self, deviation: _Optional[float] = ...) -> None: ...

class TruncatedNormalInitializer(_message.Message):
    __slots__ = ("deviation", "bound")
    DEVIATION_FIELD_NUMBER: _ClassVar[int]
    BOUND_FIELD_NUMBER: _ClassVar[int]
    deviation: float
    bound: float
    def __init__(self, deviation: _Optional[float] = ..., bound: _Optional[float] = ...) -> None: ...

class XavierUniformInitializer(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class XavierNormalInitializer(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class HeUniformInitializer(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class HeNormalInitializer(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class OrthogonalInitializer(_message.Message):
    __slots__ = ("gain",)
    GAIN_FIELD_NUMBER: _ClassVar[int]
    gain: float
    def __init__(self, gain: _Optional[float] = ...) -> None: ...
