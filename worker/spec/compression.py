"""The ways to compress gradients that a job file can name."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from .section import Count, Kind, Share, one_of, table_of


class CompressionSpec(Kind):
    """One of the methods in `worker.exchange.compression`."""


class NoneSpec(CompressionSpec):
    kind: ClassVar[str] = "none"


class Fp16Spec(CompressionSpec):
    kind: ClassVar[str] = "fp16"


class Bf16Spec(CompressionSpec):
    kind: ClassVar[str] = "bf16"


class Int8Spec(CompressionSpec):
    kind: ClassVar[str] = "int8"


class TopKSpec(CompressionSpec):
    kind: ClassVar[str] = "top_k"
    fraction: Share = 0.01


class RandomKSpec(CompressionSpec):
    kind: ClassVar[str] = "random_k"
    fraction: Share = 0.25


class OneBitSpec(CompressionSpec):
    kind: ClassVar[str] = "one_bit"


class PowerSgdSpec(CompressionSpec):
    kind: ClassVar[str] = "power_sgd"
    rank: Count = 2


COMPRESSIONS = table_of(
    NoneSpec, Fp16Spec, Bf16Spec, Int8Spec, TopKSpec, RandomKSpec, OneBitSpec, PowerSgdSpec
)

if TYPE_CHECKING:
    AnyCompression = CompressionSpec
else:
    AnyCompression = one_of("compression", COMPRESSIONS, "`bf16` or `top_k: {fraction: 0.01}`")
