"""Tests of the moving picture on terminals of several sizes."""

from __future__ import annotations

import io
import re

import pytest
from rich.cells import cell_len
from rich.console import Console, Group

from chainrule.service.cli.live import LiveDisplay, picture
from chainrule.service.cli.progress import TrainingProgress
from chainrule.worker.reports import Progress

COLOURS_THAT_VANISH = {"30", "37", "33", "93", "97", "40", "47"}


def drawn(progress: TrainingProgress, width: int) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system="standard")
    with console.capture() as capture:
        console.print(Group(*picture(progress, width)))
    return capture.get()


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


@pytest.mark.parametrize("width", [20, 40, 59, 80, 200])
def test_no_line_is_longer_than_the_terminal_is_wide(halfway: TrainingProgress, width: int) -> None:
    assert max(cell_len(line) for line in plain(drawn(halfway, width)).splitlines()) <= width


def test_80_columns_show_every_figure(halfway: TrainingProgress) -> None:
    text = plain(drawn(halfway, 80))
    for figure in ("epoch 13/30", "41%", "step 555/1,350", "loss 0.0612", "0:12 left", "20,412 samples/s"):
        assert figure in text
    for heading in ("training loss", "held-out accuracy", "held-out loss", "seconds"):
        assert heading in text


def test_a_narrow_terminal_keeps_the_metric_and_drops_the_rest(halfway: TrainingProgress) -> None:
    text = plain(drawn(halfway, 45))
    assert "held-out accuracy" in text
    assert "seconds" not in text
    assert "…" not in text


def test_a_bar_does_not_stretch_across_a_wide_terminal(halfway: TrainingProgress) -> None:
    assert max(cell_len(line.rstrip()) for line in plain(drawn(halfway, 400)).splitlines()) < 130


def test_colours_can_be_read_on_light_and_on_dark(halfway: TrainingProgress) -> None:
    halfway.apply(Progress(1350, 30, 0.01, 20_000.0, 0.0))
    codes = {
        code for codes in re.findall(r"\x1b\[([0-9;]*)m", drawn(halfway, 80)) for code in codes.split(";")
    }
    assert not codes & COLOURS_THAT_VANISH


def test_a_closed_picture_leaves_the_cursor_as_it_was(halfway: TrainingProgress) -> None:
    file = io.StringIO()
    console = Console(file=file, width=80, height=24, force_terminal=True)
    display = LiveDisplay(console, halfway, 2)
    display.note("lost worker 1")
    display.close()
    text = file.getvalue()
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1
    assert "lost worker 1" in text
