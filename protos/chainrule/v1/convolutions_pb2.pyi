from chainrule.v1 import initializers_pb2 as _initializers_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Sizes(_message.Message):
    __slots__ = ("values",)
    VALUES_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, values: _Optional[_Iterable[int]] = ...) -> None: ...

class Padding(_message.Message):
    __slots__ = ("sizes", "same")
    SIZES_FIELD_NUMBER: _ClassVar[int]
    SAME_FIELD_NUMBER: _ClassVar[int]
    sizes: Sizes
    same: bool
    def __init__(self, sizes: _Optional[_Union[Sizes, _Mapping]] = ..., same: _Optional[bool] = ...) -> None: ...

class Conv1dLayer(_message.Message):
    __slots__ = ("filters", "kernel", "stride", "padding", "dilation", "groups", "bias", "initializer", "name", "repeat")
    FILTERS_FIELD_NUMBER: _ClassVar[int]
    KERNEL_FIELD_NUMBER: _ClassVar[int]
    STRIDE_FIELD_NUMBER: _ClassVar[int]
    PADDING_FIELD_NUMBER: _ClassVar[int]
    DILATION_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    BIAS_FIELD_NUMBER: _ClassVar[int]
    INITIALIZER_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPEAT_FIELD_NUMBER: _ClassVar[int]
    filters: int
    kernel: Sizes
    stride: Sizes
    padding: Padding
    dilation: Sizes
    groups: int
    bias: bool
    initializer: _initializers_pb2.Initializer
    name: str
    repeat: int
    def __init__(self, filters: _Optional[int] = ..., kernel: _Optional[_Union[Sizes, _Mapping]] = ..., stride: _Optional[_Union[Sizes, _Mapping]] = ..., padding: _Optional[_Union[Padding, _Mapping]] = ..., dilation: _Optional[_Union[Sizes, _Mapping]] = ..., groups: _Optional[int] = ..., bias: _Optional[bool] = ..., initializer: _Optional[_Union[_initializers_pb2.Initializer, _Mapping]] = ..., name: _Optional[str] = ..., repeat: _Optional[int] = ...) -> None: ...

class Conv2dLayer(_message.Message):
    __slots__ = ("filters", "kernel", "stride", "padding", "dilation", "groups", "bias", "initializer", "name", "repeat")
    FILTERS_FIELD_NUMBER: _ClassVar[int]
    KERNEL_FIELD_NUMBER: _ClassVar[int]
    STRIDE_FIELD_NUMBER: _ClassVar[int]
    PADDING_FIELD_NUMBER: _ClassVar[int]
    DILATION_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    BIAS_FIELD_NUMBER: _ClassVar[int]
    INITIALIZER_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPEAT_FIELD_NUMBER: _ClassVar[int]
    filters: int
    kernel: Sizes
    stride: Sizes
    padding: Padding
    dilation: Sizes
    groups: int
    bias: bool
    initializer: _initializers_pb2.Initializer
    name: str
    repeat: int
    def __init__(self, filters: _Optional[int] = ..., kernel: _Optional[_Union[Sizes, _Mapping]] = ..., stride: _Optional[_Union[Sizes, _Mapping]] = ..., padding: _Optional[_Union[Padding, _Mapping]] = ..., dilation: _Optional[_Union[Sizes, _Mapping]] = ..., groups: _Optional[int] = ..., bias: _Optional[bool] = ..., initializer: _Optional[_Union[_initializers_pb2.Initializer, _Mapping]] = ..., name: _Optional[str] = ..., repeat: _Optional[int] = ...) -> None: ...

