"""Tests of how numbers, times and names are written for people."""

from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from chainrule.service.cli.wording import (
    ago,
    command_line,
    count,
    duration,
    one_paragraph,
    rate,
    shape,
    short_path,
    significant,
    size,
    span,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.9722222, "0.9722"),
        (0.0312345, "0.0312"),
        (1.90951, "1.910"),
        (12.3456, "12.35"),
        (1234.5678, "1235"),
        (-0.5, "-0.5000"),
        (0.0, "0"),
        (1.23456e-7, "1.23e-07"),
        (7.5e9, "7.5e+09"),
        (math.nan, "nan"),
        (math.inf, "inf"),
    ],
)
def test_a_figure_keeps_as_many_digits_as_people_read(value: float, text: str) -> None:
    assert significant(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0:00"),
        (7, "0:07"),
        (750, "12:30"),
        (3723, "1:02:03"),
        (273_600, "3 d 04:00"),
        (math.nan, "-:--"),
    ],
)
def test_a_duration_is_written_like_a_clock(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("byte_count", "text"),
    [(812, "812 B"), (38_200, "38.2 kB"), (999_960, "1.0 MB"), (2_500_000_000, "2.5 GB")],
)
def test_a_size_has_the_unit_that_keeps_it_short(byte_count: int, text: str) -> None:
    assert size(byte_count) == text


def test_a_count_of_one_is_singular() -> None:
    assert (count(1, "worker"), count(1437, "sample")) == ("1 worker", "1,437 samples")


def test_how_long_ago_something_was_has_one_unit() -> None:
    now = datetime(2026, 1, 2, tzinfo=timezone.utc)
    gaps = [
        timedelta(seconds=-3),
        timedelta(seconds=12),
        timedelta(minutes=5),
        timedelta(hours=3),
        timedelta(days=2),
    ]
    assert [ago(now - gap, now) for gap in gaps] == ["0 s ago", "12 s ago", "5 min ago", "3 h ago", "2 d ago"]


def test_a_shape_without_dimensions_is_one_value() -> None:
    assert (shape((28, 28)), shape(())) == ("28 x 28", "1")


def test_a_command_can_be_pasted_whatever_the_file_is_called() -> None:
    assert command_line("train", "my job.yaml") == "chainrule train 'my job.yaml'"


def test_control_characters_and_empty_lines_never_reach_the_terminal() -> None:
    assert one_paragraph("bad \x1b[31mname\a\n\nsecond line\n") == "bad  [31mname\nsecond line"


def test_a_path_below_the_present_folder_is_written_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert short_path(tmp_path / "jobs" / "model.safetensors") == "jobs/model.safetensors"
    assert short_path(tmp_path.parent / "other") == str(tmp_path.parent / "other")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0.00 ns"),
        (850e-9, "850 ns"),
        (1.234e-6, "1.23 us"),
        (99.96e-6, "100 us"),
        (0.9996e-3, "1.00 ms"),
        (0.0456, "45.6 ms"),
        (12.34, "12.3 s"),
        (1234.5, "1,234 s"),
    ],
)
def test_a_short_time_has_three_digits_and_the_unit_that_suits_it(seconds: float, text: str) -> None:
    assert span(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.0349, "0.03"), (1.0, "1.00"), (12.345, "12.3"), (1987.6, "1,988")]
)
def test_a_rate_has_three_digits_or_two_decimals(value: float, text: str) -> None:
    assert rate(value) == text
