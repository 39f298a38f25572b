"""Tests of what goes to standard output in each mode."""

from __future__ import annotations

import json
import sys

import pytest
from rich.text import Text

from chainrule.service.cli.output import Output, OutputMode, json_line, tolerant_streams
from chainrule.service.jobs.states import JobState


def test_numbers_that_json_has_no_word_for_become_null() -> None:
    line = json_line({"loss": float("nan"), "more": [float("inf"), 1.5], "state": JobState.PAUSED})
    assert json.loads(line) == {"loss": None, "more": [None, 1.5], "state": "PAUSED"}


def test_json_mode_writes_objects_only(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(OutputMode.JSON)
    output.line("for people")
    output.pairs([("label", "value")])
    output.object({"a": 1})
    assert capsys.readouterr().out == '{"a": 1}\n'


def test_text_mode_writes_no_objects(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output()
    output.object({"a": 1})
    output.line("for people")
    assert capsys.readouterr().out == "for people\n"


def test_a_long_value_stays_on_one_line_so_that_it_can_be_copied(capsys: pytest.CaptureFixture[str]) -> None:
    Output().pairs([("model", "/" + "folder/" * 60 + "model.safetensors"), ("id", Text("x"))])
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("model  /folder/")
    assert first.endswith("/model.safetensors")
    assert second == "id     x"


def test_markup_in_a_name_is_only_text(capsys: pytest.CaptureFixture[str]) -> None:
    Output().pairs([("name", "[red]loud[/red] :smile:")])
    assert capsys.readouterr().out == "name  [red]loud[/red] :smile:\n"


def test_a_standard_output_that_was_closed_takes_all_in_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    tolerant_streams()
    Output().line("to nobody")
    for stream in (sys.stdout, sys.stderr):
        stream.close()
