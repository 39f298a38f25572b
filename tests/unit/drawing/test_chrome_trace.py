"""The Chrome trace of a timed step: valid by the format's description, and nested as viewers need it."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from timed_steps import LIMITS, timed

from chainrule import drawing

NUMBERS = {"pid": {"type": "integer"}, "tid": {"type": "integer"}}
EVENT: dict[str, Any] = {
    "type": "object",
    "required": ["name", "ph", "pid", "tid", "args"],
    "properties": {"name": {"type": "string", "minLength": 1}, "ph": {"enum": ["X", "C", "M"]}, **NUMBERS},
    "oneOf": [
        {
            "properties": {
                "ph": {"const": "X"},
                "cat": {"type": "string"},
                "ts": {"type": "number", "minimum": 0},
                "dur": {"type": "number", "minimum": 0},
            },
            "required": ["ts", "dur", "cat"],
        },
        {
            "properties": {
                "ph": {"const": "C"},
                "ts": {"type": "number", "minimum": 0},
                "args": {"type": "object", "minProperties": 1, "additionalProperties": {"type": "number"}},
            },
            "required": ["ts"],
        },
        {
            "properties": {
                "ph": {"const": "M"},
                "name": {"enum": ["process_name", "thread_name"]},
                "args": {
                    "type": "object",
                    "required": ["name"],
                    "properties": {"name": {"type": "string"}},
                    "additionalProperties": False,
                },
            },
        },
    ],
}
TRACE = {
    "type": "object",
    "required": ["traceEvents"],
    "properties": {
        "traceEvents": {"type": "array", "items": EVENT},
        "displayTimeUnit": {"enum": ["ms", "ns"]},
        "otherData": {"type": "object"},
    },
    "additionalProperties": False,
}
"""Of the Trace Event Format, the kinds of events that are written: complete, counter, metadata."""


@pytest.fixture
def trace() -> dict[str, Any]:
    return json.loads(drawing.to_chrome_trace(timed(), LIMITS, "digits"))


def complete(trace: dict[str, Any], category: str) -> list[dict[str, Any]]:
    return [event for event in trace["traceEvents"] if event.get("cat") == category]


def test_the_document_is_as_the_format_says(trace: dict[str, Any]) -> None:
    jsonschema.validate(trace, TRACE)


def test_process_and_thread_have_names(trace: dict[str, Any]) -> None:
    names = {event["name"]: event["args"]["name"] for event in trace["traceEvents"] if event["ph"] == "M"}
    assert names == {"process_name": "digits", "thread_name": "step"}


def test_kernels_lie_in_layers_and_these_in_phases_to_the_nanosecond(trace: dict[str, Any]) -> None:
    open_until: list[int] = []
    last = 0
    for event in (event for event in trace["traceEvents"] if event["ph"] == "X"):
        start = round(event["ts"] * 1e3)
        end = start + round(event["dur"] * 1e3)
        assert start >= last
        last = start
        level = ["phase", "layer", "kernel"].index(event["cat"])
        del open_until[level:]
        assert len(open_until) == level
        assert all(end <= around for around in open_until)
        open_until.append(end)


def test_every_call_is_an_event_with_its_numbers_in_microseconds(trace: dict[str, Any]) -> None:
    kernels = complete(trace, "kernel")
    assert len(kernels) == len(timed().calls)
    assert kernels[1]["name"] == "linear"
    assert (kernels[1]["ts"], kernels[1]["dur"]) == (20.0, 100.0)
    assert kernels[1]["args"] == {
        "layer": "layers.0.linear", "phase": "forward", "flops": 8_000_000, "bytes": 400_000,
        "live_bytes": 60_000, "bound": "compute",
    }  # fmt: skip
    assert [event["name"] for event in complete(trace, "phase")] == ["forward", "backward", "update"]


def test_memory_is_a_counter(trace: dict[str, Any]) -> None:
    counters = [event for event in trace["traceEvents"] if event["ph"] == "C"]
    assert [event["args"]["bytes"] for event in counters] == [call.live_bytes for call in timed().calls]
