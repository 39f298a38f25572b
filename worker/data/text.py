"""Text files: cut into tokens once, then into windows whose targets are the same tokens one later."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..spec import DatasetSpec
from .cache import cached
from .checks import MAXIMUM_CLASSES
from .errors import DataError
from .files import checked_file, file_key
from .rows import FileArray, Rows
from .samples import Samples

_BLOCK = 1 << 20
_TOKENS, _VOCABULARY = "tokens", "vocabulary.json"
_WORD = re.compile(r"\w+|[^\w\s]")
_LONGEST_WORD = 1 << 16
BYTES = tuple(chr(value) if 32 <= value < 127 else f"\\x{value:02x}" for value in range(256))
"""The names of all bytes."""


def load_text(spec: DatasetSpec) -> tuple[Samples, Samples | None]:
    """The training samples and, where it is named, the test set of a text dataset."""
    assert spec.path is not None  # the job description was checked
    train = _samples(spec, spec.path, "dataset.path", None)
    if spec.test_path is None:
        return train, None
    return train, _samples(spec, spec.test_path, "dataset.test_path", train.class_names)


def _samples(spec: DatasetSpec, path: str, field: str, known: tuple[str, ...] | None) -> Samples:
    file = checked_file(path, field)
    tokenizer = spec.tokenizer or "characters"
    known = BYTES if tokenizer == "bytes" else known
    kind = np.dtype(np.uint8 if tokenizer == "bytes" else np.int32)
    key = {"source": "text", "file": file_key(file), "tokenizer": tokenizer, "known": known}
    with cached(key, lambda folder: _convert(file, field, tokenizer, known, folder)) as folder:
        names = tuple(json.loads((folder / _VOCABULARY).read_text()))
        tokens = folder / _TOKENS
        count = tokens.stat().st_size // kind.itemsize
        assert spec.window is not None
        rows = (count - 1) // spec.window
        if rows < 1:
            raise DataError(
                "dataset.window",
                f"{path} has {count:,} tokens: expected at least one more than a window of {spec.window:,}",
            )
        features, targets = (
            Rows(FileArray(tokens, kind, (rows, spec.window), later * kind.itemsize)).opened()
            for later in (0, 1)
        )
    return Samples(features, targets, field, field, class_names=names)


def _convert(file: Path, field: str, tokenizer: str, known: tuple[str, ...] | None, folder: Path) -> None:
    if tokenizer == "bytes":
        with file.open("rb") as source, (folder / _TOKENS).open("wb") as target:
            while block := source.read(_BLOCK):
                target.write(block)
        (folder / _VOCABULARY).write_text(json.dumps(BYTES))
        return
    numbers = {token: number for number, token in enumerate(known or ())}
    with (folder / _TOKENS).open("wb") as target:
        for tokens in blocks_of_tokens(file, field, tokenizer):
            for token in set(tokens) - numbers.keys():
                if known is not None:
                    raise DataError(field, f"{file} holds {token!r}, which the training text does not")
                numbers[token] = len(numbers)
            if len(numbers) > MAXIMUM_CLASSES:
                advice = "use tokenizer: characters or bytes"
                raise DataError(
                    field, f"{file} holds more than {MAXIMUM_CLASSES:,} different tokens: {advice}"
                )
            target.write(np.array([numbers[token] for token in tokens], np.int32).data)
    names = tuple(sorted(numbers)) if known is None else known
    if known is None and (folder / _TOKENS).stat().st_size:
        places = {name: place for place, name in enumerate(names)}
        ids = np.array([places[token] for token in numbers], np.int32)
        array = np.memmap(folder / _TOKENS, np.int32, "r+")
        for start in range(0, len(array), _BLOCK):
            array[start : start + _BLOCK] = ids[array[start : start + _BLOCK]]
    (folder / _VOCABULARY).write_text(json.dumps(names))


def blocks_of_tokens(file: Path, field: str, tokenizer: str) -> Iterator[list[str]]:
    """The characters or words of a UTF-8 text, a bounded number at a time."""
    left = ""
    for text in _blocks_of_text(file, field):
        if tokenizer == "characters":
            yield list(text)
            continue
        text = left + text
        # The last word may go on in the next block.
        words = re.search(r"\w*\Z", text)
        end = len(text) if words is None else words.start()
        left = text[end:]
        if len(left) > _LONGEST_WORD:
            raise DataError(
                field, f"{file} holds a word of more than {_LONGEST_WORD:,} characters: is it text?"
            )
        yield _WORD.findall(text[:end])
    yield _WORD.findall(left)


def _blocks_of_text(file: Path, field: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    try:
        with file.open("rb") as source:
            while block := source.read(_BLOCK):
                yield decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        advice = "save it as UTF-8, or use tokenizer: bytes"
        raise DataError(field, f"{file} is not UTF-8 text ({error.reason}): {advice}") from None


def read_text(
    path: Path, field: str, tokenizer: str | None, names: tuple[str, ...], window: int
) -> np.ndarray:
    """The windows (n, window) of a text to predict on; what is left behind the last whole one is left out."""
    if tokenizer == "bytes":
        tokens = np.frombuffer(path.read_bytes(), np.uint8)
    else:
        places = {name: place for place, name in enumerate(names)}
        texts = [
            token for block in blocks_of_tokens(path, field, tokenizer or "characters") for token in block
        ]
        unknown = next((token for token in texts if token not in places), None)
        if unknown is not None:
            raise DataError(
                field, f"{path} holds {unknown!r}, which the text that the model learned does not"
            )
        tokens = np.array([places[token] for token in texts], np.int32)
    if len(tokens) < window:
        raise DataError(field, f"{path} has {len(tokens):,} tokens: the model takes windows of {window:,}")
    return tokens[: len(tokens) // window * window].reshape(-1, window)
