"""Ctrl-C, termination and the long-running server, with real processes on a pipe and on a pseudo-terminal."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from chainrule.service.cli.signals import Process, descendants

JOB = """
name: long
dataset: {source: digits, test_fraction: 0.2}
model: [{linear: {units: 16}}, relu, {dropout: {rate: 0.1}}, {linear: {units: 10}}]
loss: softmax_cross_entropy
optimizer: adam
training: {epochs: EPOCHS, batch_size: 128}
"""
MAIN = [sys.executable, "-c", "import sys; from chainrule.service.cli import main; sys.exit(main())"]
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """A function: start one command in a folder with a job that never ends (long.yaml) and a short one."""
    (tmp_path / "long.yaml").write_text(JOB.replace("EPOCHS", "1000000"))
    (tmp_path / "short.yaml").write_text(JOB.replace("EPOCHS", "40"))
    started: list[subprocess.Popen[str]] = []

    def start_command(*arguments: str, **options: Any) -> subprocess.Popen[str]:
        environment = {**os.environ, "CHAINRULE_DATA_DIR": str(tmp_path / "data"), "TERM": "xterm"}
        environment.pop("CHAINRULE_ADDRESS", None)
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        process = subprocess.Popen(
            [*MAIN, *arguments], cwd=tmp_path, env=environment, text=True, start_new_session=True, **streams
        )
        started.append(process)
        return process

    yield start_command
    for process in started:
        process.kill()
        process.wait()


def lines_until(stream: IO[str] | None, beginning: str) -> list[str]:
    assert stream is not None
    lines: list[str] = []
    for line in stream:
        lines.append(line)
        if line.startswith(beginning):
            return lines
    raise AssertionError(f"the output ended without {beginning!r}: {''.join(lines)}")


def last_object(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, err = process.communicate(timeout=100)
    assert err == ""
    return json.loads(out.splitlines()[-1])


def test_an_interrupted_job_is_resumed_by_the_command_it_prints_and_ends_in_the_same_bytes(
    start: Start,
) -> None:
    whole = last_object(start("train", "short.yaml", "--runtime", "inprocess", "--output", "json"))
    process = start("train", "short.yaml", "--runtime", "inprocess", "--output", "json")
    lines_until(process.stdout, '{"type": "epoch_completed"')
    process.send_signal(signal.SIGINT)
    paused = last_object(process)
    assert (process.returncode, paused["state"]) == (130, "PAUSED")
    assert paused["commands"]["resume"].startswith(f"chainrule resume {paused['job']}")
    command = paused["commands"]["resume"].split()[1:]
    resumed = start(*command, "--output", "json")
    result = last_object(resumed)
    assert (resumed.returncode, result["state"], result["digest"]) == (0, "SUCCEEDED", whole["digest"])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_shutdown_pauses_the_job_too(start: Start, number: signal.Signals) -> None:
    process = start("train", "long.yaml", "--runtime", "inprocess")
    lines_until(process.stdout, "epoch")
    process.send_signal(number)
    out, err = process.communicate(timeout=100)
    assert (process.returncode, err) == (130, "")
    assert "state       paused" in out
    assert "resume  chainrule resume long-" in out


def test_a_second_interrupt_stops_at_once_and_the_job_can_still_be_resumed(start: Start) -> None:
    process = start("train", "long.yaml", "--runtime", "inprocess")
    lines_until(process.stdout, "epoch")
    process.send_signal(signal.SIGINT)
    lines_until(process.stdout, "Pausing")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=100)
    assert (process.returncode, err) == (130, "")
    assert "chainrule resume long-" in out
    listed = start("jobs", "--output", "json")
    assert last_object(listed)["state"] == "PAUSED"


def test_a_second_interrupt_leaves_no_ray_process_behind(start: Start) -> None:
    process = start("train", "long.yaml")
    lines_until(process.stdout, "epoch")
    family = descendants(process.pid)
    assert len(family) > 3
    [folder] = shared_memory_of(family)
    assert folder.exists()
    process.send_signal(signal.SIGINT)
    lines_until(process.stdout, "Pausing")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=100)
    assert process.returncode == 130
    assert [each.number for each in family if not ends(each.number, within=10.0)] == []
    assert not folder.exists()


def shared_memory_of(family: list[Process]) -> set[Path]:
    """The folders in which these processes share a job's arrays."""
    folders = set()
    for each in family:
        for line in Path(f"/proc/{each.number}/maps").read_text().splitlines():
            if line.endswith("/board"):
                folders.add(Path(line.split()[-1]).parent)
    return folders


def ends(number: int, within: float) -> bool:
    """Whether a process that is no child of ours ends in so many seconds."""
    try:
        descriptor = os.pidfd_open(number)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], within)[0])
    finally:
        os.close(descriptor)


