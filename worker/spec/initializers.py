"""Where weights start, by name: the part `initializer` of a layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import model_validator

from .errors import Violation
from .section import Kind, Number, Positive, one_of, table_of
from .violations import fields_error


class InitializerSpec(Kind):
    """One of `core.init.INITIALIZERS`, with its options."""


class ZerosSpec(InitializerSpec):
    kind: ClassVar[str] = "zeros"


class OnesSpec(InitializerSpec):
    kind: ClassVar[str] = "ones"


class UniformSpec(InitializerSpec):
    kind: ClassVar[str] = "uniform"
    low: Number = -0.05
    high: Number = 0.05

    @model_validator(mode="after")
    def _low_is_below_high(self) -> UniformSpec:
        if self.low >= self.high:
            raise fields_error(
                [Violation("high", f"expected a number above low ({self.low:g}), got {self.high:g}")]
            )
        return self


class NormalSpec(InitializerSpec):
    kind: ClassVar[str] = "normal"
    deviation: Positive = 0.02


class TruncatedNormalSpec(InitializerSpec):
    kind: ClassVar[str] = "truncated_normal"
    deviation: Positive = 0.02
    bound: Positive = 2.0


class XavierUniformSpec(InitializerSpec):
    kind: ClassVar[str] = "xavier_uniform"


class XavierNormalSpec(InitializerSpec):
    kind: ClassVar[str] = "xavier_normal"


class HeUniformSpec(InitializerSpec):
    kind: ClassVar[str] = "he_uniform"


class HeNormalSpec(InitializerSpec):
    kind: ClassVar[str] = "he_normal"


class OrthogonalSpec(InitializerSpec):
    kind: ClassVar[str] = "orthogonal"
    gain: Positive = 1.0


INITIALIZERS = table_of(
    ZerosSpec, OnesSpec, UniformSpec, NormalSpec, TruncatedNormalSpec, XavierUniformSpec, XavierNormalSpec,
    HeUniformSpec, HeNormalSpec, OrthogonalSpec,
)  # fmt: skip

if TYPE_CHECKING:
    AnyInitializer = InitializerSpec
else:
    AnyInitializer = one_of("initializer", INITIALIZERS, "`orthogonal` or `normal: {deviation: 0.02}`")
