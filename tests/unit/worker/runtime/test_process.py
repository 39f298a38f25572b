"""A process is ended for certain, a stopped one too, and no other that got its number."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from chainrule.worker.runtime.process import WatchedProcess


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    """A process that waits for its standard input to end."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.communicate()


def test_a_stopped_process_is_dead_once_it_was_ended(child):
    watched = WatchedProcess(child.pid)
    os.kill(child.pid, signal.SIGSTOP)
    os.waitpid(child.pid, os.WUNTRACED)
    assert watched.end()
    assert child.wait() == -signal.SIGKILL
    watched.release()


def test_a_process_that_ends_when_it_is_asked_to_is_not_killed(child):
    watched = WatchedProcess(child.pid)
    child.stdin.close()
    child.terminate()
    assert watched.end()
    assert child.wait() != -signal.SIGKILL
    watched.release()


def test_a_process_that_is_gone_is_dead_and_nobody_else_is_ended(child):
    watched = WatchedProcess(child.pid)
    child.kill()
    child.wait()
    assert watched.end()
    watched.release()
    watched.release()
    with pytest.raises(ProcessLookupError):
        WatchedProcess(child.pid)
