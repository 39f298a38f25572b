"""The folder of an execution lives as long as its maker, and no longer."""

from __future__ import annotations

import multiprocessing
import os
import signal

import numpy as np

from chainrule.worker.data import load_dataset
from chainrule.worker.exchange.dataset import dataset_bytes, share_dataset
from chainrule.worker.exchange.folder import clear_abandoned, exchange_folder
from chainrule.worker.spec import parse_spec


def make_and_hang(pipe):
    folder = exchange_folder(1000)
    (folder.path / "board").write_bytes(b"x" * 1000)
    pipe.send(folder.path)
    signal.pause()


def test_the_folder_of_a_killed_process_is_cleared_away_and_that_of_a_live_one_is_not():
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=make_and_hang, args=(theirs,))
    process.start()
    path = ours.recv()
    clear_abandoned()
    assert (path / "board").exists()
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    clear_abandoned()
    assert not path.exists()


def test_a_folder_is_gone_once_it_is_removed():
    folder = exchange_folder(1000)
    assert folder.path.is_dir()
    folder.remove()
    folder.remove()
    assert not folder.path.exists()


def test_more_than_shared_memory_holds_goes_to_the_disk():
    folder = exchange_folder(1 << 60)
    try:
        assert str(folder.path).startswith(os.environ.get("TMPDIR", "/tmp"))
    finally:
        folder.remove()


def test_a_shared_dataset_opens_with_the_same_samples(tmp_path):
    spec = parse_spec(
        {
            "dataset": {"source": "digits"},
            "model": [{"linear": {"units": 10}}],
            "loss": "softmax_cross_entropy",
            "optimizer": "adam",
        }
    )
    dataset = load_dataset(spec.dataset, loss=spec.loss, seed=0)
    opened = share_dataset(dataset, tmp_path).open()
    np.testing.assert_array_equal(opened.train_features, dataset.train_features)
    np.testing.assert_array_equal(opened.test_targets, dataset.test_targets)
    assert opened.classes == dataset.classes and opened.feature_shape == dataset.feature_shape
    assert not np.asarray(opened.train_features).flags.writeable
    assert dataset_bytes(dataset) >= 1797 * 64
