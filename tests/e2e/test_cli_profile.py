"""`chainrule profile` as a shell sees it: the tables, the picture, the trace, and what is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
MAIN = [sys.executable, "-c", "import sys; from chainrule.service.cli import main; sys.exit(main())"]
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A function: `chainrule profile` of an example with more arguments, in a folder of its own."""

    def run_command(example: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*MAIN, "profile", str(EXAMPLES / f"{example}.yaml"), *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONIOENCODING": "utf-8", **environment},
            capture_output=True,
            encoding="utf-8",
            timeout=100,
        )

    return run_command


def content(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


@pytest.mark.parametrize("example", ["digits", "cnn", "lstm", "transformer", "python_model"])
def test_every_kind_of_job_has_a_table_of_its_layers_and_a_verdict(run: Run, example: str) -> None:
    done = run(example, "--steps", "3")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].split() == "layer calls time share GFLOP/s max GB/s max bound by".split()
    names = [line.split()[0] for line in lines[1 : lines.index("")]]
    assert names[0] == "samples"
    assert "loss" in names
    assert names[-2:] == ["update", "all"]
    pairs = {line.split()[0]: line for line in lines[lines.index("") + 1 :]}
    assert list(pairs) == ["timed", "step", "speed", "memory", "limits", "verdict"]
    assert "bound by" in pairs["verdict"]
    assert "samples/s" in pairs["speed"]


def test_the_shares_add_up_and_the_rates_follow_from_the_times(run: Run) -> None:
    profile = content(run("digits", "--steps", "3", "--output", "json", CHAINRULE_NATIVE="0"))
    assert sum(row["share"] for row in profile["rows"]) == pytest.approx(1)
    assert sum(row["seconds"] for row in profile["rows"]) == pytest.approx(profile["total"]["seconds"])
    assert sum(profile["bound"].values()) == pytest.approx(1)
    assert (profile["samples"], profile["batch_samples"], profile["micro_batches"]) == (8, 32, 4)
    assert profile["samples_per_second"] == pytest.approx(32 / profile["job_step_seconds"])
    assert profile["repeats"] == 3
    (first,) = (row for row in profile["rows"] if row["name"] == "layers.0.linear")
    assert first["calls"] == 3
    assert first["flops_per_second"] * first["seconds"] == pytest.approx(2 * 66048 + 512)


def test_kernels_or_single_calls_are_the_rows_on_request(run: Run) -> None:
    kernels = content(run("digits", "--steps", "2", "--by", "kernel", "--output", "json"))
    assert "adam" in {row["name"] for row in kernels["rows"]}
    calls = content(run("digits", "--steps", "2", "--by", "call", "--output", "json"))
    assert len(calls["rows"]) == kernels["total"]["calls"]
    assert run("digits", "--steps", "2", "--by", "call").stdout.startswith("call ")


def test_a_step_without_compiled_kernels_is_timed_eagerly_and_says_so(run: Run) -> None:
    arguments = ("--steps", "2", "--by", "kernel", "--output", "json")
    profile = content(run("digits", *arguments, CHAINRULE_NATIVE="0"))
    assert not profile["planned"]
    assert "no compiled kernels" in profile["reason"]
    assert {"linear", "linear backward", "adam"} <= {row["name"] for row in profile["rows"]}


@pytest.mark.parametrize("example", ["digits", "cnn", "lstm", "transformer"])
def test_a_planned_step_is_timed_as_it_is_replayed_and_backward_calls_have_their_layer(
    run: Run, example: str
) -> None:
    arguments = ("--steps", "2", "--by", "call", "--output", "json")
    profile = content(run(example, *arguments, CHAINRULE_NATIVE="1"))
    assert profile["planned"]
    assert profile["peak_bytes"] > 0
    backward = [row for row in profile["rows"] if row["phase"] == "backward"]
    assert any(row["layer"].endswith(".linear") for row in backward)
    assert {row["phase"] for row in profile["rows"]} == {"forward", "backward", "update"}


def test_changes_and_threads_of_the_command_line_count(run: Run) -> None:
    changes = ("--set", "training.micro_batches=1", "--set", "cluster.workers=1")
    arguments = (*changes, "--threads", "1", "--steps", "2")
    profile = content(run("digits", *arguments, "--output", "json"))
    assert (profile["samples"], profile["micro_batches"]) == (32, 1)
    assert profile["limits"]["threads"] == 1
    assert profile["job_step_seconds"] == pytest.approx(profile["step_seconds"])


