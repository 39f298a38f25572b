"""One data folder, one service."""

from __future__ import annotations

import errno
import multiprocessing
import os
import subprocess
import sys
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from chainrule.service.jobs.errors import Reason, ServiceFault, StoreError
from chainrule.service.jobs.folder_lock import FolderLock, Holder, read_holder

HOLD = """
import sys
from pathlib import Path
from chainrule.service.jobs.folder_lock import FolderLock

lock = FolderLock(Path(sys.argv[1]))
lock.acquire()
lock.announce("127.0.0.1:1234")
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_service_is_told_who_the_first_one_is(tmp_path: Path) -> None:
    first, second = FolderLock(tmp_path), FolderLock(tmp_path)
    first.acquire()
    first.announce("127.0.0.1:1234")
    with pytest.raises(ServiceFault) as caught:
        second.acquire()
    assert caught.value.reason is Reason.DATA_FOLDER_IN_USE
    for part in (str(os.getpid()), "127.0.0.1:1234", str(tmp_path)):
        assert part in str(caught.value)
    first.release()
    second.acquire()
    second.release()


def test_who_looks_sees_the_holder_until_it_lets_go(tmp_path: Path) -> None:
    assert read_holder(tmp_path) is None
    lock = FolderLock(tmp_path)
    lock.acquire()
    assert read_holder(tmp_path) == Holder(os.getpid(), "")
    lock.announce("127.0.0.1:1234")
    assert read_holder(tmp_path) == Holder(os.getpid(), "127.0.0.1:1234")
    lock.release()
    assert read_holder(tmp_path) is None


def test_a_killed_service_does_not_hold_its_folder(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        holder = read_holder(tmp_path)
        assert holder is not None
        assert holder.pid == process.pid
        process.kill()
    assert read_holder(tmp_path) is None
    lock = FolderLock(tmp_path)
    lock.acquire()
    lock.release()


def test_a_data_folder_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"cannot be used: .*directory.*choose another data folder"):
        FolderLock(tmp_path / "file" / "data").acquire()


def take_as_somebody_else(folder: Path, answers: Connection) -> None:
    """In a process of its own: root may write everywhere, so it gives that up first."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    try:
        FolderLock(folder).acquire()
        answers.send(None)
    except StoreError as error:
        answers.send((error.reason, str(error)))


def test_a_data_folder_without_write_permission_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o555)
    for parent in folder.parents:
        if parent.owner() == folder.owner() and not parent.stat().st_mode & 0o001:
            parent.chmod(0o711)
    answers, theirs = multiprocessing.get_context("fork").Pipe()
    process = multiprocessing.get_context("fork").Process(target=take_as_somebody_else, args=(folder, theirs))
    process.start()
    process.join()
    answer = answers.recv()
    assert answer is not None
    reason, message = answer
    assert reason is Reason.DATA_FOLDER_UNUSABLE
    assert "Permission denied" in message
    assert "make it writable" in message


def test_a_folder_on_a_full_disk_is_told_apart_from_one_that_may_not_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, text: str) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(StoreError, match=r"the disk is full\. Free some space") as caught:
        FolderLock(tmp_path).acquire()
    assert caught.value.reason is Reason.STORAGE_FULL
    assert read_holder(tmp_path) is None


def test_a_folder_where_our_file_belongs_is_an_error_that_names_the_data_folder(tmp_path: Path) -> None:
    (tmp_path / "service.json").mkdir()
    with pytest.raises(StoreError, match=r"the data folder .* cannot be used: Is a directory"):
        FolderLock(tmp_path).acquire()
