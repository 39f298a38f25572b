from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class ReluLayer(_message.Message):
    __slots__ = ("name", "repeat")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPEAT_FIELD_NUMBER: _ClassVar[int]
    name: str
    repeat: int
    def __init__(self, name: _Optional[str] = ..., repeat: _Optional[int] = ...) -> None: ...

class SigmoidLayer(_message.Message):
    __slots__ = ("name", "repeat")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPEAT_FIELD_NUMBER: _ClassVar[int]
    name: str
    repeat: int
    def __init__(self, name: _Optional[str] = ..., repeat: _Optional[int] = ...) -> None: ...

class TanhLayer(_message.Message):
    __slots__ = ("name", "repeat")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPEAT_FIELD_NUMBER: _ClassVar[int]
    name: str
    repeat: int
    def __init__(self, name: _Optional[str] = ..., repeat: _Optional[int] = ...) -> None: ...

class SeluLayer(_message.Message):
    __slots__ = ("name", "repeat")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPEAT_FIELD_NUMBER: _ClassVar[int]
    name: str
    repeat: int
    def __init__(self, name: _Optional[str] = ..., repeat: _Optional[int] = ...) -> None: ...

class SiluLayer(_message.Message):
    __slots__ = ("name", "repeat")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPEAT_FIELD_NUMBER: _ClassVar[int]
    name: str
    repeat: int
    def __init__(self, name: _Optional[str] = ..., repeat: _Optional[int] = ...) -> None: ...

class MishLayer(_message.Message):
    __slots__ = ("name", "repeat")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPEAT_FIELD_NUMBER: _ClassVar[int]
    name: str
    repeat: int
    def __init__(self, name: _Optional[str] = ..., repeat: _Optional[int] = ...) -> None: ...

class SoftplusLayer(_message.Message):
    __slots__ = ("name", "repeat")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPEAT_FIELD_NUMBER: _ClassVar[int]
    name: str
    repeat: int
    def __init__(self, name: _Optional[str] = ..., repeat: _Optional[int] = ...) -> None: ...

class SoftsignLayer(_message.Message):
    __slots__ = ("name", "repeat")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPEAT_FIELD_NUMBER: _ClassVar[int]
    name: str
    repeat: int
    def __init__(self, name: _Optional[str] = ..., repeat: _Optional[int] = ...) -> None: ...

class LogSigmoidLayer(_message.Message):
    __slots__ = ("name", "repeat")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPEAT_FIELD_NUMBER: _ClassVar[int]
    name: str
    repeat: int
    def __init__(self, name: _Optional[str] = ..., repeat: _Optional[int] = ...) -> None: ...

class Relu6Layer(_message.Message):
    __slots__ = ("name", "repeat")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPEAT_FIELD_NUMBER: _ClassVar[int]
    name: str
    repeat: int
    def __init__(self, name: _Optional[str] = ..., repeat: _Optional[int] = ...) -> None: ...

class HardSigmoidLayer(_message.Message):
    __slots__ = ("name", "repeat")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPEAT_FIELD_NUMBER: _ClassVar[int]
    name: str
    repeat: int
    def __init__(self, name: _Optional[str] = ..., repeat: _Optional[int] = ...) -> None: ...

class HardSwishLayer(_message.Message):
    __slots__ = ("name", "repeat")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPEAT_FIELD_NUMBER: _ClassVar[int]
    name: str
    repeat: int
    def __init__(self, name: _Optional[str] = ..., repeat: _Optional[int] = ...) -> None: ...

class SoftmaxLayer(_message.Message):
    __slots__ = ("name", "repeat")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPEAT_FIELD_NUMBER: _ClassVar[int]
    name: str
    repeat: int
    def __init__(self, name: _Optional[str] = ..., repeat: _Optional[int] = ...) -> None: ...

class LogSoftmaxLayer(_message.Message):
    __slots__ = ("name", "repeat")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPEAT_FIELD_NUMBER: _ClassVar[int]
    name: str
    repeat: int
    def __init__(self, name: _Optional[str] = ..., repeat: _Optional[int] = ...) -> None: ...

class LeakyReluLayer(_message.Message):
    __slots__ = ("slope", "name", "repeat")
    SLOPE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPEAT_FIELD_NUMBER: _ClassVar[int]
    slope: float
    name: str
    repeat: int
    def __init__(self, slope: _Optional[float] = ..., name: _Optional[str] = ..., repeat: _Optional[int] = ...) -> None: ...

class EluLayer(_message.Message):
    __slots__ = ("alpha", "name", "repeat")
    ALPHA_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPEAT_FIELD_NUMBER: _ClassVar[int]
    alpha: float
    name: str
    repeat: int
    def __init__(self, alpha: _Optional[float] = ..., name: _Optional[str] = ..., repeat: _Optional[int] = ...) -> None: ...

class GeluLayer(_message.Message):
    __slots__ = ("approximate", "name", "repeat")
    APPROXIMATE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPEAT_FIELD_NUMBER: _ClassVar[int]
    approximate: bool
    name: str
    repeat: int
    def __init__(self, approximate: _Optional[bool] = ..., name: _Optional[str] = ..., repeat: _Optional[int] = ...) -> None: ...
