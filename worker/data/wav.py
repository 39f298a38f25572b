"""Folders of WAV files (PCM of 8 to 32 bits): one channel, float32 from -1 to 1, all of one length."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np

from ..spec import DatasetSpec
from .class_folders import class_folders
from .errors import DataError
from .samples import Samples

ENDINGS = (".wav",)


def load_wav(spec: DatasetSpec) -> tuple[Samples, Samples | None]:
    """The training samples and, where it is named, the test set of a wav dataset."""
    assert spec.path is not None and spec.length is not None  # the job description was checked
    train = _samples(spec, spec.path, "dataset.path", spec.length, None)
    if spec.test_path is None:
        return train, None
    return train, _samples(spec, spec.test_path, "dataset.test_path", spec.length, train)


def _samples(spec: DatasetSpec, path: str, field: str, length: int, like: Samples | None) -> Samples:
    folders = class_folders(Path(path), field, ENDINGS, None if like is None else like.class_names)
    rate = spec.sample_rate or wav_rate(folders.files[0][0], field)
    key = {"source": "wav", "length": length, "rate": rate}
    return folders.samples(key, np.float32, lambda file, _: read_wav(file, field, length, rate))


def wav_rate(path: Path, field: str) -> int:
    """The values a second of a WAV file."""
    with _open(path, field) as file:
        return file.getframerate()


def read_wav(path: Path, field: str, length: int, rate: int | None) -> np.ndarray:
    """The first `length` values of a recording, zeros behind it where it is shorter; (length,) float32."""
    with _open(path, field) as file:
        if rate is not None and file.getframerate() != rate:
            raise DataError(
                field,
                f"{path} has {file.getframerate():,} values a second, expected {rate:,}: bring all "
                "recordings to one rate",
            )
        channels, width, count = file.getnchannels(), file.getsampwidth(), min(file.getnframes(), length)
        try:
            content = file.readframes(count)
        except (EOFError, wave.Error, OSError) as error:
            raise DataError(field, f"{path} is damaged: {error}") from None
    if len(content) != count * channels * width:
        stated = f"its header states {count * channels * width:,} bytes or more of sound"
        raise DataError(field, f"{path} is truncated: {stated}, the file has {len(content):,}")
    values = _levels(content, width).reshape(-1, channels).mean(axis=1)
    return np.pad(values, (0, length - count)).astype(np.float32)


def _open(path: Path, field: str) -> wave.Wave_read:
    try:
        return wave.open(str(path), "rb")
    except (EOFError, wave.Error, OSError) as error:
        why = str(error) or "it ends early"
        raise DataError(field, f"{path} is no PCM WAV file: {why}; save it as 16-bit PCM") from None


def _levels(content: bytes, width: int) -> np.ndarray:
    """PCM values as float64 from -1 to 1; those of one byte have no sign."""
    if width == 1:
        return (np.frombuffer(content, np.uint8).astype(np.float64) - 128) / 128
    parts = np.frombuffer(content, np.uint8).reshape(-1, width)
    # The bytes of each value, the least first, moved to the top of 32 bits, where the sign belongs.
    wide = np.zeros((len(parts), 4), np.uint8)
    wide[:, 4 - width :] = parts
    return wide.view("<i4")[:, 0] / 2.0**31
