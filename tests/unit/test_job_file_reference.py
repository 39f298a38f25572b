"""The reference of the job file is that of the present job file, and its examples can be used."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from chainrule.worker.model import build_model
from chainrule.worker.spec import parse_spec
from chainrule.worker.spec.file import parse_yaml

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "job_file.md").read_text(encoding="utf-8")
EXAMPLES = [parse_yaml(text) for text in re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)]


def test_the_reference_is_fresh() -> None:
    specification = importlib.util.spec_from_file_location("job_file", DOCS / "job_file.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    assert module.reference() == TEXT, "run `python docs/job_file.py`"


@pytest.mark.parametrize(
    ("name", "sample", "output"),
    [("cnn", (64,), (10,)), ("characters", (50,), (50, 65)), ("texts", (50,), (4,))],
)
def test_the_examples_are_jobs_whose_layers_fit_together(
    name: str, sample: tuple[int, ...], output: tuple[int, ...]
) -> None:
    [data] = [example for example in EXAMPLES if example["name"] == name]
    assert build_model(parse_spec(data), sample).output_shape(sample) == output


def test_every_setting_is_explained() -> None:
    rows = [line for line in TEXT.splitlines() if line.startswith("|") and line.count(" | ") >= 3]
    unexplained = [row for row in rows if "`" in row and row.rstrip("| ").endswith(("required", "|"))]
    assert len(rows) > 250
    assert unexplained == []
