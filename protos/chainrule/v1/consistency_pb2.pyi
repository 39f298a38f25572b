from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Consistency(_message.Message):
    __slots__ = ("sync", "bounded")
    SYNC_FIELD_NUMBER: _ClassVar[int]
    BOUNDED_FIELD_NUMBER: _ClassVar[int]
    ASYNC_FIELD_NUMBER: _ClassVar[int]
    sync: SyncConsistency
    bounded: BoundedConsistency
    def __init__(self, sync: _Optional[_Union[SyncConsistency, _Mapping]] = ..., bounded: _Optional[_Union[BoundedConsistency, _Mapping]] = ..., **kwargs) -> None: ...

class SyncConsistency(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class BoundedConsistency(_message.Message):
    __slots__ = ("staleness",)
    STALENESS_FIELD_NUMBER: _ClassVar[int]
    staleness: int
    def __init__(self, staleness: _Optional[int] = ...) -> None: ...

class AsyncConsistency(_message.Message):
    __slots__ = ("push_every", "pull_every")
    PUSH_EVERY_FIELD_NUMBER: _ClassVar[int]
    PULL_EVERY_FIELD_NUMBER: _ClassVar[int]
    push_every: int
    pull_every: int
    def __init__(self, push_every: _Optional[int] = ..., pull_every: _Optional[int] = ...) -> None: ...
