"""Tensor files: what is written is read back, what is no tensor file is refused with its name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from chainrule.core.errors import FileFormatError
from chainrule.core.serialize import digest, load_tensors, save_tensors


def test_arrays_and_metadata_come_back_as_they_were(tmp_path: Path) -> None:
    arrays = {
        "layers.0.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
        "transposed": np.arange(6.0).reshape(2, 3).T,
        "empty": np.zeros((0, 4), np.float32),
        "scalar": np.array(7, np.int64),
    }
    save_tensors(tmp_path / "a.safetensors", arrays, {"step": "12"})
    loaded, metadata = load_tensors(tmp_path / "a.safetensors")
    assert metadata == {"step": "12"}
    assert loaded.keys() == arrays.keys()
    for name, array in arrays.items():
        assert loaded[name].dtype == array.dtype
        np.testing.assert_array_equal(loaded[name], array)


def test_a_file_without_metadata_has_none(tmp_path: Path) -> None:
    save_tensors(tmp_path / "a", {"x": np.zeros(1)})
    assert load_tensors(tmp_path / "a")[1] == {}


@pytest.mark.parametrize("kept", [0, 4, 40, 200])
def test_a_truncated_file_is_refused_by_name(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "cut.safetensors"
    save_tensors(path, {"x": np.zeros(100)})
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(FileFormatError, match=r"cut\.safetensors: expected a whole safetensors file"):
        load_tensors(path)


@pytest.mark.parametrize("content", [b"PK\x03\x04 a zip file", b"\xff" * 64, b"hello, world, this is text"])
def test_a_foreign_file_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "foreign.bin"
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match=r"foreign\.bin: expected a whole safetensors file"):
        load_tensors(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="found no file there"):
        load_tensors(tmp_path / "none")
    with pytest.raises(FileFormatError, match="expected a whole safetensors file"):
        load_tensors(tmp_path)


def test_the_digest_is_of_the_bytes_in_order() -> None:
    a, b = np.arange(3, dtype=np.float32), np.arange(2, dtype=np.float32)
    assert digest([a, b]) == digest([np.concatenate([a, b])])
    assert digest([a, b]) != digest([b, a])
    assert digest([a[::-1]]) == digest([a[::-1].copy()])
    assert digest([]) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert digest([np.float32(1) * np.ones((2, 2), np.float32).T, np.zeros((0, 3))]) == digest(
        [np.ones(4, np.float32)]
    )
