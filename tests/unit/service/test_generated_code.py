"""The committed protobuf code belongs to the committed .proto files."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from google.api import field_behavior_pb2

from chainrule.v1 import job_pb2

ROOT = Path(__file__).parents[3]
PROTOS = ROOT / "protos"


def generated(folder: Path) -> dict[str, str]:
    files = folder.glob("chainrule/v1/*_pb2*")
    return {path.name: path.read_text() for path in files if path.suffix in (".py", ".pyi")}


def test_the_generated_code_is_fresh(tmp_path: Path) -> None:
    specification = importlib.util.spec_from_file_location("generate", PROTOS / "generate.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    module.generate(tmp_path)
    assert generated(tmp_path) == generated(PROTOS), "run `make proto`"


@pytest.mark.parametrize("path", sorted(PROTOS.glob("chainrule/v1/*.proto")), ids=lambda path: path.name)
def test_everything_in_the_protos_has_a_comment(path: Path) -> None:
    previous = ""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        text = line.strip()
        opens = text.startswith(
            ("message ", "enum ", "service ", "rpc ", "oneof ", "optional ", "repeated ", "map<")
        )
        field = (
            text.endswith((";", "["))
            and " = " in text
            and not text.startswith(("option", "syntax", "(", "//"))
        )
        if opens or field:
            assert previous.startswith("//"), f"{path.name}:{number} {text}"
        previous = text


def test_what_only_the_service_sets_is_marked_so() -> None:
    fields = job_pb2.Job.DESCRIPTOR.fields_by_name
    behavior: Any = field_behavior_pb2.field_behavior
    for name in ("uid", "state", "create_time", "progress", "metrics", "model", "error", "summary"):
        assert field_behavior_pb2.OUTPUT_ONLY in fields[name].GetOptions().Extensions[behavior], name
    assert field_behavior_pb2.REQUIRED in fields["spec"].GetOptions().Extensions[behavior]
