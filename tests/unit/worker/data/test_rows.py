"""Rows of an array in a file behave like the array, and stay in the file when they are split and shared."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from chainrule.worker.data import load_dataset
from chainrule.worker.data.rows import FileArray, Rows
from chainrule.worker.exchange.dataset import dataset_bytes, share_dataset
from chainrule.worker.inspect import inspect_job
from chainrule.worker.plan import dataset_fingerprint
from chainrule.worker.reports import Finished, Outcome
from chainrule.worker.runtime import JobOrder
from chainrule.worker.runtime.inprocess import InProcessRuntime
from chainrule.worker.spec import JobSpec, parse_spec

ARRAY = np.arange(24, dtype=np.int16).reshape(6, 4)


@pytest.fixture
def rows(tmp_path: Path) -> Rows:
    ARRAY.tofile(tmp_path / "array")
    return Rows(FileArray(tmp_path / "array", ARRAY.dtype, ARRAY.shape))


def test_rows_read_like_the_array(rows: Rows) -> None:
    np.testing.assert_array_equal(rows, ARRAY)
    np.testing.assert_array_equal(rows[1:3], ARRAY[1:3])
    np.testing.assert_array_equal(np.take(rows, [5, 0, 5], axis=0), ARRAY[[5, 0, 5]])
    assert (rows.shape, rows.size, rows.ndim, len(rows)) == (ARRAY.shape, 24, 2, 6)


def test_selected_rows_are_counted_from_the_selection(rows: Rows) -> None:
    chosen = rows.select(np.array([1, 3, 4])).select(np.array([0, 2])).astype(np.float32)
    np.testing.assert_array_equal(chosen, ARRAY[[1, 4]])
    assert chosen[:1].dtype == np.float32 == chosen.dtype
    assert len(rows.select(slice(0, 0))) == 0
    assert rows.select(slice(None)).index is None


def test_a_vector_becomes_a_column(tmp_path: Path) -> None:
    ARRAY.tofile(tmp_path / "array")
    column = Rows(FileArray(tmp_path / "array", ARRAY.dtype, (24,))).as_column()
    np.testing.assert_array_equal(column, ARRAY.reshape(-1, 1))


def test_rows_travel_without_their_content(rows: Rows) -> None:
    np.testing.assert_array_equal(rows, ARRAY)  # mapped from here on
    text = pickle.dumps(rows.select(np.array([2])))
    assert ARRAY.tobytes()[:8] not in text
    np.testing.assert_array_equal(pickle.loads(text), ARRAY[[2]])


@pytest.fixture
def spec(tmp_path: Path):
    values = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    np.save(tmp_path / "x.npy", values)
    np.save(tmp_path / "y.npy", values.argmax(axis=1))
    files = {"features": str(tmp_path / "x.npy"), "labels": str(tmp_path / "y.npy")}
    return parse_spec(
        {
            "dataset": {"source": "npy", **files, "normalize": "standard"},
            "model": [{"linear": {"units": 3}}],
            "loss": "softmax_cross_entropy",
            "optimizer": "adam",
        }
    )


def test_a_mapped_file_gives_the_same_dataset_as_one_that_is_read(
    spec, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = load_dataset(spec.dataset, loss=spec.loss, seed=1)
    monkeypatch.setattr("chainrule.worker.data.files.MAPPED_FROM_BYTES", 500)
    mapped = load_dataset(spec.dataset, loss=spec.loss, seed=1)
    assert isinstance(read.train_features, np.ndarray) and isinstance(mapped.train_features, Rows)
    assert dataset_fingerprint(mapped) == dataset_fingerprint(read)
    np.testing.assert_array_equal(mapped.transform.scale, read.transform.scale)
    for name in ("train_features", "test_features", "train_targets", "test_targets"):
        np.testing.assert_array_equal(getattr(mapped, name), getattr(read, name))


def test_sharing_a_mapped_file_copies_no_sample(
    spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chainrule.worker.data.files.MAPPED_FROM_BYTES", 500)
    dataset = load_dataset(spec.dataset, loss=spec.loss, seed=1)
    (tmp_path / "shared").mkdir()
    shared = pickle.loads(pickle.dumps(share_dataset(dataset, tmp_path / "shared")))
    opened = shared.open()
    assert opened.train_features.file.path == tmp_path / "x.npy"
    assert sorted(path.name for path in (tmp_path / "shared").iterdir()) == [
        f"{name}.npy" for name in ("test_features", "test_targets", "train_features", "train_targets")
    ]
    assert np.load(tmp_path / "shared" / "train_features.npy").shape == (40,)
    assert dataset_bytes(dataset) == 8 * 50 + 8 * 50
    assert dataset_fingerprint(opened) == dataset_fingerprint(dataset)


def test_samples_that_stay_in_their_file_do_not_count_as_memory(
    spec, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = inspect_job(spec).memory_bytes
    monkeypatch.setattr("chainrule.worker.data.files.MAPPED_FROM_BYTES", 500)
    assert inspect_job(spec).memory_bytes == read - 50 * 3 * 4 + 50 * 8


def test_a_job_gives_the_same_digest_whether_its_files_are_mapped_or_read(
    spec: JobSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digests = []
    for threshold in (1 << 28, 300):
        monkeypatch.setattr("chainrule.worker.data.files.MAPPED_FROM_BYTES", threshold)
        folder = tmp_path / str(threshold)
        folder.mkdir()
        *_, finished = InProcessRuntime().execute(JobOrder("job", 1, spec, folder)).reports()
        assert isinstance(finished, Finished) and finished.outcome is Outcome.SUCCEEDED
        digests.append(finished.digest)
    assert digests[0] == digests[1]
