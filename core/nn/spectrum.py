"""Layers that turn sound into frequencies over time."""

from __future__ import annotations

from typing import ClassVar

from .. import ops
from ..precision import wide
from ..tensor import Tensor
from .context import ForwardContext
from .module import Module
from .sizes import require_positive


class Spectrogram(Module):
    """Power by frequency and time: (n, ..., samples) -> (n, ..., size // 2 + 1, frames).

    See `ops.spectrogram`. log: the natural logarithm of power + 1e-6. Of half precision it is computed in
    float32 and rounded once: power would overflow float16, or vanish.
    """

    kind: ClassVar[str] = "spectrogram"

    def __init__(self, size: int, hop: int, log: bool = False) -> None:
        require_positive(self.kind, size=size, hop=hop)
        self.size = size
        self.hop = hop
        self.log = log

    def forward(self, x: Tensor, context: ForwardContext) -> Tensor:
        self.output_shape(x.shape[1:])
        power = self._power(wide(x))
        return (ops.log(power + 1e-6) if self.log else power).astype(x.dtype)

    def _power(self, x: Tensor) -> Tensor:
        return ops.spectrogram(x, self.size, self.hop)

    def _rows(self) -> int:
        return self.size // 2 + 1

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        if not input_shape or input_shape[-1] < self.size:
            raise self.refused(f"of shape (..., at least {self.size})", input_shape)
        return (*input_shape[:-1], self._rows(), (input_shape[-1] - self.size) // self.hop + 1)


class MelSpectrogram(Spectrogram):
    """Power by mel band and time: (n, ..., samples) -> (n, ..., bands, frames). See `ops.mel_spectrogram`.

    rate: samples a second; low, high: hertz; log: the natural logarithm of power + 1e-6.
    """

    kind: ClassVar[str] = "mel_spectrogram"

    def __init__(
        self,
        bands: int,
        size: int,
        hop: int,
        rate: float,
        low: float = 0.0,
        high: float | None = None,
        log: bool = False,
    ) -> None:
        super().__init__(size, hop, log)
        ops.mel_filters(bands, size, rate, low, high)  # says now what it would refuse later
        self.bands = bands
        self.rate = rate
        self.low = low
        self.high = high

    def _power(self, x: Tensor) -> Tensor:
        return ops.mel_spectrogram(x, self.bands, self.size, self.hop, self.rate, self.low, self.high)

    def _rows(self) -> int:
        return self.bands