class ConvTranspose2dLayer(_message.Message):
    __slots__ = ("filters", "kernel", "stride", "padding", "dilation", "groups", "bias", "output_padding", "initializer", "name", "repeat")
    FILTERS_FIELD_NUMBER: _ClassVar[int]
    KERNEL_FIELD_NUMBER: _ClassVar[int]
    STRIDE_FIELD_NUMBER: _ClassVar[int]
    PADDING_FIELD_NUMBER: _ClassVar[int]
    DILATION_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    BIAS_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_PADDING_FIELD_NUMBER: _ClassVar[int]
    INITIALIZER_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPEAT_FIELD_NUMBER: _ClassVar[int]
    filters: int
    kernel: Sizes
    stride: Sizes
    padding: Sizes
    dilation: Sizes
    groups: int
    bias: bool
    output_padding: Sizes
    initializer: _initializers_pb2.Initializer
    name: str
    repeat: int
    def __init__(self, filters: _Optional[int] = ..., kernel: _Optional[_Union[Sizes, _Mapping]] = ..., stride: _Optional[_Union[Sizes, _Mapping]] = ..., padding: _Optional[_Union[Sizes, _Mapping]] = ..., dilation: _Optional[_Union[Sizes, _Mapping]] = ..., groups: _Optional[int] = ..., bias: _Optional[bool] = ..., output_padding: _Optional[_Union[Sizes, _Mapping]] = ..., initializer: _Optional[_Union[_initializers_pb2.Initializer, _Mapping]] = ..., name: _Optional[str] = ..., repeat: _Optional[int] = ...) -> None: ...

class MaxPoolLayer(_message.Message):
    __slots__ = ("kernel", "stride", "padding", "name", "repeat")
    KERNEL_FIELD_NUMBER: _ClassVar[int]
    STRIDE_FIELD_NUMBER: _ClassVar[int]
    PADDING_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPEAT_FIELD_NUMBER: _ClassVar[int]
    kernel: Sizes
    stride: Sizes
    padding: Sizes
    name: str
    repeat: int
    def __init__(self, kernel: _Optional[_Union[Sizes, _Mapping]] = ..., stride: _Optional[_Union[Sizes, _Mapping]] = ..., padding: _Optional[_Union[Sizes, _Mapping]] = ..., name: _Optional[str] = ..., repeat: _Optional[int] = ...) -> None: ...

class AvgPoolLayer(_message.Message):
    __slots__ = ("kernel", "stride", "padding", "count_padding", "name", "repeat")
    KERNEL_FIELD_NUMBER: _ClassVar[int]
    STRIDE_FIELD_NUMBER: _ClassVar[int]
    PADDING_FIELD_NUMBER: _ClassVar[int]
    COUNT_PADDING_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPEAT_FIELD_NUMBER: _ClassVar[int]
    kernel: Sizes
    stride: Sizes
    padding: Sizes
    count_padding: bool
    name: str
    repeat: int
    def __init__(self, kernel: _Optional[_Union[Sizes, _Mapping]] = ..., stride: _Optional[_Union[Sizes, _Mapping]] = ..., padding: _Optional[_Union[Sizes, _Mapping]] = ..., count_padding: _Optional[bool] = ..., name: _Optional[str] = ..., repeat: _Optional[int] = ...) -> None: ...

class GlobalAvgPoolLayer(_message.Message):
    __slots__ = ("name", "repeat")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPEAT_FIELD_NUMBER: _ClassVar[int]
    name: str
    repeat: int
    def __init__(self, name: _Optional[str] = ..., repeat: _Optional[int] = ...) -> None: ...

class GlobalMaxPoolLayer(_message.Message):
    __slots__ = ("name", "repeat")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPEAT_FIELD_NUMBER: _ClassVar[int]
    name: str
    repeat: int
    def __init__(self, name: _Optional[str] = ..., repeat: _Optional[int] = ...) -> None: ...

class AdaptiveAvgPoolLayer(_message.Message):
    __slots__ = ("output", "name", "repeat")
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPEAT_FIELD_NUMBER: _ClassVar[int]
    output: Sizes
    name: str
    repeat: int
    def __init__(self, output: _Optional[_Union[Sizes, _Mapping]] = ..., name: _Optional[str] = ..., repeat: _Optional[int] = ...) -> None: ...

class AdaptiveMaxPoolLayer(_message.Message):
    __slots__ = ("output", "name", "repeat")
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPEAT_FIELD_NUMBER: _ClassVar[int]
    output: Sizes
    name: str
    repeat: int
    def __init__(self, output: _Optional[_Union[Sizes, _Mapping]] = ..., name: _Optional[str] = ..., repeat: _Optional[int] = ...) -> None: ...
