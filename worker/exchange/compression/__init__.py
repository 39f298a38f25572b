"""Gradients in fewer bytes, with error feedback: what one step leaves out is added to the next.

A method is a pure pair of functions: `encode` writes a payload of `payload_bytes` bytes, known beforehand,
and `decode` makes a gradient of it again. `compress` puts error feedback around any of them.
"""

from __future__ import annotations

from .bits import Bfloat16, Float16, Int8
from .method import Compression, Key, compress
from .power_sgd import PowerSGD
from .signs import OneBit
from .sparse import RandomK, TopK

__all__ = [
    "Bfloat16", "Compression", "Float16", "Int8", "Key", "OneBit", "PowerSGD", "RandomK", "TopK", "compress",
]  # fmt: skip
