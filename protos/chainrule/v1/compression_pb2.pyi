from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Compression(_message.Message):
    __slots__ = ("none", "fp16", "bf16", "int8", "top_k", "random_k", "one_bit", "power_sgd")
    NONE_FIELD_NUMBER: _ClassVar[int]
    FP16_FIELD_NUMBER: _ClassVar[int]
    BF16_FIELD_NUMBER: _ClassVar[int]
    INT8_FIELD_NUMBER: _ClassVar[int]
    TOP_K_FIELD_NUMBER: _ClassVar[int]
    RANDOM_K_FIELD_NUMBER: _ClassVar[int]
    ONE_BIT_FIELD_NUMBER: _ClassVar[int]
    POWER_SGD_FIELD_NUMBER: _ClassVar[int]
    none: NoneCompression
    fp16: Fp16Compression
    bf16: Bf16Compression
    int8: Int8Compression
    top_k: TopKCompression
    random_k: RandomKCompression
    one_bit: OneBitCompression
    power_sgd: PowerSgdCompression
    def __init__(self, none: _Optional[_Union[NoneCompression, _Mapping]] = ..., fp16: _Optional[_Union[Fp16Compression, _Mapping]] = ..., bf16: _Optional[_Union[Bf16Compression, _Mapping]] = ..., int8: _Optional[_Union[Int8Compression, _Mapping]] = ..., top_k: _Optional[_Union[TopKCompression, _Mapping]] = ..., random_k: _Optional[_Union[RandomKCompression, _Mapping]] = ..., one_bit: _Optional[_Union[OneBitCompression, _Mapping]] = ..., power_sgd: _Optional[_Union[PowerSgdCompression, _Mapping]] = ...) -> None: ...

class NoneCompression(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Fp16Compression(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Bf16Compression(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Int8Compression(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class TopKCompression(_message.Message):
    __slots__ = ("fraction",)
    FRACTION_FIELD_NUMBER: _ClassVar[int]
    fraction: float
    def __init__(self, fraction: _Optional[float] = ...) -> None: ...

class RandomKCompression(_message.Message):
    __slots__ = ("fraction",)
    FRACTION_FIELD_NUMBER: _ClassVar[int]
    fraction: float
    def __init__(self, fraction: _Optional[float] = ...) -> None: ...

class OneBitCompression(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class PowerSgdCompression(_message.Message):
    __slots__ = ("rank",)
    RANK_FIELD_NUMBER: _ClassVar[int]
    rank: int
    def __init__(self, rank: _Optional[int] = ...) -> None: ...
