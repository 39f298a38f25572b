"""The cache: made once, whole or not there, bounded, and never taken from under a reader."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule.worker.data import DataError
from chainrule.worker.data.cache import cached
from chainrule.worker.data.rows import FileArray


def writing(text: str, made: list[str] | None = None) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        (folder / "data").write_text(text)
        if made is not None:
            made.append(text)

    return make


def entries(cache: Path) -> list[Path]:
    return [path.parent for path in cache.glob("*/entry.json")]


def test_an_entry_is_made_once_for_each_key(cache: Path) -> None:
    made: list[str] = []
    for key in ("a", "b", "a"):
        with cached({"key": key}, writing(key, made)) as folder:
            assert (folder / "data").read_text() == key
    assert made == ["a", "b"]


def test_a_conversion_that_fails_leaves_nothing_and_is_done_again(cache: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "data").write_text("half")
        raise RuntimeError("no")

    with pytest.raises(RuntimeError), cached({}, fail):
        pass
    assert [path.name for path in cache.iterdir()] == ["locks"]
    with cached({}, writing("whole")) as folder:
        assert (folder / "data").read_text() == "whole"


def convert_and_hang(pipe: Any) -> None:
    def make(folder: Path) -> None:
        (folder / "data").write_text("half")
        pipe.send(folder)
        signal.pause()

    with cached({}, make):
        pass


def test_what_a_killed_conversion_left_is_never_taken_for_an_entry(cache: Path) -> None:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=convert_and_hang, args=(theirs,))
    process.start()
    half = ours.recv()
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    assert (half / "data").read_text() == "half"
    with cached({}, writing("whole")) as folder:
        assert (folder / "data").read_text() == "whole"
    assert not half.exists()


def test_the_entry_used_longest_ago_makes_room(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = []
    for age, key in ((300, "old"), (100, "new")):
        with cached({"key": key}, writing("x" * 1000)) as folder:
            folders.append(folder)
        os.utime(folder / "entry.json", (1e9 - age, 1e9 - age))
    monkeypatch.setenv("CHAINRULE_CACHE_GB", "2.5e-6")
    with cached({"key": "newest"}, writing("x" * 1000)) as folder:
        folders.append(folder)
    assert [path.exists() for path in folders] == [False, True, True]


def test_an_entry_that_is_mapped_is_not_removed(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with cached({"key": "mapped"}, writing("x" * 1000)) as folder:
        view = FileArray(folder / "data", np.dtype(np.uint8), (1000,)).open()[10:20]
    monkeypatch.setenv("CHAINRULE_CACHE_GB", "0")
    with cached({"key": "other"}, writing("y")):
        pass
    assert folder.exists()
    assert bytes(view) == b"x" * 10
    del view
    with cached({"key": "third"}, writing("z")):
        pass
    assert not folder.exists()


def test_a_cache_folder_that_cannot_be_made_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("CHAINRULE_CACHE_DIR", str(tmp_path / "file"))
    with (
        pytest.raises(DataError, match=r"the cache in .*file cannot be used: .*CHAINRULE_CACHE_DIR"),
        cached({}, print),
    ):
        pass


def test_a_limit_that_is_no_number_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAINRULE_CACHE_GB", "much")
    with (
        pytest.raises(DataError, match="CHAINRULE_CACHE_GB must be a number of gigabytes"),
        cached({}, writing("")),
    ):
        pass
