"""What each file source reads, and the message for every kind of file that cannot be used."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.worker.data import DataError, load_dataset
from chainrule.worker.data.csv import Columns, read_csv
from chainrule.worker.data.idx import read_idx
from chainrule.worker.data.npy import read_npy
from chainrule.worker.data.npz import read_npz
from chainrule.worker.data.rows import Rows
from chainrule.worker.spec import DatasetSpec
from chainrule.worker.spec.losses import SoftmaxCrossEntropySpec

X = np.arange(24, dtype=np.float32).reshape(8, 3)
Y = np.array([0, 1, 2, 0, 1, 2, 0, 1])
IDX_TYPES = {"u1": 0x08, "i1": 0x09, ">i2": 0x0B, ">i4": 0x0C, ">f4": 0x0D, ">f8": 0x0E}


def load(**fields: Any) -> Any:
    return load_dataset(DatasetSpec(**fields), loss=SoftmaxCrossEntropySpec(), seed=0)


def refused(action: Callable[[], Any]) -> DataError:
    with pytest.raises(DataError) as caught:
        action()
    assert str(caught.value) == f"{caught.value.field}: {caught.value.message}"
    return caught.value


def idx_bytes(array: np.ndarray, dtype: str = "u1") -> bytes:
    header = bytes([0, 0, IDX_TYPES[dtype], array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(dtype).tobytes()


def saved(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    return str(path)


def npy_bytes(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def test_the_digits_are_all_there_and_scaled_to_one() -> None:
    dataset = load(source="digits")
    assert dataset.train_features.shape == (1438, 64)
    assert dataset.test_features.shape == (359, 64)
    assert dataset.train_features.dtype == np.uint8
    assert dataset.classes == 10
    assert dataset.feature_shape == (64,)
    assert dataset.transform.apply(np.array([16.0])).item() == 1.0
    counts = np.bincount(np.concatenate([dataset.train_targets, dataset.test_targets]))
    assert counts.tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz_arrays_are_read_by_name(tmp_path: Path, save: Callable[..., None]) -> None:
    save(tmp_path / "a.npz", x=X, y=Y, images=np.asfortranarray(X + 1), more=Y)
    plain = load(source="npz", path=str(tmp_path / "a.npz"), test_fraction=0)
    assert np.array_equal(plain.train_features, X)
    assert plain.train_targets.tolist() == Y.tolist()
    named = load(
        source="npz", path=str(tmp_path / "a.npz"), features="images", labels="more", test_fraction=0
    )
    assert np.array_equal(named.train_features, X + 1)


def test_an_npz_test_set_is_another_file_or_other_arrays(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=X, y=Y, xt=X[:2] + 9, yt=Y[:2])
    np.savez(tmp_path / "b.npz", x=X[:4], y=Y[:4])
    train = str(tmp_path / "a.npz")
    other_file = load(source="npz", path=train, test_path=str(tmp_path / "b.npz"))
    assert (other_file.train_samples, other_file.test_samples) == (8, 4)
    other_arrays = load(source="npz", path=train, test_features="xt", test_labels="yt")
    assert np.array_equal(other_arrays.test_features, X[:2] + 9)
    error = refused(lambda: load(source="npz", path=train, test_features="xt"))
    assert error.field == "dataset.test_labels"
    assert "needs both test_features and test_labels" in error.message


@pytest.mark.parametrize("array", [X, np.asfortranarray(X), X.astype(">f8"), X.astype("u1"), X > 3, X[:0]])
def test_npy_files_keep_their_dtype_and_cannot_be_written_to(tmp_path: Path, array: np.ndarray) -> None:
    np.save(tmp_path / "a.npy", array)
    read = read_npy(tmp_path / "a.npy", "f")
    assert read.dtype == array.dtype
    assert np.array_equal(read, array)
    assert not array.size or not np.asarray(read).flags.writeable


@pytest.mark.parametrize("dtype", sorted(IDX_TYPES))
@pytest.mark.parametrize("gzipped", [False, True])
def test_idx_files_of_every_type_are_read_plain_and_gzipped(
    tmp_path: Path, dtype: str, gzipped: bool
) -> None:
    array = np.arange(24).reshape(2, 3, 4)
    content = idx_bytes(array, dtype)
    path = saved(tmp_path / "a", gzip.compress(content) if gzipped else content)
    assert np.array_equal(read_idx(path, "f"), array)


def test_idx_images_and_labels_become_a_dataset_with_its_own_test_set(tmp_path: Path) -> None:
    images, labels = np.arange(48).reshape(6, 2, 4), np.array([0, 1, 2, 0, 1, 2])
    files = {
        "features": saved(tmp_path / "x", idx_bytes(images)),
        "labels": saved(tmp_path / "y.gz", gzip.compress(idx_bytes(labels))),
        "test_features": saved(tmp_path / "xt", idx_bytes(images[:2])),
        "test_labels": saved(tmp_path / "yt", idx_bytes(labels[:2])),
    }
    dataset = load(source="idx", **files)
    assert dataset.feature_shape == (2, 4)
    assert dataset.train_features.dtype == np.uint8
    assert (dataset.train_samples, dataset.test_samples, dataset.classes) == (6, 2, 3)


READERS: dict[str, Callable[[str], Any]] = {
    "npy": lambda path: read_npy(path, "dataset.features"),
    "npz": lambda path: read_npz(path, "x", "dataset.features"),
    "idx": lambda path: read_idx(path, "dataset.features"),
    "csv": lambda path: load(source="csv", path=path),
}


@pytest.mark.parametrize("source", sorted(READERS))
def test_a_missing_file_is_named_with_the_nearest_folder(tmp_path: Path, source: str) -> None:
    error = refused(lambda: READERS[source](str(tmp_path / "none" / "file")))
    assert f"no such file: {tmp_path / 'none' / 'file'} (the folder {tmp_path} exists)" in error.message


@pytest.mark.parametrize("source", sorted(READERS))
def test_a_folder_a_pipe_and_an_empty_file_are_refused(tmp_path: Path, source: str) -> None:
    assert "is a folder: name a file in it" in refused(lambda: READERS[source](str(tmp_path))).message
    os.mkfifo(tmp_path / "pipe")
    assert "is not a regular file" in refused(lambda: READERS[source](str(tmp_path / "pipe"))).message
    empty = saved(tmp_path / "empty", b"")
    assert "is empty (0 bytes)" in refused(lambda: READERS[source](empty)).message


@pytest.mark.parametrize("source", ["npy", "npz"])
def test_a_pickle_under_another_name_is_refused(tmp_path: Path, source: str) -> None:
    path = saved(tmp_path / "a", pickle.dumps([1, 2]))
    message = refused(lambda: READERS[source](path)).message
    assert "is a Python pickle" in message
    assert "loading those can run any code" in message


class Trap:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def test_an_npz_that_holds_a_pickle_is_refused_and_never_run(tmp_path: Path) -> None:
    trap = np.array([Trap(tmp_path / "sprung")], dtype=object)
    np.savez(tmp_path / "a.npz", x=trap, y=Y)
    error = refused(lambda: load(source="npz", path=str(tmp_path / "a.npz")))
    assert error.field == "dataset.path"
    assert "array 'x' in" in error.message
    assert "it holds pickled Python objects, and loading those can run any code" in error.message
    assert "numpy.savez" in error.message
    assert not (tmp_path / "sprung").exists()


def test_an_npy_that_holds_objects_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{}, []], dtype=object))
    assert "is refused: it holds pickled" in refused(lambda: READERS["npy"](str(tmp_path / "a.npy"))).message


def test_an_array_that_is_not_in_the_npz_gets_the_list_of_those_that_are(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=X, labels=Y)
    error = refused(lambda: load(source="npz", path=str(tmp_path / "a.npz"), features="imgs"))
    assert error.field == "dataset.features"
    assert "has no array named 'imgs'; its arrays: images, labels" in error.message


def test_a_truncated_npz_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=X, y=Y)
    content = (tmp_path / "a.npz").read_bytes()
    path = saved(tmp_path / "b.npz", content[:-30])
    assert "is a truncated or damaged .npz file" in refused(lambda: READERS["npz"](path)).message


def test_an_npz_with_damaged_bytes_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=X, y=Y)
    content = bytearray((tmp_path / "a.npz").read_bytes())
    position = content.index(X.tobytes()[4:12])
    content[position] ^= 255
    path = saved(tmp_path / "b.npz", bytes(content))
    assert "array 'x' in" in refused(lambda: READERS["npz"](path)).message


def test_an_npz_that_is_something_else_is_refused(tmp_path: Path) -> None:
    text = saved(tmp_path / "a.npz", b"x,y\n1,2\n")
    assert "is not an .npz file: it is no zip archive" in refused(lambda: READERS["npz"](text)).message
    single = saved(tmp_path / "b.npz", npy_bytes(X))
    assert "use source: npy" in refused(lambda: READERS["npz"](single)).message


def test_an_npz_whose_header_states_more_than_the_archive_holds_is_refused(tmp_path: Path) -> None:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        stream, {"descr": "<f4", "fortran_order": False, "shape": (10**12, 3)}
    )
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", stream.getvalue() + bytes(10_000_000))
    message = refused(lambda: READERS["npz"](str(tmp_path / "a.npz"))).message
    assert "is damaged: its header states shape (1000000000000, 3) of float32" in message
    assert "the archive states 10,000,128" in message


def test_a_truncated_npy_is_named_with_its_expected_size(tmp_path: Path) -> None:
    content = npy_bytes(X)
    path = saved(tmp_path / "a.npy", content[:-10])
    message = refused(lambda: READERS["npy"](path)).message
    assert (
        f"is truncated: its header states shape (8, 3) of float32, which makes {len(content)} bytes"
        in message
    )
    assert f"the file has {len(content) - 10}" in message


def test_an_npy_with_bytes_after_its_array_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.npy", npy_bytes(X) + b"more")
    assert "has bytes after its array" in refused(lambda: READERS["npy"](path)).message


def test_a_file_that_is_no_npy_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.npy", b"speed,angle\n1,2\n")
    message = refused(lambda: READERS["npy"](path)).message
    assert "is not a .npy array: expected it to begin with \\x93NUMPY, got b'speed,'" in message


@pytest.mark.parametrize(
    "header", [b"{'descr': '<f4'", b"{'shape': (-1,), 'descr': '<f4', 'fortran_order': False}"]
)
def test_an_npy_with_a_damaged_header_is_refused(tmp_path: Path, header: bytes) -> None:
    content = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header
    path = saved(tmp_path / "a.npy", content + bytes(8))
    assert "has a damaged .npy header" in refused(lambda: READERS["npy"](path)).message


@pytest.mark.parametrize("gzipped", [False, True])
def test_a_truncated_idx_file_is_named_with_its_expected_size(tmp_path: Path, gzipped: bool) -> None:
    content = idx_bytes(np.zeros((10, 28, 28)))
    short = content[:5000]
    path = saved(tmp_path / "a", gzip.compress(short) if gzipped else short)
    message = refused(lambda: READERS["idx"](path)).message
    assert (
        "is truncated: its header states shape (10, 28, 28), which makes 7,856 bytes, the file has 5,000"
        in message
    )


def test_a_truncated_gzip_stream_is_named_with_what_it_still_holds(tmp_path: Path) -> None:
    content = idx_bytes(np.random.default_rng(0).integers(0, 255, (10, 28, 28)))
    path = saved(tmp_path / "a.gz", gzip.compress(content)[:3000])
    message = refused(lambda: READERS["idx"](path)).message
    assert (
        "is truncated: its header states shape (10, 28, 28), which makes 7,856 bytes, the file has "
        in message
    )


def test_a_gzip_stream_cut_in_its_checksum_or_damaged_is_refused(tmp_path: Path) -> None:
    content = bytearray(gzip.compress(idx_bytes(np.zeros((10, 28, 28)))))
    cut = saved(tmp_path / "cut.gz", bytes(content[:-4]))
    assert "truncated" in refused(lambda: READERS["idx"](cut)).message
    content[-6] ^= 255
    wrong = saved(tmp_path / "wrong.gz", bytes(content))
    assert "is a damaged gzip file" in refused(lambda: READERS["idx"](wrong)).message


@pytest.mark.parametrize("gzipped", [False, True])
def test_an_idx_file_with_bytes_after_its_array_is_refused(tmp_path: Path, gzipped: bool) -> None:
    content = idx_bytes(np.zeros((2, 3))) + b"more"
    path = saved(tmp_path / "a", gzip.compress(content) if gzipped else content)
    assert "has bytes after its array" in refused(lambda: READERS["idx"](path)).message


@pytest.mark.parametrize("content", [b"PK\x03\x04", b"\0\0\x07\x01", b"\0\0\x08\0", b"\0\0"])
def test_a_file_with_another_magic_number_is_no_idx_file(tmp_path: Path, content: bytes) -> None:
    path = saved(tmp_path / "a", content)
    message = refused(lambda: READERS["idx"](path)).message
    assert "is not an IDX file: expected it to begin with two zero bytes" in message
    assert f"got {content.hex(' ')}" in message


def test_an_idx_file_cut_in_its_header_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "a", idx_bytes(np.zeros((2, 3)))[:9])
    assert "states 2 axes and needs 12 bytes, the file has 9" in refused(lambda: READERS["idx"](path)).message


def test_a_small_gzip_file_that_states_a_huge_array_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    content = bytes([0, 0, 8, 3]) + struct.pack(">3I", 2**31, 2**15, 2**15) + bytes(1000)
    path = saved(tmp_path / "a.gz", gzip.compress(content))
    assert "that a gzip file of its size can hold" in refused(lambda: READERS["idx"](path)).message


def test_a_large_gzipped_array_is_unpacked_once_into_the_cache(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    array = np.arange(240, dtype=np.uint8).reshape(4, 6, 10)
    path = saved(tmp_path / "a.gz", gzip.compress(idx_bytes(array)))
    monkeypatch.setattr("chainrule.worker.data.files.MAPPED_FROM_BYTES", array.nbytes)
    for _ in range(2):
        read = READERS["idx"](path)
        assert isinstance(read, Rows)
        assert np.array_equal(read, array)
        assert len(list(cache.glob("*/array"))) == 1
    for content, fault in (
        (idx_bytes(array) + b"x", "has bytes after"),
        (idx_bytes(array)[:-9], "is truncated"),
    ):
        saved(tmp_path / "a.gz", gzip.compress(content))
        assert fault in refused(lambda: READERS["idx"](path)).message
    assert len(list(cache.glob("*/array"))) == 1


BEGINNINGS = {"npy": b"\x93NUMPY\x01\x00", "npz": b"PK\x03\x04", "idx": b"\0\0\x08\x01", "csv": b"a,b\n"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


def all_columns(names: tuple[str, ...], has_header: bool) -> Columns:
    return Columns(names, tuple(range(len(names) - 1)), len(names) - 1)


@given(
    content=st.binary(min_size=1, max_size=64), source=st.sampled_from(sorted(READERS)), begun=st.booleans()
)
def test_any_bytes_are_read_or_refused_as_a_data_error(
    folder: Path, content: bytes, source: str, begun: bool
) -> None:
    path = saved(folder / "any", BEGINNINGS[source] * begun + content)
    message = None
    # What is wrong with the samples of a file that could be read is said without its path.
    readers = {**READERS, "csv": lambda path: read_csv(path, "f", all_columns, text_labels=True)}
    try:
        readers[source](path)
    except DataError as error:
        message = error.message
    assert message is None or path in message


@pytest.mark.parametrize("source", sorted(READERS))
def test_a_file_of_the_kernels_own_is_refused_unread(source: str) -> None:
    with pytest.raises(DataError, match="is empty"):
        READERS[source]("/proc/self/environ")


def test_a_file_that_is_taken_away_while_it_is_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.npy"
    np.save(path, np.zeros((4, 2)))

    def checked(path: str, field: str) -> Path:
        Path(path).unlink()
        return Path(path)

    monkeypatch.setattr("chainrule.worker.data.npy.checked_file", checked)
    with pytest.raises(DataError, match=r"cannot read .*x\.npy to its end: No such file"):
        load(source="npy", features=str(path), labels=str(path))


@pytest.mark.parametrize("source", ["npy", "idx"])
def test_a_file_that_is_truncated_or_overwritten_while_its_data_are_in_use_harms_nobody(
    tmp_path: Path, source: str
) -> None:
    array, path = np.arange(200_000).reshape(1000, 200) % 100, tmp_path / "a"
    if source == "npy":
        with path.open("wb") as file:
            np.save(file, array)
    else:
        path.write_bytes(idx_bytes(array))
    read = READERS[source](str(path))
    os.truncate(path, 10)  # which would end this process with SIGBUS if it were mapped
    assert np.array_equal(read, array)


@pytest.mark.parametrize("fortran", [False, True])
def test_a_large_array_is_mapped_and_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fortran: bool
) -> None:
    array = np.arange(24.0).reshape(4, 6)
    np.save(tmp_path / "a.npy", np.asfortranarray(array) if fortran else array)
    monkeypatch.setattr("chainrule.worker.data.files.MAPPED_FROM_BYTES", array.nbytes)
    read = read_npy(tmp_path / "a.npy", "f")
    assert isinstance(read, Rows)
    assert np.array_equal(read, array)
