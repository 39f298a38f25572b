from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TokenUnit(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TOKEN_UNIT_UNSPECIFIED: _ClassVar[TokenUnit]
    TOKEN_UNIT_CHARACTERS: _ClassVar[TokenUnit]
    TOKEN_UNIT_BYTES: _ClassVar[TokenUnit]
    TOKEN_UNIT_WORDS: _ClassVar[TokenUnit]
TOKEN_UNIT_UNSPECIFIED: TokenUnit
TOKEN_UNIT_CHARACTERS: TokenUnit
TOKEN_UNIT_BYTES: TokenUnit
TOKEN_UNIT_WORDS: TokenUnit

class Transform(_message.Message):
    __slots__ = ("tokenize", "window", "one_hot", "resize", "random_crop", "random_flip")
    TOKENIZE_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    ONE_HOT_FIELD_NUMBER: _ClassVar[int]
    RESIZE_FIELD_NUMBER: _ClassVar[int]
    RANDOM_CROP_FIELD_NUMBER: _ClassVar[int]
    RANDOM_FLIP_FIELD_NUMBER: _ClassVar[int]
    tokenize: TokenizeTransform
    window: WindowTransform
    one_hot: OneHotTransform
    resize: ResizeTransform
    random_crop: RandomCropTransform
    random_flip: RandomFlipTransform
    def __init__(self, tokenize: _Optional[_Union[TokenizeTransform, _Mapping]] = ..., window: _Optional[_Union[WindowTransform, _Mapping]] = ..., one_hot: _Optional[_Union[OneHotTransform, _Mapping]] = ..., resize: _Optional[_Union[ResizeTransform, _Mapping]] = ..., random_crop: _Optional[_Union[RandomCropTransform, _Mapping]] = ..., random_flip: _Optional[_Union[RandomFlipTransform, _Mapping]] = ...) -> None: ...

class TokenizeTransform(_message.Message):
    __slots__ = ("unit", "length", "vocabulary")
    UNIT_FIELD_NUMBER: _ClassVar[int]
    LENGTH_FIELD_NUMBER: _ClassVar[int]
    VOCABULARY_FIELD_NUMBER: _ClassVar[int]
    unit: TokenUnit
    length: int
    vocabulary: int
    def __init__(self, unit: _Optional[_Union[TokenUnit, str]] = ..., length: _Optional[int] = ..., vocabulary: _Optional[int] = ...) -> None: ...

class WindowTransform(_message.Message):
    __slots__ = ("length", "stride", "horizon")
    LENGTH_FIELD_NUMBER: _ClassVar[int]
    STRIDE_FIELD_NUMBER: _ClassVar[int]
    HORIZON_FIELD_NUMBER: _ClassVar[int]
    length: int
    stride: int
    horizon: int
    def __init__(self, length: _Optional[int] = ..., stride: _Optional[int] = ..., horizon: _Optional[int] = ...) -> None: ...

class OneHotTransform(_message.Message):
    __slots__ = ("categories",)
    CATEGORIES_FIELD_NUMBER: _ClassVar[int]
    categories: int
    def __init__(self, categories: _Optional[int] = ...) -> None: ...

class ResizeTransform(_message.Message):
    __slots__ = ("height", "width")
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    height: int
    width: int
    def __init__(self, height: _Optional[int] = ..., width: _Optional[int] = ...) -> None: ...

class RandomCropTransform(_message.Message):
    __slots__ = ("height", "width", "padding")
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    PADDING_FIELD_NUMBER: _ClassVar[int]
    height: int
    width: int
    padding: int
    def __init__(self, height: _Optional[int] = ..., width: _Optional[int] = ..., padding: _Optional[int] = ...) -> None: ...

class RandomFlipTransform(_message.Message):
    __slots__ = ("horizontal", "vertical")
    HORIZONTAL_FIELD_NUMBER: _ClassVar[int]
    VERTICAL_FIELD_NUMBER: _ClassVar[int]
    horizontal: bool
    vertical: bool
    def __init__(self, horizontal: _Optional[bool] = ..., vertical: _Optional[bool] = ...) -> None: ...
