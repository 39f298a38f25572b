"""The picture of a timed step: everything in its place, widths by time, words where there is room."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from typing import Any

import pytest
from timed_steps import CALLS, LIMITS, timed

from chainrule import drawing

SVG = "{http://www.w3.org/2000/svg}"


def bars(picture: str, style: str) -> list[tuple[float, float, str]]:
    """(left, width, title) of the boxes of a style."""
    return [
        (float(rect.attrib["x"]), float(rect.attrib["width"]), title.text or "")
        for group in ElementTree.fromstring(picture).iter(f"{SVG}g")
        for title, rect in [(group[0], group[1])]
        if rect.attrib["class"].split()[0] == style
    ]


def texts(picture: str) -> Iterator[tuple[str, float]]:
    for text in ElementTree.fromstring(picture).iter(f"{SVG}text"):
        yield text.text or "", float(text.attrib["x"])


def test_phases_lie_along_time_as_wide_as_they_took() -> None:
    forward, backward, update = bars(drawing.to_flame(timed(), LIMITS), "phase")
    assert [bar[2].splitlines()[0] for bar in (forward, backward, update)] == [
        "forward",
        "backward",
        "update",
    ]
    assert backward[0] - forward[0] == pytest.approx(240 / 500.2 * 1060, abs=0.1)
    assert update[1] == pytest.approx(70 / 500.2 * 1060, abs=1.1)


def test_layers_lie_under_their_phase_and_what_is_pointed_at_tells_the_numbers() -> None:
    layers = bars(drawing.to_flame(timed(), LIMITS), "layer")
    assert [title.splitlines()[0] for *_, title in layers] == [
        "samples", "layers.0.linear", "layers.1.relu", "layers.2.linear", "loss",
        "layers.2.linear", "layers.1.relu", "layers.0.linear", "update",
    ]  # fmt: skip
    assert layers[1][2].splitlines() == [
        "layers.0.linear",
        "100 µs from 20 µs",
        "8 M FLOPs: 80 GFLOP/s, 80.0% of the limit",
        "400 kB: 4 GB/s, 20.0% of the limit",
        "bound by compute",
        "60 kB in use",
    ]


def test_kernels_are_coloured_by_their_kind_and_what_holds_them_back_stands_below() -> None:
    picture = drawing.to_flame(timed(), LIMITS)
    assert len(bars(picture, "product")) == 4
    assert [title.splitlines()[0] for *_, title in bars(picture, "move")] == ["take", "linear backward"]
    assert [title.splitlines()[0] for *_, title in bars(picture, "update")] == ["adam"]
    assert bars(picture, "overhead")
    assert bars(picture, "compute")
    assert bars(picture, "memory")


def test_kernels_too_narrow_to_see_are_drawn_together() -> None:
    many = [("add", "layers.0.lstm", "forward", 0.1, 10, 120, 5)] * 500
    picture = drawing.to_flame(
        timed([*many, ("linear", "layers.1.linear", "forward", 999.0, 9, 99, 9)]), LIMITS
    )
    assert [title.splitlines()[0] for *_, title in bars(picture, "arithmetic")] == [
        "500 calls: add",
        "linear",
    ]


@pytest.mark.parametrize("calls", [CALLS, CALLS[:1], CALLS * 80], ids=["few", "one", "many"])
def test_no_word_leaves_its_box_or_the_page(calls: list[Any]) -> None:
    picture = drawing.to_flame(timed(calls), LIMITS, "job")
    page = float(ElementTree.fromstring(picture).attrib["width"])
    for text, left in texts(picture):
        assert left >= 0
        assert left + 6 * len(text) <= page + 1
    for group in ElementTree.fromstring(picture).iter(f"{SVG}g"):
        box = group[1]
        for text in group[2:]:
            assert float(text.attrib["x"]) >= float(box.attrib["x"])
            end = float(text.attrib["x"]) + 6 * len(text.text or "")
            assert end <= float(box.attrib["x"]) + float(box.attrib["width"]) + 1


def test_the_memory_has_its_curve_and_its_peak_and_time_its_marks() -> None:
    picture = drawing.to_flame(timed(), LIMITS)
    words = [text for text, _ in texts(picture)]
    assert 'class="curve"' in picture
    assert "99 kB" in words
    assert [word for word in words if word.endswith("µs")] == [
        "100 µs",
        "200 µs",
        "300 µs",
        "400 µs",
        "500 µs",
    ]


def test_the_head_names_the_job_its_time_and_what_holds_it_back() -> None:
    head = next(texts(drawing.to_flame(timed(), LIMITS, "digits <1>")))[0]
    assert head.startswith("digits <1> · eager step of 500 µs · 10 calls · 99 kB at most · ")
    assert "compute" in head


def test_an_empty_step_is_a_picture_too() -> None:
    assert ElementTree.fromstring(drawing.to_flame(timed([]), LIMITS)).tag == f"{SVG}svg"


def test_the_same_step_gives_the_same_bytes_and_needs_nothing_from_elsewhere() -> None:
    picture = drawing.to_flame(timed(), LIMITS)
    assert picture == drawing.to_flame(timed(), LIMITS)
    assert re.findall(r"https?://[^\"]+", picture) == ["http://www.w3.org/2000/svg"]
    assert picture._repr_svg_() == picture
