"""Tests of the command line's arguments and help."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version

import pytest

from chainrule.service.cli import main

COMMANDS = (
    "train validate graph profile predict export serve submit jobs status watch pause resume cancel delete "
    "download"
).split()
HEAVY = ("grpc", "ray", "rich", "numpy", "sqlalchemy")


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert [name for name in COMMANDS if f"\n  {name} " in text] == COMMANDS
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_and_an_output_option(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "--help"]) == 0
    assert "--output" in capsys.readouterr().out


def test_the_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"chainrule {version('chainrule')}\n"


def test_help_is_quick_because_it_loads_no_heavy_library() -> None:
    script = (
        "import sys; from chainrule.service.cli import main; main(['train', '--help']);"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_an_unknown_command_suggests_the_nearest_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trian"]) == 2
    assert capsys.readouterr().err == (
        "Error: No such command 'trian'. Did you mean 'train'? See `chainrule --help`.\n"
    )


def test_a_bad_option_is_named_with_the_commands_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "job.yaml", "--workers", "none"]) == 2
    message = capsys.readouterr().err
    assert "--workers" in message
    assert message.endswith("See `chainrule train --help`.\n")


@pytest.mark.parametrize("spelling", [["--output", "json"], ["--output=json"], ["-o", "json"]])
def test_even_bad_usage_is_told_in_json_where_that_was_asked_for(
    spelling: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", *spelling]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "JOB" in json.loads(captured.err)["error"]["message"]
