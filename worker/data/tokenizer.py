"""Text to ids and back: in characters, bytes or words, with a vocabulary taken from the training text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

Unit = Literal["characters", "bytes", "words"]

UNKNOWN = 0
"""The id of a character or word that is not in the vocabulary."""
UNKNOWN_TEXT = "\N{REPLACEMENT CHARACTER}"
# Runs of letters and digits, and each other visible character by itself.
_WORD = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True)
class Tokenizer:
    """Ids of `unit`s of text. Characters and words have the ids from 1 in the order of `vocabulary`, bytes
    their own values."""

    unit: Unit
    vocabulary: tuple[str, ...] = ()

    @classmethod
    def fit(cls, texts: Iterable[str], unit: Unit, most: int | None = None) -> Tokenizer:
        """The vocabulary of these texts, at most the `most` frequent of it (the first in the alphabet where
        two are as frequent); `texts` may be pieces of one text, cut between words."""
        if unit == "bytes":
            return cls(unit)
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(text if unit == "characters" else _WORD.findall(text))
        kept = sorted(counts, key=lambda token: (-counts[token], token))[:most]
        return cls(unit, tuple(sorted(kept)))

    @property
    def size(self) -> int:
        """Ids are below this: the rows of an embedding, the classes of a language model."""
        return 256 if self.unit == "bytes" else 1 + len(self.vocabulary)

    def encode(self, text: str) -> np.ndarray:
        """Ids (tokens,), int64."""
        if self.unit == "bytes":
            return np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8).astype(np.int64)
        if self.unit == "words":
            ids = self._word_ids
            return np.array([ids.get(word, UNKNOWN) for word in _WORD.findall(text)], np.int64)
        points, known = _code_points(text), self._points
        if not known.size:
            return np.full(len(points), UNKNOWN, np.int64)
        places = np.minimum(np.searchsorted(known, points), known.size - 1)
        return np.where(known[places] == points, places + 1, UNKNOWN).astype(np.int64)

    def decode(self, ids: Iterable[int]) -> str:
        """Text of ids; words with a space between them, U+FFFD for what is unknown. ValueError for an id
        beyond the vocabulary."""
        values = [int(each) for each in ids]
        wrong = next((each for each in values if not 0 <= each < self.size), None)
        if wrong is not None:
            raise ValueError(f"expected ids from 0 to {self.size - 1}, got {wrong}")
        if self.unit == "bytes":
            return bytes(values).decode("utf-8", "replace")
        tokens = (UNKNOWN_TEXT, *self.vocabulary)
        return (" " if self.unit == "words" else "").join(tokens[each] for each in values)

    def to_json(self) -> dict[str, Any]:
        return {"unit": self.unit, "vocabulary": list(self.vocabulary)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Tokenizer:
        """The tokenizer that `to_json` wrote; ValueError, KeyError or TypeError for anything else."""
        unit, vocabulary = data["unit"], tuple(data["vocabulary"])
        if unit not in ("characters", "bytes", "words"):
            raise ValueError(f"expected a tokenizer of characters, bytes or words, got {unit!r}")
        if list(vocabulary) != sorted(set(vocabulary)) or not all(
            isinstance(token, str) for token in vocabulary
        ):
            raise ValueError("expected a vocabulary of different texts in order")
        if unit == "characters" and any(len(token) != 1 for token in vocabulary):
            raise ValueError("expected a vocabulary of single characters")
        return cls(unit, vocabulary)

    @cached_property
    def _word_ids(self) -> dict[str, int]:
        return {word: 1 + place for place, word in enumerate(self.vocabulary)}

    @cached_property
    def _points(self) -> np.ndarray:
        return _code_points("".join(self.vocabulary))


def _code_points(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
