"""The compression method that a job asks for."""

from __future__ import annotations

from ..core.flat import FlatLayout
from .exchange.compression import Bfloat16, Compression, Float16, Int8, OneBit, PowerSGD, RandomK, TopK
from .spec import JobSpec
from .spec.compression import (
    Bf16Spec,
    Fp16Spec,
    Int8Spec,
    OneBitSpec,
    PowerSgdSpec,
    RandomKSpec,
    TopKSpec,
)


def compression_of(spec: JobSpec, layout: FlatLayout) -> Compression | None:
    """The method for gradients of this layout; None where they are not compressed."""
    match spec.training.compression:
        case Fp16Spec():
            return Float16(layout)
        case Bf16Spec():
            return Bfloat16(layout)
        case Int8Spec():
            return Int8(layout)
        case TopKSpec(fraction=fraction):
            return TopK(layout, fraction)
        case RandomKSpec(fraction=fraction):
            return RandomK(layout, fraction)
        case OneBitSpec():
            return OneBit(layout)
        case PowerSgdSpec(rank=rank):
            return PowerSGD(layout, rank)
        case _:
            return None
