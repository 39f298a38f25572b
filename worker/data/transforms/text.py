"""Ids of equal length in place of texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..tokenizer import UNKNOWN, Tokenizer


@dataclass(frozen=True)
class TextToIds:
    """The first `length` ids of each text; short ones go on with 0, which also stands for what is unknown."""

    tokenizer: Tokenizer
    length: int

    def apply(self, texts: np.ndarray) -> np.ndarray:
        """Texts (n,) or (n, 1) -> ids (n, length), int32."""
        ids = np.full((len(texts), self.length), UNKNOWN, np.int32)
        for row, text in zip(ids, texts.reshape(-1).tolist(), strict=True):
            known = self.tokenizer.encode(text)[: self.length]
            row[: len(known)] = known
        return ids

    def to_json(self) -> dict[str, Any]:
        return {"tokenize": {"length": self.length, **self.tokenizer.to_json()}}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TextToIds:
        return cls(Tokenizer.from_json(data), int(data["length"]))


def are_texts(features: np.ndarray) -> bool:
    """Whether it holds one text a sample."""
    return features.dtype.kind == "U" and (
        features.ndim == 1 or (features.ndim == 2 and features.shape[1] == 1)
    )
