"""Tests of requests to stop, with real signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from chainrule.service.cli.signals import Interrupts, Process, StopAtOnce, descendants, kill


def test_the_first_request_waits_for_an_answer_and_the_second_does_not() -> None:
    with Interrupts().installed() as interrupts, interrupts.deferred():
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupts.requested
        with pytest.raises(StopAtOnce):
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_closed_terminal_or_a_shutdown_is_a_request_too(number: signal.Signals) -> None:
    with Interrupts().installed() as interrupts, interrupts.deferred():
        os.kill(os.getpid(), number)
        assert interrupts.requested


def test_with_nothing_to_save_the_first_request_stops_at_once() -> None:
    with Interrupts().installed(), pytest.raises(StopAtOnce):
        os.kill(os.getpid(), signal.SIGINT)


def test_a_signal_that_nohup_ignores_stays_ignored() -> None:
    previous = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interrupts().installed() as interrupts, interrupts.deferred():
            os.kill(os.getpid(), signal.SIGHUP)
            assert not interrupts.requested
    finally:
        signal.signal(signal.SIGHUP, previous)


def test_handlers_are_given_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Interrupts().installed():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before


def test_the_processes_below_ours_are_found_and_ended() -> None:
    script = (
        "import subprocess, sys;"
        "child = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE);"
        "print(child.pid, flush=True); child.wait()"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        grandchild = int(parent.stdout.readline())
        found = [
            process for process in descendants(os.getpid()) if process.number in (parent.pid, grandchild)
        ]
        assert [process.number for process in found] == [parent.pid, grandchild]
        kill(found)
        # Ends when nobody holds the other end any more: neither of the two lives.
        assert parent.stdout.read() == ""
        assert parent.wait() == -signal.SIGKILL


def test_a_process_that_got_a_dead_ones_number_is_left_alone() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        kill([Process(other.pid, started="0")])
        assert other.poll() is None
        other.kill()
