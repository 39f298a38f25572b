"""Named tensors in a safetensors file, and the digest by which two sets of weights are compared."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from .array import Array, to_numpy
from .errors import FileFormatError


def save_tensors(
    path: str | PathLike[str], tensors: Mapping[str, Array], metadata: Mapping[str, str] | None = None
) -> None:
    """Write arrays and string metadata. Not atomic: who needs that writes beside the target and renames.

    A disk that refuses raises OSError with its errno, which the library's own writer does not tell.
    """
    contiguous = {name: np.asarray(to_numpy(array), order="C") for name, array in tensors.items()}
    Path(path).write_bytes(save(contiguous, metadata=dict(metadata or {})))


def load_tensors(path: str | PathLike[str]) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The arrays and the metadata that `save_tensors` wrote. Raises FileFormatError for any other file."""
    try:
        with safe_open(Path(path), framework="numpy") as file:
            names = file.keys()
            return {name: file.get_tensor(name) for name in names}, file.metadata() or {}
    except FileNotFoundError as error:
        raise FileFormatError(f"{path}: expected a safetensors file, found no file there") from error
    except (SafetensorError, OSError, TypeError) as error:
        raise FileFormatError(
            f"{path}: expected a whole safetensors file, got one that does not read ({error})"
        ) from error


def digest(arrays: Iterable[Array]) -> str:
    """The SHA-256 of the arrays' bytes one after another (little endian, row major), in hexadecimal."""
    total = hashlib.sha256()
    for array in arrays:
        host = np.ascontiguousarray(to_numpy(array))
        little_endian = host.astype(host.dtype.newbyteorder("<"), copy=False)
        total.update(little_endian.reshape(-1).view(np.uint8).data)
    return total.hexdigest()