def test_a_reader_that_goes_away_pauses_the_job(start: Start) -> None:
    process = start("train", "long.yaml", "--runtime", "inprocess")
    lines_until(process.stdout, "epoch")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait(timeout=100) == 1
    assert last_object(start("jobs", "--output", "json"))["state"] == "PAUSED"


class Terminal:
    """A command on a terminal of its own; `screen` is everything it wrote."""

    def __init__(self, start: Start, columns: int, *arguments: str) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.process = start(
            *arguments, stdin=slave, stdout=slave, stderr=slave, preexec_fn=lambda: _take_terminal(slave)
        )
        os.close(slave)
        self.screen = ""

    def wait_for(self, pattern: str) -> None:
        begin = len(self.screen)
        while not re.search(pattern, self.screen[begin:]):
            assert self._read(), f"the output ended without {pattern!r}: {self.screen}"

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def wait(self) -> int:
        while self._read():
            pass
        os.close(self._master)
        return self.process.wait(timeout=100)

    def _read(self) -> bool:
        try:
            read = os.read(self._master, 65536)
        except OSError:
            return False
        self.screen += read.decode(errors="replace")
        return bool(read)


def _take_terminal(slave: int) -> None:
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_on_a_terminal_ctrl_c_pauses_and_the_cursor_comes_back(start: Start, columns: int) -> None:
    terminal = Terminal(start, columns, "train", "long.yaml", "--runtime", "inprocess")
    terminal.wait_for(r"step [0-9,]+/")
    terminal.type("\x03")
    assert terminal.wait() == 130
    text = terminal.screen
    assert "Pausing" in text
    assert "paused" in text
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h")
    assert "Traceback" not in text


def test_no_color_is_respected(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    terminal = Terminal(start, 80, "train", "short.yaml", "--runtime", "inprocess", "--set", "name=plain")
    assert terminal.wait() == 0
    codes = set(";".join(re.findall(r"\x1b\[([0-9;]*)m", terminal.screen)).split(";"))
    assert codes.isdisjoint({str(number) for number in (*range(30, 39), *range(90, 98))})


def test_a_server_serves_until_it_is_asked_to_stop_and_its_job_goes_on_with_the_next(start: Start) -> None:
    server, address = serve(start)
    submitted = last_object(start("submit", "short.yaml", "--output", "json"))
    job = submitted["job"]
    watching = start("watch", job, "--address", address, "--output", "json")
    lines_until(watching.stdout, '{"type": "epoch_completed"')
    watching.send_signal(signal.SIGINT)
    last_object(watching)
    assert watching.returncode == 130
    server.send_signal(signal.SIGTERM)
    _, log = server.communicate(timeout=100)
    assert (server.returncode, "Traceback" in log) == (0, False)
    serve(start)
    done = start("watch", job, "--output", "json")
    assert (last_object(done)["state"], done.returncode) == ("SUCCEEDED", 0)


def test_a_running_service_is_found_by_its_data_folder_and_asked_to_pause_and_resume(start: Start) -> None:
    serve(start)
    job = last_object(start("submit", "long.yaml", "--output", "json"))["job"]
    watching = start("watch", job)
    lines_until(watching.stdout, "epoch")
    assert last_object(start("pause", job, "--output", "json"))["state"] in ("PAUSING", "PAUSED")
    watching.communicate(timeout=100)
    assert watching.returncode == 130
    assert last_object(start("resume", job, "--output", "json"))["state"] == "QUEUED"
    assert last_object(start("cancel", job, "--output", "json"))["job"] == job
    ended = start("watch", job, "--output", "json")
    assert (last_object(ended)["state"], ended.returncode) == ("CANCELLED", 1)


def test_a_port_in_use_is_named_with_what_to_do(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        process = start("serve", "--runtime", "inprocess", "--port", port)
        out, err = process.communicate(timeout=100)
    assert (process.returncode, out) == (1, "")
    assert err.startswith(f"Error: cannot listen on 127.0.0.1:{port}")
    assert "choose another port" in err


def test_a_data_folder_has_one_service_and_the_second_says_who_that_is(start: Start) -> None:
    server, address = serve(start)
    second = start("train", "short.yaml", "--runtime", "inprocess")
    _, err = second.communicate(timeout=100)
    assert second.returncode == 1
    assert str(server.pid) in err
    assert address in err


def serve(start: Start) -> tuple[subprocess.Popen[str], str]:
    server = start("serve", "--runtime", "inprocess", "--port", "0", "--output", "json")
    return server, json.loads(lines_until(server.stdout, "{")[-1])["address"]