@pytest.mark.parametrize(
    "change",
    [
        "training.precision=float16",
        "training.clip_norm=1.0",
        "optimizer={sophia: {}}",
        "optimizer={muon: {}}",
        "training.average={decay: 0.9}",
        "penalties=[{l2: {strength: 0.1}}]",
        "training.batch_size=full",
    ],
)
def test_all_that_goes_with_an_optimizer_can_be_timed(run: Run, change: str) -> None:
    profile = content(run("digits", "--steps", "1", "--set", change, "--output", "json"))
    assert profile["total"]["calls"] > 10


def test_picture_and_trace_are_saved_and_their_places_told(run: Run, tmp_path: Path) -> None:
    done = run("lstm", "--steps", "2", "--save-picture", "step.svg", "--save-trace", "step.json")
    assert done.returncode == 0
    assert "step.svg (" in done.stdout
    assert "step.json (" in done.stdout
    assert ElementTree.fromstring((tmp_path / "step.svg").read_text("utf-8")).tag.endswith("svg")
    events = json.loads((tmp_path / "step.json").read_text("utf-8"))["traceEvents"]
    assert {event["ph"] for event in events} == {"M", "X", "C"}
    assert "layers.1.lstm" in {event["name"] for event in events}


@pytest.mark.parametrize("wide", [True, False])
def test_the_table_fits_eighty_columns_and_a_narrow_one_48(wide: bool) -> None:
    from rich.console import Console

    from chainrule.core.machine_limits import Bound, MachineLimits
    from chainrule.drawing import TimeRow
    from chainrule.service.cli.options import ProfileRows
    from chainrule.service.cli.profile import time_table

    name = "layers.3.layers.0.attention.query.time_linear"
    row = TimeRow(name, name, "forward", 12_345, 99.9e-6, 0.5, 123e9, 45.6e9, Bound.OVERHEAD)
    for by in ProfileRows:
        width = 80 if wide else 48
        console = Console(width=width)
        with console.capture() as capture:
            console.print(time_table([row, row], MachineLimits(99e9, 30e9, 2), by, wide))
        lines = capture.get().splitlines()
        assert max(map(len, lines)) <= width
        assert "…" not in capture.get()
        assert lines[1].startswith("layers.3.")
        assert "overhead" in lines[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--by", "moon"), "--by"),
        (("--steps", "0"), "--steps"),
        (("--steps", "9" * 30), "--steps"),
        (("--threads", "0"), "--threads"),
        (("--save-picture", "step.png"), "--save-picture step.png: expected a name that ends in .svg"),
        (("--save-trace", "gone/step.json"), "--save-trace gone/step.json: there is no folder"),
        (("--set", "model[4].linear.units=7"), "10 classes"),
        (("--set", "cluster.device=cuda"), "cluster.device"),
        (("--output", "xml"), "--output"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(run: Run, arguments: tuple[str, ...], message: str) -> None:
    done = run("digits", *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_in_the_place_of_a_picture_is_refused_before_anything_is_timed(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "step.svg").mkdir()
    done = run("digits", "--save-picture", "step.svg")
    assert (done.returncode, done.stdout) == (2, "")
    assert "step.svg: that is a folder" in done.stderr


def test_a_full_disk_takes_the_picture_but_not_the_table(run: Run, tmp_path: Path) -> None:
    (tmp_path / "step.svg").symlink_to("/dev/full")
    done = run("digits", "--steps", "1", "--save-picture", "step.svg")
    assert done.returncode == 1
    assert "layers.0.linear" in done.stdout
    assert done.stderr == "Error: No space left on device.\n"


def test_a_loss_that_depends_on_values_is_timed_eagerly_and_says_why(run: Run) -> None:
    changes = "loss=triplet_margin", "metrics=[]"
    settings = [word for change in changes for word in ("--set", change)]
    profile = content(run("digits", *settings, "--steps", "2", "--output", "json", CHAINRULE_NATIVE="1"))
    assert not profile["planned"]
    assert "depend on data" in profile["reason"]
    assert any(row["name"] == "loss" for row in profile["rows"])


def test_a_job_file_that_is_not_there_is_named(run: Run) -> None:
    done = run("nowhere")
    assert done.returncode == 2
    assert "nowhere.yaml" in done.stderr
    assert "Traceback" not in done.stderr
