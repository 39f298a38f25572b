"""`chainrule graph` as a shell sees it: the table, the documents, and what is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path

import pytest

JOB = """
dataset: {source: digits}
model:
  - linear: {units: 32}
  - relu
  - dropout: {rate: 0.5}
  - linear: {units: 10}
loss: softmax_cross_entropy
optimizer: adam
"""
Run = Callable[..., subprocess.CompletedProcess[str]]
MAIN = [sys.executable, "-c", "import sys; from chainrule.service.cli import main; sys.exit(main())"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A function: `chainrule graph job.yaml` with more arguments, in the folder of the job file."""
    (tmp_path / "job.yaml").write_text(JOB)

    def run_command(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [*MAIN, "graph", "job.yaml", *arguments]
        environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8", timeout=100
        )

    return run_command


def columns(line: str) -> list[str]:
    return line.split()


def test_the_table_has_a_row_a_layer_with_shape_parameters_flops_and_memory(run: Run) -> None:
    done = run()
    assert (done.returncode, done.stderr) == (0, "")
    lines = [columns(line) for line in done.stdout.splitlines()]
    assert lines[:3] == [
        ["layer", "output", "shape", "parameters", "FLOPs", "activations"],
        ["input", "1", "x", "64"],
        ["layers.0.linear", "1", "x", "32", "2,080", "4,128", "128", "B"],
    ]
    assert lines[4][0] == "layers.2.dropout"
    assert lines[7][:2] == ["all", "2,410"]
    assert lines[-1] == "passes forward, for 1 sample in training".split()


def test_the_batch_and_the_backward_pass_are_counted_on_request(run: Run) -> None:
    done = run("--batch", "8", "--backward")
    lines = [columns(line) for line in done.stdout.splitlines()]
    assert lines[2] == ["layers.0.linear", "8", "x", "32", "2,080", "33,024", "33,024", "1.0", "kB"]
    assert lines[-1] == "passes forward and backward, for 8 samples in training".split()


def test_changes_of_the_command_line_are_part_of_the_graph(run: Run) -> None:
    lines = run("--set", "model[0].linear.units=7").stdout.splitlines()
    assert columns(lines[2])[:5] == ["layers.0.linear", "1", "x", "7", "455"]


def test_json_has_the_rows_and_the_totals(run: Run) -> None:
    summary = json.loads(run("--output", "json", "--batch", "2").stdout)
    assert summary["samples"] == 2
    assert [row["layer"] for row in summary["layers"]][:2] == ["layers.0.linear", "layers.1.relu"]
    assert summary["layers"][0]["output_shape"] == [2, 32]
    assert summary["total"]["parameters"] == 2410


@pytest.mark.parametrize(
    ("name", "arguments"), [("graph.svg", ()), ("graph.SVG", ()), ("picture", ("--format", "svg"))]
)
def test_a_picture_is_saved_and_its_place_told(
    run: Run, tmp_path: Path, name: str, arguments: tuple[str, ...]
) -> None:
    done = run("--save", name, *arguments)
    assert done.returncode == 0
    assert done.stdout.startswith(f"{name} (")
    svg = (tmp_path / name).read_text(encoding="utf-8")
    assert ElementTree.fromstring(svg).tag.endswith("svg")
    assert "dropout" in svg
    assert "1×64" in svg
    assert 'class="backward"' not in svg


def test_each_operation_and_the_gradients_are_drawn_on_request(run: Run, tmp_path: Path) -> None:
    assert run("--save", "graph.svg", "--operations", "--backward").returncode == 0
    svg = (tmp_path / "graph.svg").read_text(encoding="utf-8")
    assert "weight 64×32" in svg
    assert 'class="backward"' in svg


def test_documents_go_to_standard_output_where_no_file_is_named(run: Run) -> None:
    assert run("--format", "dot").stdout.startswith("digraph model {")
    assert ElementTree.fromstring(run("--format", "svg").stdout).tag.endswith("svg")
    nodes = json.loads(run("--format", "json").stdout)["nodes"]
    assert nodes[0]["kind"] == "input"
    assert json.loads(run("--format", "dot", "--output", "json").stdout)["dot"].startswith("digraph")


def test_a_place_that_says_no_format_or_is_not_there_is_refused(run: Run, tmp_path: Path) -> None:
    done = run("--save", "graph.png")
    assert done.returncode == 2
    assert done.stderr.startswith("Error: --save graph.png: expected a name that ends in .svg")
    done = run("--save", "gone/graph.svg")
    assert done.returncode == 2
    assert str(tmp_path / "gone") in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["job.yaml"]


def test_a_model_that_does_not_fit_its_data_is_refused_as_by_validate(run: Run) -> None:
    done = run("--set", "model[3].linear.units=7")
    assert done.returncode == 2
    assert "model[3].linear.units" in done.stderr
    assert "10 classes" in done.stderr
